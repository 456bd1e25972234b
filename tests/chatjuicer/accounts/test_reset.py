"""Who has forgotten a password, and who only says so."""

import re
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts import mails, resets
from chatjuicer.accounts.models import AuditEntry, TokenFamily, User
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db(transaction=True)  # the mail goes out from a thread of its own

NEW = "a battery of correct horses"


@pytest.fixture(autouse=True)
def mail(settings: Settings) -> None:
    cache.clear()
    settings.EMAIL_URL = "smtp://mail.example.org"


def ask(client: APIClient, email: str) -> Any:
    answer = client.post("/api/auth/password/reset", {"email": email})
    mails.queue.submit(int).result()  # it sends one after another
    return answer


def confirm(client: APIClient, token: str, new: str = NEW) -> Any:
    return client.post("/api/auth/password/reset/confirm", {"token": token, "new_password": new})


def token_in(text: str) -> str:
    found = re.search(r"http://testserver/reset-password\?token=(\S+)", text)
    assert found, text
    return found[1]


def test_alice_gets_in_again(alice: User, anybody: APIClient, mailoutbox: Any) -> None:
    family = TokenFamily.objects.sign_in(alice)
    assert ask(anybody, "Alice@Example.org").status_code == 202
    (sent,) = mailoutbox
    assert sent.to == ["alice@example.org"]
    token = token_in(sent.body)
    assert confirm(anybody, token).status_code == 200
    family.refresh_from_db()
    assert family.revoked_at
    statuses = [
        anybody.post("/api/auth/login", {"email": alice.email, "password": given}).status_code
        for given in (PASSWORD, NEW)
    ]
    assert statuses == [401, 200]
    refused(confirm(anybody, token, "yet another battery"), 400, "invalid_reset_token")
    assert list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))[2:4] == [
        "password_reset_asked",
        "password_reset",
    ]


def test_nobody_is_told_whether_there_is_an_account(alice: User, anybody: APIClient, mailoutbox: Any) -> None:
    """Neither by the answer nor by its time: what is done for an account is done after it."""
    goes_on = Event()
    mails.queue.submit(goes_on.wait)
    answers = []
    for email in (alice.email, "nobody@example.org"):
        with CaptureQueriesContext(connection) as queries:
            answer = anybody.post("/api/auth/password/reset", {"email": email})
        answers.append((answer.status_code, answer.content, len(queries)))
    assert answers[0] == answers[1]
    assert not mailoutbox
    goes_on.set()
    for _ in range(7):
        ask(anybody, alice.email)
    assert len(mailoutbox) == 5  # of one account in an hour, and its address is not flooded


@pytest.mark.parametrize("wrong", ["", "x", "0" * 32, f"{'0' * 32}-abc-def", "é" * 40])
def test_a_made_up_token_is_refused(alice: User, anybody: APIClient, wrong: str) -> None:
    assert confirm(anybody, wrong).status_code == 400
    assert confirm(anybody, f"{alice.pk.hex}-{wrong}").status_code == 400
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_token_is_good_for_an_hour(alice: User, anybody: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token = resets.token_for(alice)
    for minutes, status in ((61, 400), (59, 200)):
        later = datetime.now() + timedelta(minutes=minutes)  # noqa: DTZ005  as Django has it
        monkeypatch.setattr(resets.ResetTokens, "_now", lambda self, later=later: later)
        assert confirm(anybody, token).status_code == status


@pytest.mark.parametrize("end", ["password", "sign_out", "email", "is_active"])
def test_what_ends_sign_ins_ends_it_too(alice: User, anybody: APIClient, end: str) -> None:
    token = resets.token_for(alice)
    match end:
        case "password":
            alice.change_password(PASSWORD, NEW)
        case "sign_out":
            alice.sign_out()
        case "email":
            alice.email = "alice@example.net"
            alice.save()
        case "is_active":
            alice.is_active = False
            alice.save()
    refused(confirm(anybody, token, "the thief's own choice"), 400, "invalid_reset_token")


def test_a_weak_password_does_not_spend_it(alice: User, anybody: APIClient) -> None:
    token = resets.token_for(alice)
    for weak in ("short7!", "password123", "alice@example"):
        refused(confirm(anybody, token, weak), 400, "invalid_input")
    assert confirm(anybody, token).status_code == 200


def test_it_resets_nobody_else_s(alice: User, mallory: User, anybody: APIClient) -> None:
    _, _, of_mallory = resets.token_for(mallory).partition("-")
    refused(confirm(anybody, f"{alice.pk.hex}-{of_mallory}"), 400, "invalid_reset_token")


def test_the_operator_prints_the_address(alice: User, anybody: APIClient, capsys: Any) -> None:
    call_command("reset_password", "Alice@example.org")
    token = capsys.readouterr().out.strip().rpartition("token=")[2]
    assert confirm(anybody, token).status_code == 200
    with pytest.raises(CommandError):
        call_command("reset_password", "nobody@example.org")


def test_the_page_takes_it_and_not_from_elsewhere(alice: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    token = resets.token_for(alice)
    page = browser.get("/reset-password", {"token": token})
    assert "script-src" not in page["Content-Security-Policy"]
    assert page["Referrer-Policy"] == "strict-origin"
    form = {"token": token, "new_password": NEW}
    assert browser.post("/reset-password", form).status_code == 403
    form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    weak = browser.post("/reset-password", form | {"new_password": "password123"})
    assert (weak.status_code, b"too common" in weak.content) == (400, True)
    assert browser.post("/reset-password", form).status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert b"wrong, too old" in browser.post("/reset-password", form).content
