"""The second factor, at every door that a password opens."""

import time
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from django.core.cache import cache
from django.test import Client as Browser
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts.models import ApiKey, AuditEntry, RecoveryCode, Totp, User
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(time.time() + 30 * steps)


def login(client: APIClient, totp: str | None = None, password: str = PASSWORD, prefix: str = "/api") -> Any:
    body = {"email": "alice@example.org", "password": password} | ({} if totp is None else {"totp": totp})
    return client.post(f"{prefix}/auth/login", body)


@pytest.fixture
def turned_on(alice: User, alice_client: APIClient) -> tuple[str, list[str]]:
    """The secret and the recovery codes. The codes before now are spent."""
    asked = alice_client.post("/api/auth/totp/setup").json()
    answer = alice_client.post("/api/auth/totp/confirm", {"code": code(asked["secret"], -1)})
    assert answer.status_code == 200, answer.content
    return asked["secret"], answer.json()["recovery_codes"]


def test_alice_turns_it_on_and_every_prefix_asks_for_it(
    alice: User, anybody: APIClient, turned_on: tuple[str, list[str]]
) -> None:
    secret, _ = turned_on
    for prefix in ("/api", "/api/v1"):
        refused(login(anybody, prefix=prefix), 401, "totp_required")
        refused(login(anybody, "000000", prefix=prefix), 401, "totp_required")
    assert login(anybody, code(secret)).status_code == 200
    refused(login(anybody, code(secret)), 401, "totp_required")  # by one who looked over the shoulder
    assert login(anybody, code(secret, 1)).status_code == 200
    refused(login(anybody, code(secret, 5)), 401, "totp_required")


def test_who_does_not_know_the_password_is_not_told_of_it(anybody: APIClient, turned_on: tuple[str, list[str]]) -> None:
    secret, _ = turned_on
    for totp in (None, code(secret)):
        refused(login(anybody, totp, "wrong password"), 401, "invalid_credentials")


def test_a_secret_that_is_not_confirmed_changes_nothing(alice_client: APIClient, anybody: APIClient) -> None:
    first = alice_client.post("/api/auth/totp/setup").json()
    second = alice_client.post("/api/auth/totp/setup").json()
    assert first["secret"] != second["secret"]
    assert second["secret"] in second["uri"]
    refused(alice_client.post("/api/auth/totp/confirm", {"code": code(first["secret"])}), 400, "wrong_code")
    assert login(anybody).status_code == 200


def test_a_recovery_code_stands_in_once(
    anybody: APIClient, turned_on: tuple[str, list[str]], side_by_side: Callable[..., list[Any]]
) -> None:
    _, codes = turned_on
    assert len(set(codes)) == 10
    assert login(anybody, codes[0].upper()).status_code == 200
    refused(login(anybody, codes[0]), 401, "totp_required")
    assert login(anybody, codes[1].replace("-", " ")).status_code == 200
    assert RecoveryCode.objects.count() == 8
    actions = list(AuditEntry.objects.values_list("action", flat=True))
    assert actions.count("recovery_code_used") == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_one_code_at_once_one_comes_in(
    alice: User, alice_client: APIClient, side_by_side: Callable[..., list[Any]]
) -> None:
    secret = alice_client.post("/api/auth/totp/setup").json()["secret"]
    assert alice_client.post("/api/auth/totp/confirm", {"code": code(secret, -1)}).status_code == 200
    now = code(secret)
    answers = side_by_side(lambda _: login(APIClient(), now).status_code, range(4))
    assert sorted(answers) == [200, 401, 401, 401]


def test_nothing_of_it_is_stored_in_clear(turned_on: tuple[str, list[str]]) -> None:
    secret, codes = turned_on
    stored = str(Totp.objects.values()) + str(RecoveryCode.objects.values()) + str(AuditEntry.objects.values())
    for text in (secret, *codes, *(one.replace("-", "") for one in codes)):
        assert text not in stored


