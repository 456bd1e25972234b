"""Accounts as administrators see and change them over REST; in the admin: test_ranks.py."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pyotp
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts import resets
from chatjuicer.accounts.models import AuditEntry, ServiceAccount, Totp, User
from sessions_app.models import ChatSession
from tests.chatjuicer.accounts.at_once import at_once
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

NEW = "a battery of correct horses"


def test_staff_finds_people_turns_them_off_and_signs_them_out(
    alice: User, mallory: User, alice_client: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    alice.groups.add(Group.objects.create(name="Sales"))
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    ServiceAccount.objects.create(display_name="build")
    client = client_of(staff)
    assert client.get("/api/accounts").status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_user"))
    client = client_of(staff)
    everybody = client.get("/api/accounts").json()
    assert [one["email"] for one in everybody["accounts"]][:2] == [staff.email, root.email]
    assert {one["email"] for one in everybody["accounts"]} == {staff.email, root.email, alice.email, mallory.email}
    first = client.get("/api/accounts", {"limit": 1}).json()
    assert (first["accounts"], first["has_more"]) == (everybody["accounts"][:1], True)
    [found] = client.get("/api/accounts", {"search": " ALICE"}).json()["accounts"]
    assert (found["groups"], found["is_active"], found["is_staff"]) == (["Sales"], True, False)
    path = f"/api/accounts/{alice.pk}"
    assert client.patch(path, {"is_active": False}).status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="change_user"))
    client = client_of(staff)
    assert client.post(f"{path}/sign-out").json() == {"success": True}
    assert alice_client.get("/api/auth/me").status_code == 401
    again = client_of(User.objects.get(pk=alice.pk))
    assert client.patch(path, {"is_active": False}).json() == found | {"is_active": False}
    assert again.get("/api/auth/me").status_code == 401
    assert client.patch(path, {}).status_code == 400
    assert client.patch(path, {"is_active": True}).json() == found
    for verb, of_root in (
        (client.patch, f"/api/accounts/{root.pk}"),
        (client.post, f"/api/accounts/{root.pk}/sign-out"),
    ):
        assert verb(of_root, {"is_active": False}).status_code == 403, "a mightier administrator"
    for lonely in (staff, root):
        assert client_of(lonely).patch(f"/api/accounts/{lonely.pk}", {"is_active": False}).status_code == 403, "self"
    service = ServiceAccount.objects.get()
    assert client.patch(f"/api/accounts/{service.pk}", {"is_active": False}).status_code == 404
    acts = AuditEntry.objects.filter(object=f"user:{alice.pk}", actor=str(staff.pk)).order_by("seq")
    lines: list[tuple[str, dict[str, Any]]] = [(line.action, line.details) for line in acts]
    assert lines == [
        ("signed_out_everywhere", {}),
        ("role_changed", {"is_active": False}),
        ("role_changed", {"is_active": True}),
    ]


def staff_with(*rights: str) -> User:
    user = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def lines_about(user_id: str) -> list[tuple[str, dict[str, Any]]]:
    found = AuditEntry.objects.filter(object=f"user:{user_id}").order_by("seq")
    return [(line.action, line.details) for line in found]


def enters(anybody: APIClient, email: str, password: str) -> bool:
    return bool(anybody.post("/api/auth/login", {"email": email, "password": password}).status_code == 200)


def token_of(given: dict[str, Any]) -> str:
    address = str(given["address"])
    assert address.startswith("http://testserver/reset-password?token=")
    return address.partition("token=")[2]


@pytest.fixture
def root(db: None) -> User:
    cache.clear()
    return User.objects.create_superuser("root@example.org", PASSWORD)


def test_an_account_is_made_with_a_first_password(
    root: User, anybody: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    client = client_of(root)
    given = {"email": "Nora@Example.org", "display_name": " Nora ", "password": NEW, "role": "administrator"}
    asked: dict[str, Any] = {"HTTP_IDEMPOTENCY_KEY": "once"}
    answer = client.post("/api/accounts", given, **asked)
    made = answer.json()
    assert (answer.status_code, made["email"], made["display_name"]) == (201, "nora@example.org", "Nora")
    assert (made["role"], made["has_password"], made["has_totp"]) == ("administrator", True, False)
    again = client.post("/api/accounts", given, **asked)
    assert (again.status_code, again.json()) == (201, made)
    assert enters(anybody, "nora@example.org", NEW)
    assert client.get(f"/api/accounts/{made['id']}").json() == made
    refused(client.post("/api/accounts", given), 409, "email_taken")
    for wrong in ({"password": "password123"}, {"password": "nora@example"}, {"role": "king"}, {"email": "nora"}):
        refused(client.post("/api/accounts", given | {"email": "nora@example.net"} | wrong), 400, "invalid_input")
    assert lines_about(made["id"])[0] == ("account_created", {"is_staff": True, "is_superuser": True})
    assert not AuditEntry.objects.filter(details__icontains=NEW).exists()


def test_who_is_invited_chooses_the_password_within_a_week(
    root: User, anybody: APIClient, client_of: Callable[[User], APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(root)
    made = client.post("/api/accounts", {"email": "nora@example.org"}).json()
    assert (made["role"], made["has_password"]) == ("user", False)
    path = f"/api/accounts/{made['id']}/password-reset"
    invitation = client.post(path).json()
    days = datetime.fromisoformat(invitation["expires_at"]) - timezone.now()
    assert timedelta(days=6) < days < timedelta(days=8)
    confirmed = {"token": token_of(invitation), "new_password": NEW}
    for hours, status in ((7 * 24 + 1, 400), (7 * 24 - 1, 200)):
        later = datetime.now() + timedelta(hours=hours)  # noqa: DTZ005  as Django has it
        monkeypatch.setattr(resets.ResetTokens, "_now", lambda self, later=later: later)
        assert anybody.post("/api/auth/password/reset/confirm", confirmed).status_code == status
    assert enters(anybody, "nora@example.org", NEW)
    refused(anybody.post("/api/auth/password/reset/confirm", confirmed), 400, "invalid_reset_token")
    reset = client.post(path).json()  # of who has a password it is a reset
    assert datetime.fromisoformat(reset["expires_at"]) < timezone.now() + timedelta(hours=2)
    asked = ("password_reset_asked", {"by": "administrator"})
    assert lines_about(made["id"])[1:] == [asked, ("password_reset", {}), asked]


def test_an_address_is_sent_to_the_account_and_told_to_nobody_else(
    root: User,
    alice: User,
    anybody: APIClient,
    client_of: Callable[[User], APIClient],
    settings: Settings,
    mailoutbox: Any,
) -> None:
    client, path = client_of(root), f"/api/accounts/{alice.pk}/password-reset"
    settings.EMAIL_URL = ""
    refused(client.post(path, {"send": True}), 409, "no_mail")
    settings.EMAIL_URL = "smtp://mail.example.org"
    assert client.post(path, {"send": True}).json()["address"] is None
    [mail] = mailoutbox
    assert (mail.to, mail.subject) == ([alice.email], "Your password for Chat Juicer")
    confirmed = {"token": mail.body.partition("token=")[2].split()[0], "new_password": NEW}
    assert anybody.post("/api/auth/password/reset/confirm", confirmed).status_code == 200
    invited = client.post("/api/accounts", {"email": "nora@example.org"}).json()
    assert client.post(f"/api/accounts/{invited['id']}/password-reset", {"send": True}).status_code == 200
    assert mailoutbox[1].subject == "Your account of Chat Juicer"
    assert "within a week" in mailoutbox[1].body
    settings.EMAIL_BACKEND = "tests.chatjuicer.accounts.test_people.DeadMail"
    refused(client.post(path, {"send": True}), 502, "mail_failed")
    alice.refresh_from_db()
    alice.administer(is_active=False)
    refused(client.post(path), 409, "account_turned_off")


class DeadMail(BaseEmailBackend):
    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError("sealed address of the mail server")


def test_a_role_counts_from_the_next_request_on(
    root: User, alice: User, alice_client: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    client, path = client_of(root), f"/api/accounts/{alice.pk}"
    browser = Browser()
    browser.force_login(alice)
    seen = []
    for role in ("administrator", "staff", "user"):
        assert client.patch(path, {"role": role}).json()["role"] == role
        alice.refresh_from_db()
        told = [alice_client.get(asked).status_code for asked in ("/api/accounts", "/api/auth/me")]
        seen.append((alice.is_staff, alice.is_superuser, *told, browser.get("/admin/").status_code))
    assert seen == [(True, True, 200, 200, 200), (True, False, 403, 200, 200), (False, False, 403, 200, 302)]
    assert [details for act, details in lines_about(str(alice.pk)) if act == "role_changed"] == [
        {"is_staff": True, "is_superuser": True},
        {"is_superuser": False},
        {"is_staff": False},
    ]


def test_no_right_is_gained_by_any_of_these(root: User, alice: User, client_of: Callable[[User], APIClient]) -> None:
    staff = staff_with("view_user", "add_user", "change_user", "delete_user")
    client = client_of(staff)
    for role in ("staff", "administrator"):
        assert client.post("/api/accounts", {"email": "mine@example.org", "role": role}).status_code == 403
        for user in (alice, staff):
            assert client.patch(f"/api/accounts/{user.pk}", {"role": role}).status_code == 403
    assert client.post("/api/accounts", {"email": "plain@example.org", "role": "user"}).status_code == 201
    for ruler, user in ((staff, root), (staff, staff), (root, root)):
        path = f"/api/accounts/{user.pk}"
        asked = client_of(ruler)
        answers = [
            asked.patch(path, {"display_name": "x"}),
            asked.post(f"{path}/password-reset"),
            asked.delete(f"{path}/totp"),
            asked.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4, (ruler, user)
    assert User.objects.filter(pk=root.pk, is_superuser=True, display_name="").exists()
    service = ServiceAccount.objects.create(display_name="build")
    for verb, more in (
        (client.get, ""),
        (client.delete, ""),
        (client.post, "/password-reset"),
        (client.delete, "/totp"),
    ):
        assert verb(f"/api/accounts/{service.pk}{more}").status_code == 404
    looker = client_of(User.objects.get(pk=alice.pk))
    alice.is_staff = True
    alice.save()
    alice.user_permissions.add(Permission.objects.get(codename="view_user"))
    other = f"/api/accounts/{User.objects.create_user('ben@example.org', PASSWORD).pk}"
    answers = [
        looker.get(other),
        looker.post("/api/accounts", {"email": "new@example.org"}),
        looker.patch(other, {"display_name": "x"}),
        looker.post(f"{other}/password-reset"),
        looker.delete(f"{other}/totp"),
        looker.delete(other),
    ]
    assert [answer.status_code for answer in answers] == [200] + [403] * 5


def test_an_address_for_who_was_nobody_lets_nobody_in_as_an_administrator(
    root: User, anybody: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    client = client_of(staff_with("view_user", "add_user", "change_user"))
    made = f"/api/accounts/{client.post('/api/accounts', {'email': 'nora@example.org'}).json()['id']}"
    held = token_of(client.post(f"{made}/password-reset").json())
    assert client_of(root).patch(made, {"role": "administrator"}).status_code == 200
    assert client.post(f"{made}/password-reset").status_code == 403
    confirmed = {"token": held, "new_password": NEW}
    refused(anybody.post("/api/auth/password/reset/confirm", confirmed), 400, "invalid_reset_token")
    confirmed["token"] = token_of(client_of(root).post(f"{made}/password-reset").json())
    assert anybody.post("/api/auth/password/reset/confirm", confirmed).status_code == 200


@pytest.mark.parametrize("gain", ["a group", "a right of the group", "a right of their own"])
def test_nor_with_rights_that_their_groups_were_given_later(
    root: User, anybody: APIClient, client_of: Callable[[User], APIClient], gain: str
) -> None:
    lower = staff_with("view_user", "change_user")
    nora = User.objects.create_user("nora@example.org", PASSWORD, is_staff=True)
    group, right = Group.objects.create(name="ruling"), Permission.objects.get(codename="delete_user")
    nora.groups.add(Group.objects.create(name="plain"))
    path = f"/api/accounts/{nora.pk}/password-reset"
    held, used = (token_of(client_of(lower).post(path).json()) for _ in range(2))
    if gain == "a group":
        group.permissions.add(right)
        assert client_of(root).post(f"/api/groups/{group.pk}/members", {"email": nora.email}).status_code == 201
    elif gain == "a right of the group":
        nora.groups.add(group)
        browser = Browser()
        browser.force_login(root)
        form: dict[str, Any] = {"name": "ruling", "permissions": [str(right.pk)]}
        inline = {"allowance-TOTAL_FORMS": "0", "allowance-INITIAL_FORMS": "0"}
        assert browser.post(f"/admin/auth/group/{group.pk}/change/", form | inline).status_code == 302
    else:
        nora.user_permissions.add(right)
    assert User.objects.get(pk=nora.pk).has_perm("accounts.delete_user")
    refused(client_of(lower).post(path), 403, "forbidden")
    confirmed = {"token": held, "new_password": NEW}
    refused(anybody.post("/api/auth/password/reset/confirm", confirmed), 400, "invalid_reset_token")
    group.delete()
    nora.user_permissions.clear()
    confirmed["token"] = used  # with the rights of then it is good
    assert anybody.post("/api/auth/password/reset/confirm", confirmed).status_code == 200


def test_another_name_is_in_the_audit_log(root: User, alice: User, client_of: Callable[[User], APIClient]) -> None:
    assert client_of(root).patch(f"/api/accounts/{alice.pk}", {"display_name": "Alicia"}).status_code == 200
    assert lines_about(str(alice.pk))[-1] == ("setting_changed", {"changed": ["display_name"]})


def test_an_account_is_deleted_with_all_that_hangs_on_it(
    root: User, alice: User, alice_client: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    ChatSession.objects.open(alice, public_id="rome", title="Rome")
    secret, _ = Totp.objects.set_up(alice)
    Totp.objects.get(user=alice).confirm(pyotp.TOTP(secret).now())
    client, path = client_of(root), f"/api/accounts/{alice.pk}"
    assert client.get(path).json()["has_totp"] is True
    assert client.delete(f"{path}/totp").json() == {"success": True}
    assert client.get(path).json()["has_totp"] is False
    assert client.delete(path).json() == {"success": True}
    assert client.delete(path).status_code == 404
    assert alice_client.get("/api/auth/me").status_code == 401
    assert not ChatSession.objects.filter(title="Rome").exists()
    assert [act for act, _ in lines_about(str(alice.pk))][-3:] == [
        "totp_turned_off",
        "role_changed",
        "account_deleted",
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "end", [{"role": "user"}, {"is_active": False}, {"role": "staff", "display_name": "Past"}, None]
)
def test_of_two_who_end_each_other_one_stays(
    root: User, end: dict[str, Any] | None, client_of: Callable[[User], APIClient]
) -> None:
    rival = User.objects.create_superuser("rival@example.org", PASSWORD)

    def ask(client: APIClient, other: User) -> int:
        path = f"/api/accounts/{other.pk}"
        return (client.patch(path, end) if end else client.delete(path)).status_code

    both = [partial(ask, client_of(root), rival), partial(ask, client_of(rival), root)]
    statuses = sorted(at_once(both, User.objects.all()))
    # On SQLite the second one may be known for who has no rights any more.
    assert statuses[0] == 200
    assert statuses[1] in ((409,) if connection.vendor == "postgresql" else (401, 403, 409))
    assert User.objects.filter(is_active=True, is_staff=True, is_superuser=True).count() == 1
