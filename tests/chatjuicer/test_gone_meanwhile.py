"""What another device deletes while a request about it is being answered does not exist, as if it had come later."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.deletion import Collector
from rest_framework.test import APIClient
from rest_framework.views import APIView

from chat_app.models import Webhook
from chatjuicer.accounts.models import User
from files_app.models.upload import UploadManager
from sessions_app.models import ChatSession, Message
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

Before = Callable[[type, str, Callable[[], Any]], None]


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Has something else happen right before a verb."""

    def put(owner: type, verb: str, happens: Callable[[], Any]) -> None:
        said = getattr(owner, verb)

        def late(*args: Any, **kwargs: Any) -> Any:
            happens()
            return said(*args, **kwargs)

        monkeypatch.setattr(owner, verb, late)

    return put


@pytest.fixture
def session(alice: User) -> ChatSession:
    session, _ = ChatSession.objects.open(alice, public_id="trip")
    session.post("assistant", "To Lisbon.")
    return session


def test_a_message_that_is_rated(session: ChatSession, alice_client: APIClient, before: Before) -> None:
    path = f"/api/sessions/trip/messages/{session.messages.get().pk}/feedback"
    before(Message, "rate", session.messages.all().delete)
    refused(alice_client.post(path, {"rating": "up"}), 404, "not_found")


def test_a_session_that_a_file_is_for(session: ChatSession, alice_client: APIClient, before: Before) -> None:
    before(UploadManager, "begin", session.delete)
    answer = alice_client.post("/api/sessions/trip/files/presign-upload", {"filename": "a.txt", "size": 1})
    refused(answer, 404, "not_found")


GONE = {
    "changed": lambda client: client.patch("/api/auth/me", {"display_name": "A", "preferences": {"theme": "dark"}}),
    "key": lambda client: client.post("/api/auth/keys", {"name": "k", "scopes": ["read"]}),
    "ticket": lambda client: client.post("/api/auth/ws-ticket"),
    "webhook": lambda client: client.post("/api/webhooks", {"url": "https://example.org/", "events": ["answer_ready"]}),
    "session": lambda client: client.post("/api/sessions", {"title": "Late"}, HTTP_IDEMPOTENCY_KEY="once"),
    "project": lambda client: client.post("/api/v1/projects", {"name": "Late"}),
    "account": lambda client: client.delete("/api/auth/me", {"password": PASSWORD}),
    "devices": lambda client: client.post("/api/auth/logout-everywhere"),
    "totp": lambda client: client.post("/api/auth/totp/setup"),
    "prompt": lambda client: client.post("/api/prompts", {"name": "late", "text": "Late"}),
    "agent": lambda client: client.post("/api/agents", {"name": "late", "instructions": "Late"}),
    "server": lambda client: client.post("/api/mcp-servers", {"name": "late", "url": "https://example.org/mcp"}),
    "rename": lambda client: client.patch("/api/sessions/trip", {"title": "Late"}),
    "message": lambda client: client.post("/api/sessions/trip/messages", {"role": "user", "content": "Late"}),
    "draft": lambda client: client.put("/api/sessions/trip/draft", {"content": "Late"}),
    "read": lambda client: client.get("/api/sessions/trip"),
    "mai": lambda client: client.post("/api/v1/sessions", {}),
    "sparrow": lambda client: client.post("/api/v1/chat-sessions", {"title": "Late", "agent_type": "primary"}),
    "persona": lambda client: client.post("/api/users/u/sessions", {"session_id": "late", "title": "Late"}),
    "subscription": lambda client: client.delete(f"/api/webhooks/{uuid4()}"),
    "share": lambda client: client.post("/api/sessions/trip/share"),
    "upload": lambda client: client.post("/api/sessions/trip/files/presign-upload", {"filename": "a.txt", "size": 1}),
    "clear": lambda client: client.post("/api/sessions/trip/clear"),
    "password": lambda client: client.post(
        "/api/auth/password", {"current_password": PASSWORD, "new_password": "another good one 17"}
    ),
    "import": lambda client: client.post(
        "/api/import",
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n'
        b'[{"uuid": "1", "name": "A", "chat_messages": [{"sender": "human", "text": "Hello"}]}]\r\n--B--\r\n',
        content_type="multipart/form-data; boundary=B",
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", GONE)
def test_whose_account_is_deleted_meanwhile_is_not_signed_in(
    alice: User, mallory: User, client_of: Callable[[User], APIClient], before: Before, what: str
) -> None:
    """Right after the credentials were found to be good."""
    client = client_of(alice)
    before(APIView, "check_permissions", User(pk=alice.pk, email=alice.email, auth_epoch=0).delete)
    refused(GONE[what](client), 401, "not_authenticated")
    assert list(User.objects.all()) == [mallory]


@pytest.mark.django_db(transaction=True)
def test_somebody_whom_an_administrator_changes(
    alice: User, client_of: Callable[[User], APIClient], before: Before
) -> None:
    administrator = User.objects.create_superuser("root@example.org", PASSWORD)
    client = client_of(administrator)
    before(User, "administer", User.objects.get(pk=alice.pk).delete)
    refused(client.patch(f"/api/accounts/{alice.pk}", {"display_name": "A"}), 404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_what_comes_while_an_account_is_deleted_goes_with_it(
    alice: User, client_of: Callable[[User], APIClient], before: Before
) -> None:
    """After what refers to it was looked for."""
    client, late = client_of(alice), [alice]

    def add() -> None:
        if late:
            Webhook.objects.add(late.pop(), "https://example.org/", ["answer_ready"])

    before(User, "delete", lambda: before(Collector, "delete", add))
    assert client.delete("/api/auth/me", {"password": PASSWORD}).status_code == 200
    assert not User.objects.exists()
    assert not Webhook.objects.exists()


def test_a_webhook_that_is_changed(alice: User, alice_client: APIClient, before: Before) -> None:
    webhook = Webhook.objects.add(alice, url="https://example.org/", events=["answer_ready"])
    before(Webhook, "configure", Webhook.objects.all().delete)
    refused(alice_client.patch(f"/api/webhooks/{webhook.pk}", {"active": False}), 404, "not_found")
