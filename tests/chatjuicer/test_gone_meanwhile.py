"""What another device deletes while a request about it is being answered does not exist, as if it had come later."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from chat_app.models import Webhook
from chatjuicer.accounts.models import User
from files_app.models.upload import UploadManager
from sessions_app.models import ChatSession, Message
from tests.conftest import refused

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


def test_a_webhook_that_is_changed(alice: User, alice_client: APIClient, before: Before) -> None:
    webhook = Webhook.objects.add(alice, url="https://example.org/", events=["answer_ready"])
    before(Webhook, "configure", Webhook.objects.all().delete)
    refused(alice_client.patch(f"/api/webhooks/{webhook.pk}", {"active": False}), 404, "not_found")
