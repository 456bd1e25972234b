"""Somebody can always administer the server: the last one who can neither goes nor gives it up, by any door."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser
from rest_framework.test import APIClient

from chatjuicer.accounts.exceptions import LastAdministrator
from chatjuicer.accounts.models import Role, TokenFamily, User
from tests.chatjuicer.accounts.at_once import at_once
from tests.chatjuicer.accounts.test_ranks import NO_INLINES, USERS, browser_of
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

ME = "/api/auth/me"
SAID = b"make another administrator first"
DELETED = {"post": "yes"}
UNNAMED = {"email": "", "theme": "system", "is_active": "on"}


@pytest.fixture
def root(db: None) -> User:
    cache.clear()
    return User.objects.create_superuser("root@example.org", PASSWORD)


def administrators() -> list[str]:
    found = User.objects.filter(is_active=True, is_staff=True, is_superuser=True)
    return list(found.order_by("email").values_list("email", flat=True))


def test_the_last_one_does_not_delete_themselves(
    root: User, alice: User, client_of: Callable[[User], APIClient]
) -> None:
    client = client_of(root)
    family = TokenFamily.objects.sign_in(root)
    refused(client.delete(ME, {"password": PASSWORD}), 409, "last_administrator")
    family.refresh_from_db()
    assert (administrators(), family.revoked_at) == ([root.email], None)
    assert client.get(ME).status_code == 200
    refused(client.delete(ME, {"password": "not hers"}), 403, "wrong_password")  # as ever
    alice.administer(role=Role.ADMINISTRATOR)
    assert client.delete(ME, {"password": PASSWORD}).status_code == 200
    assert administrators() == [alice.email]


@pytest.mark.parametrize("powerless", [{"is_staff": True}, {"is_superuser": True}, "turned off"])
def test_who_could_not_administer_it_does_not_count(
    root: User, powerless: Any, client_of: Callable[[User], APIClient]
) -> None:
    flags = {"is_staff": True, "is_superuser": True, "is_active": False} if powerless == "turned off" else powerless
    User.objects.create_user("other@example.org", PASSWORD, **flags)
    refused(client_of(root).delete(ME, {"password": PASSWORD}), 409, "last_administrator")


def test_who_is_alone_may_go(root: User, client_of: Callable[[User], APIClient]) -> None:
    assert client_of(root).delete(ME, {"password": PASSWORD}).status_code == 200
    assert not User.objects.exists()


def test_nor_in_the_admin(root: User, alice: User) -> None:
    browser = browser_of(root)
    all_of_them = {"action": "delete_selected", "_selected_action": [str(root.pk)], **DELETED}
    for path, form in ((f"{USERS}{root.pk}/delete/", DELETED), (USERS, all_of_them)):
        answer = browser.post(path, form, follow=True)
        assert SAID in answer.content, path
        assert b"successfully" not in answer.content
    assert administrators() == [root.email]
    alice.delete()
    assert browser.post(f"{USERS}{root.pk}/delete/", DELETED).status_code == 302
    assert not User.objects.exists()


@pytest.mark.parametrize("end", [{"is_active": False}, {"is_staff": False}, {"is_superuser": False}])
def test_nor_by_any_other_door(root: User, alice: User, end: dict[str, bool]) -> None:
    for name, value in end.items():
        setattr(root, name, value)
    for written in (None, list(end)):
        with pytest.raises(LastAdministrator):
            root.save(update_fields=written)
    assert administrators() == [root.email]
    alice.is_staff = alice.is_superuser = True
    alice.save()
    root.save()
    assert administrators() == [alice.email]


def leave(client: APIClient, rival: User) -> bool:
    return bool(client.delete(ME, {"password": PASSWORD}).status_code == 200)


def delete_in_the_admin(browser: Browser, rival: User) -> bool:
    return SAID not in browser.post(f"{USERS}{rival.pk}/delete/", DELETED, follow=True).content


def demote_in_the_admin(browser: Browser, rival: User) -> bool:
    form = UNNAMED | NO_INLINES | {"email": rival.email}
    return SAID not in browser.post(f"{USERS}{rival.pk}/change/", form, follow=True).content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", [leave, delete_in_the_admin, demote_in_the_admin])
def test_of_two_at_once_one_stays(
    root: User, alice: User, end: Callable[[Any, User], bool], client_of: Callable[[User], APIClient]
) -> None:
    rival = User.objects.create_superuser("rival@example.org", PASSWORD)
    door = client_of if end is leave else browser_of
    ended = at_once([partial(end, door(root), rival), partial(end, door(rival), root)], User.objects.all())
    assert len(administrators()) == 1
    if connection.vendor == "postgresql":  # on SQLite the second one may have no rights to ask with any more
        assert sorted(ended) == [False, True]
