"""Django's own commands for accounts work with ours."""

import io
from collections.abc import Callable, Iterator

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from rest_framework.test import APIClient

from chatjuicer.accounts.models import TokenFamily, User

pytestmark = pytest.mark.django_db

NEW = "a battery of correct horses"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the operator types at the questions for a password, one after the other."""

    def types(*passwords: str) -> None:
        answers: Iterator[str] = iter(passwords)
        monkeypatch.setattr("getpass.getpass", lambda **_: next(answers))

    return types


def test_createsuperuser_makes_an_administrator(monkeypatch: pytest.MonkeyPatch, client: Browser) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
    call_command("createsuperuser", email="Root@Example.org", interactive=False, stdout=io.StringIO())
    user = User.objects.get(email="root@example.org")
    assert (user.is_staff, user.is_superuser, user.is_active) == (True, True, True)
    form = {"username": "root@example.org", "password": NEW}
    assert client.post("/admin/login/?next=/admin/", form).headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_changepassword_changes_it_and_signs_out(alice: User, anybody: APIClient, typed: Callable[..., None]) -> None:
    family = TokenFamily.objects.sign_in(alice)
    typed(NEW, NEW)
    call_command("changepassword", "alice@example.org", stdout=io.StringIO())
    assert anybody.post("/api/auth/login", {"email": alice.email, "password": NEW}).status_code == 200
    family.refresh_from_db()
    assert family.revoked_at


def test_a_short_password_is_refused(alice: User, typed: Callable[..., None]) -> None:
    typed(*["short"] * 6)
    with pytest.raises(CommandError, match="Aborting password change"):
        call_command("changepassword", alice.email, stdout=io.StringIO(), stderr=io.StringIO())
    alice.refresh_from_db()
    assert not alice.check_password("short")


def test_the_commands_say_who_is_there_already(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", email="ALICE@example.org", interactive=False, stdout=io.StringIO())
    with pytest.raises(CommandError, match="does not exist"):
        call_command("changepassword", "nobody@example.org", stdout=io.StringIO())