def test_a_new_secret_key_with_the_old_as_fallback_still_reads_it(
    anybody: APIClient, turned_on: tuple[str, list[str]], settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, which is long enough for a test"
    assert login(anybody, code(turned_on[0])).status_code == 200


def test_it_is_turned_off_with_the_password_alone(
    alice_client: APIClient, anybody: APIClient, turned_on: tuple[str, list[str]]
) -> None:
    refused(alice_client.post("/api/auth/totp/setup"), 409, "totp_already_on")
    refused(alice_client.delete("/api/auth/totp", {"password": "wrong password"}), 403, "wrong_password")
    refused(login(anybody), 401, "totp_required")
    assert alice_client.delete("/api/auth/totp", {"password": PASSWORD}).status_code == 200
    assert login(anybody).status_code == 200
    assert not RecoveryCode.objects.exists()


def renew(client: APIClient, password: str = PASSWORD) -> Any:
    return client.post("/api/auth/totp/recovery-codes", {"password": password})


def left(client: APIClient) -> int:
    return int(client.get("/api/auth/me").json()["recovery_codes_left"])


def test_new_recovery_codes_stand_in_the_place_of_the_old_ones(
    alice: User, alice_client: APIClient, anybody: APIClient, turned_on: tuple[str, list[str]]
) -> None:
    _, old = turned_on
    assert login(anybody, old[0]).status_code == 200
    assert left(alice_client) == 9
    refused(renew(alice_client, "wrong password"), 403, "wrong_password")
    assert left(alice_client) == 9
    answer = renew(alice_client)
    assert answer.status_code == 200, answer.content
    new = answer.json()["recovery_codes"]
    assert len({*new, *old}) == 20
    line = AuditEntry.objects.latest("seq")
    assert (line.action, line.actor, line.object) == ("recovery_codes_renewed", str(alice.pk), f"user:{alice.pk}")
    refused(login(anybody, old[1]), 401, "totp_required")
    assert login(anybody, new[0]).status_code == 200
    assert left(alice_client) == 9
    assert login(anybody, code(turned_on[0])).status_code == 200  # the authenticator is as it was
    stored = str(RecoveryCode.objects.values()) + str(AuditEntry.objects.values())
    assert not [text for text in new if text in stored or text.replace("-", "") in stored]


def test_who_has_no_second_factor_gets_no_codes(alice_client: APIClient) -> None:
    refused(renew(alice_client), 409, "totp_not_on")
    alice_client.post("/api/auth/totp/setup")
    refused(renew(alice_client), 409, "totp_not_on")
    assert left(alice_client) == 0


def test_a_key_needs_the_scope_and_the_password(
    alice: User, anybody: APIClient, turned_on: tuple[str, list[str]]
) -> None:
    for scopes, password, status, error in (
        (["read", "chat", "files"], PASSWORD, 403, "insufficient_scope"),
        (["admin"], "wrong password", 403, "wrong_password"),
    ):
        _, key = ApiKey.objects.issue(alice, "program", scopes)
        anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        refused(renew(anybody, password), status, error)
    assert RecoveryCode.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_of_codes_that_are_renewed_at_once_one_set_is_good(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    clients = [client_of(alice) for _ in range(3)]
    secret = clients[0].post("/api/auth/totp/setup").json()["secret"]
    clients[0].post("/api/auth/totp/confirm", {"code": code(secret, -1)})
    answers = side_by_side(renew, clients)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert RecoveryCode.objects.count() == 10
    sets = [answer.json()["recovery_codes"] for answer in answers]
    assert sum(login(APIClient(), codes[0]).status_code == 200 for codes in sets) == 1


def test_guesses_are_counted(anybody: APIClient, turned_on: tuple[str, list[str]], settings: Settings) -> None:
    cache.clear()
    settings.RATE_LIMIT_LOGIN_ACCOUNT, settings.RATE_LIMIT_LOOPBACK = "3/day", True
    for guess in ("000000", "000001", "000002"):
        refused(login(anybody, guess), 401, "totp_required")
    refused(login(anybody, code(turned_on[0])), 429, "throttled")


def admin_login(browser: Browser, totp: str = "") -> int:
    form = {"username": "alice@example.org", "password": PASSWORD, "totp": totp}
    browser.post("/admin/login/", form)
    return browser.get("/admin/").status_code


def test_the_admin_asks_for_it_too(
    alice: User, client: Browser, turned_on: tuple[str, list[str]], settings: Settings
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    assert b'name="totp"' in client.get("/admin/login/").content
    assert admin_login(client) == 302
    assert admin_login(client, "000000") == 302
    assert admin_login(client, code(turned_on[0])) == 200


def test_staff_without_one_have_no_rights_of_staff_where_it_is_required(
    alice: User, alice_client: APIClient, client: Browser, settings: Settings
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    assert admin_login(client) == 200
    assert alice_client.get("/api/audit").status_code == 200
    settings.REQUIRE_TOTP = "staff"
    assert client.get("/admin/").status_code == 302
    refused(alice_client.get("/api/audit"), 403, "totp_for_staff")
    assert admin_login(Browser()) == 302
    secret = alice_client.post("/api/auth/totp/setup").json()["secret"]
    alice_client.post("/api/auth/totp/confirm", {"code": code(secret, -1)})
    assert alice_client.get("/api/audit").status_code == 200
    assert admin_login(Browser(), code(secret)) == 200
