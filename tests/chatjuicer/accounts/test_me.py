"""What a person sets about themselves, and the end of an account."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.signals import pre_delete
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chat_app.models import Run
from chat_app.protocol import UserInput
from chatjuicer.accounts.models import AuditEntry, TokenFamily, User
from files_app.models import File, StorageUsage, StoredBytes
from sessions_app.models import ChatSession, Message
from sessions_app.signals import session_deleted, session_ending
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

ME = "/api/auth/me"
UNSET = {"theme": "system", "default_model": "", "instructions": ""}


def test_alice_is_told_what_she_has_set(alice_client: APIClient, alice: User) -> None:
    shown: dict[str, object] = {
        "id": str(alice.pk),
        "email": alice.email,
        "display_name": "Alice",
        "preferences": UNSET,
    }
    shown |= {"is_service": False, "is_staff": False, "has_password": True, "has_totp": False, "groups": []}
    shown["recovery_codes_left"] = 0
    assert alice_client.get(ME).json() == shown
    answer = alice_client.patch(ME, {"display_name": " Alice L. ", "preferences": {"theme": "dark"}})
    assert (answer.status_code, answer.json()) == (
        200,
        shown | {"display_name": "Alice L.", "preferences": UNSET | {"theme": "dark"}},
    )
    answer = alice_client.patch(ME, {"preferences": {"instructions": "Be short.\n", "default_model": "gpt-5"}})
    preferences = {"theme": "dark", "default_model": "gpt-5", "instructions": "Be short.\n"}
    assert (
        answer.json() == alice_client.get(ME).json() == shown | {"display_name": "Alice L.", "preferences": preferences}
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": "x" * 151}, "display_name"),
        ({"display_name": None}, "display_name"),
        ({"preferences": "dark"}, "preferences"),
        ({"preferences": {"theme": "pink"}}, "preferences.theme"),
        ({"preferences": {"default_model": 5}}, "preferences.default_model"),
        ({"preferences": {"instructions": "x" * 8001}}, "preferences.instructions"),
    ],
)
def test_what_is_not_valid_changes_nothing(alice_client: APIClient, changes: dict[str, Any], field: str) -> None:
    before = alice_client.get(ME).json()
    answer = alice_client.patch(ME, changes)
    refused(answer, 400, "invalid_input")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]
    assert alice_client.get(ME).json() == before


def test_nobody_makes_themselves_an_administrator(alice_client: APIClient, alice: User) -> None:
    wanted = {"is_staff": True, "is_superuser": True, "email": "root@example.org", "id": "0"}
    assert alice_client.patch(ME, wanted | {"auth_epoch": 7, "preferences": {"is_staff": True}}).status_code == 200
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.email, alice.auth_epoch) == (False, False, "alice@example.org", 0)


def test_a_new_session_begins_with_her_model(alice_client: APIClient, mallory_client: APIClient) -> None:
    alice_client.patch(ME, {"preferences": {"default_model": "a-model-of-her-own"}})
    assert alice_client.post("/api/sessions", {}).json()["model"] == "a-model-of-her-own"
    assert alice_client.post("/api/sessions", {"model": "other"}).json()["model"] == "other"
    assert mallory_client.post("/api/sessions", {}).json()["model"] != "a-model-of-her-own"


def test_instructions_are_stored_sealed(alice_client: APIClient, settings: Settings) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    alice_client.patch(ME, {"preferences": {"instructions": "my secret"}})
    with connection.cursor() as cursor:
        cursor.execute("SELECT instructions FROM accounts_user")
        assert cursor.fetchone()[0].startswith("enc:v1:")
    assert alice_client.get(ME).json()["preferences"]["instructions"] == "my secret"


@pytest.fixture
def lived_in(alice: User, alice_client: APIClient) -> ChatSession:
    """A session with a run that waits and a file, and another one in a namespace."""
    session, _ = ChatSession.objects.open(alice, public_id="s")
    ChatSession.objects.open(alice, public_id="other", namespace="elsewhere")
    Run.objects.start(session.pk, [UserInput(content="hello")])
    upload = SimpleUploadedFile("a.txt", b"hello")
    assert alice_client.post("/api/sessions/s/files/upload", {"file": upload}, format="multipart").status_code == 201
    return session


def nothing_is_left_of(alice: User) -> bool:
    rows = (User.objects.filter(pk=alice.pk), ChatSession.objects.all(), Message.objects.all(), Run.objects.all())
    more = (File.objects.all(), StorageUsage.objects.all(), TokenFamily.objects.filter(user_id=alice.pk))
    kept = StoredBytes.objects.exclude(state=StoredBytes.State.DELETED)
    return not any(found.exists() for found in (*rows, *more, kept))


def test_alice_deletes_her_account(
    lived_in: ChatSession, alice: User, alice_client: APIClient, mallory: User, anybody: APIClient
) -> None:
    told: list[Any] = []

    def listen(**kwargs: Any) -> None:
        told.append(kwargs.get("reason", "gone"))

    for signal in (session_ending, session_deleted):
        signal.connect(listen)
    try:
        answer = alice_client.delete(ME, {"password": PASSWORD})
    finally:
        for signal in (session_ending, session_deleted):
            signal.disconnect(listen)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert told == ["deleted", "gone"] * 2
    assert nothing_is_left_of(alice)
    assert alice_client.get(ME).status_code == 401
    assert anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).status_code == 401
    assert User.objects.get() == mallory


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [({"password": "wrong one"}, 403, "wrong_password"), ({}, 400, "invalid_input"), (None, 400, "invalid_input")],
)
def test_nothing_goes_without_the_password(
    lived_in: ChatSession, alice_client: APIClient, body: dict[str, str] | None, status: int, code: str
) -> None:
    refused(alice_client.delete(ME, body), status, code)
    assert alice_client.get(ME).status_code == 200
    assert ChatSession.objects.count() == 2


def test_an_administrator_deletes_one_in_the_same_way(lived_in: ChatSession, alice: User, client: Browser) -> None:
    root, _ = User.objects.seed_default()
    client.force_login(root)
    at = f"/admin/accounts/user/{alice.pk}/delete/"
    assert "alice@example.org, with all sessions" in client.get(at).content.decode()
    assert client.post(at, {"post": "yes"}).status_code == 302
    assert nothing_is_left_of(alice)


def test_a_deletion_that_was_cut_off_leaves_nobody_inside(
    lived_in: ChatSession, alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(session: ChatSession) -> None:
        raise ConnectionError("the process is gone")

    whole: Callable[[ChatSession], None] = ChatSession.remove
    monkeypatch.setattr(ChatSession, "remove", die)
    with pytest.raises(ConnectionError):
        alice.remove()
    assert alice_client.get(ME).status_code == 401
    monkeypatch.setattr(ChatSession, "remove", whole)
    User.objects.get().remove()
    assert nothing_is_left_of(alice)


@pytest.mark.django_db(transaction=True)
def test_what_comes_while_an_account_is_deleted_is_deleted_with_it(alice: User) -> None:
    def come_too_late(instance: User, **kwargs: Any) -> None:
        pre_delete.disconnect(come_too_late, User)
        now = timezone.now()
        TokenFamily.objects.create(user_id=alice.pk, jti=uuid4(), issued_at=now, expires_at=now)

    pre_delete.connect(come_too_late, User)
    alice.remove()
    assert not User.objects.exists()
    assert AuditEntry.objects.filter(action="account_deleted", object=f"user:{alice.pk}").count() == 1
