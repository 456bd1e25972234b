"""Changing a password, and which are taken."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from rest_framework.test import APIClient

from chatjuicer.accounts.exceptions import InvalidCredentials
from chatjuicer.accounts.models import TokenFamily, User
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

NEW = "a battery of correct horses"
WEAK = {
    "short7!": "at least 8",
    "password123": "too common",
    "Iloveyou": "too common",
    "alice@example": "too similar to the e-mail address",
}


def change(client: APIClient, new: str = NEW, current: str = PASSWORD) -> Any:
    return client.post("/api/auth/password", {"current_password": current, "new_password": new})


def login(client: APIClient, password: str) -> int:
    return int(client.post("/api/auth/login", {"email": "alice@example.org", "password": password}).status_code)


def test_alice_changes_her_password(alice: User, alice_client: APIClient, anybody: APIClient) -> None:
    answer = change(alice_client)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert (login(anybody, PASSWORD), login(anybody, NEW)) == (401, 200)


def test_every_other_sign_in_ends(alice: User, client_of: Callable[[User], APIClient], client: Browser) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    here, elsewhere = client_of(alice), client_of(alice)
    client.force_login(alice)
    assert client.get("/admin/").status_code == 200
    assert change(here).status_code == 200
    assert here.get("/api/auth/me").status_code == 200
    assert elsewhere.get("/api/auth/me").status_code == 401
    assert client.get("/admin/").status_code == 302


def test_who_does_not_know_the_current_password_changes_nothing(alice: User, alice_client: APIClient) -> None:
    refused(change(alice_client, current="wrong password"), 403, "wrong_password")
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert alice_client.get("/api/auth/me").status_code == 200


def test_a_stranger_changes_nothing(alice: User, anybody: APIClient) -> None:
    refused(change(anybody), 401, "not_authenticated")


def test_of_two_changes_at_once_one_counts(alice: User) -> None:
    first, second = User.objects.get(), User.objects.get()
    first.change_password(PASSWORD, NEW)
    with pytest.raises(Exception, match="current password is wrong"):
        second.change_password(PASSWORD, "the thief's own choice")
    assert User.objects.get().check_password(NEW)


def test_a_sign_in_that_began_with_the_old_password_comes_too_late(alice: User) -> None:
    checked = User.objects.get()
    alice.change_password(PASSWORD, NEW)
    with pytest.raises(InvalidCredentials):
        TokenFamily.objects.sign_in(checked)
    assert not alice.token_families.exists()


def test_guesses_of_the_current_password_are_counted(alice_client: APIClient, settings: Any) -> None:
    settings.RATE_LIMIT_LOGIN_ACCOUNT = "3/day"
    settings.RATE_LIMIT_LOOPBACK = True
    statuses = [change(alice_client, current=f"guess {n}").status_code for n in range(3)]
    assert statuses == [403] * 3
    refused(change(alice_client), 429, "throttled")


@pytest.mark.parametrize("weak", WEAK)
def test_a_weak_password_is_refused_with_the_reason(alice_client: APIClient, alice: User, weak: str) -> None:
    answer = change(alice_client, weak)
    refused(answer, 400, "invalid_input")
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "new_password"
    assert WEAK[weak] in detail["message"]
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize("weak", WEAK)
def test_nobody_registers_with_one(anybody: APIClient, weak: str) -> None:
    answer = anybody.post("/api/auth/register", {"email": "alice@example.org", "password": weak})
    refused(answer, 400, "invalid_input")
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "password"
    assert WEAK[weak] in detail["message"]
    assert not User.objects.exists()
