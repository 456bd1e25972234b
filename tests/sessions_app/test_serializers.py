"""What `to_representation` says in plain Python is what the declared fields say."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from rest_framework import serializers
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from chatjuicer.api.renderers import JSONRenderer
from sessions_app import listing
from sessions_app.models import ChatSession, Message, MessageDraft, Project
from sessions_app.serializers import MessageSerializer, SessionSerializer

DRAFTS = [
    MessageDraft(role="user", content="Where is *Rome*?", metadata={"a": [1, None, {"ü": "x"}]}),
    MessageDraft(
        role="tool_call", tool_call_id="c", tool_name="f", tool_arguments="{}", tool_result="r", tool_success=False
    ),
    MessageDraft(role="assistant", status="interrupted", partial=True, content="In It", model="m", agent_name="chat",
                 token_count=7, response_time_ms=12, is_error=True),
]  # fmt: skip


@pytest.fixture
def session(alice: User) -> ChatSession:
    session, _ = ChatSession.objects.open(
        alice, public_id="s", title="Grüße", metadata={"z": 1}, mcp_config=["fetch"], disabled_tools=["ü"],
        model="gpt-5-mini",
    )  # fmt: skip
    session.add_messages(DRAFTS)
    session.settle("running", {"total_tokens": 1200, "context_tokens": 345})
    session.configure(pinned=True, archived=True)
    return session


def declared(serializer: "serializers.Serializer[ChatSession] | serializers.Serializer[Message]") -> object:
    """What DRF makes of the declared fields, as the client gets it."""
    made = serializers.Serializer[Any].to_representation(serializer, serializer.instance)
    return orjson.loads(JSONRenderer().render(made))


def test_a_session_looks_as_its_fields_say(session: ChatSession) -> None:
    serializer = SessionSerializer(session)
    assert list(serializer.data) == list(serializer.fields)
    assert orjson.loads(JSONRenderer().render(serializer.data)) == declared(serializer)


def test_a_message_looks_as_its_fields_say(session: ChatSession) -> None:
    for message in session.messages.order_by("position"):
        serializer = MessageSerializer(message)
        assert list(serializer.data) == list(serializer.fields)
        assert orjson.loads(JSONRenderer().render(serializer.data)) == declared(serializer)


def test_a_row_of_the_list_looks_as_the_fields_say(session: ChatSession, alice: User, alice_client: APIClient) -> None:
    expected = declared(SessionSerializer(session))
    assert alice_client.get("/api/sessions").json()["sessions"] == [expected]
    by_filter = listing.page(listing.Wanted(owner_id=alice.pk, offset=0, limit=1, archived=True))
    assert orjson.loads(JSONRenderer().render(by_filter))["sessions"] == [expected]


def test_a_time_without_a_fraction_looks_like_the_others(session: ChatSession, alice_client: APIClient) -> None:
    moment = datetime(2026, 1, 31, 9, 0, 0, tzinfo=UTC)
    ChatSession.objects.filter(pk=session.pk).update(created_at=moment, updated_at=moment, last_used_at=moment)
    (row,) = alice_client.get("/api/sessions").json()["sessions"]
    assert row["created_at"] == row["updated_at"] == row["last_used_at"] == "2026-01-31T09:00:00.000000Z"


HARD = 'a "quote", a \\, a tab\t, \x01, \u2028, ü 三 🎉, %s {0} \' </script> enc:v1:x'


@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("keys", [[], [Fernet.generate_key().decode()]], ids=["plain", "encrypted"])
def test_a_row_of_the_list_says_any_text(alice: User, settings: Any, keys: list[str], is_filtered: bool) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = keys
    project = Project.objects.create(owner=alice, name=HARD)
    session, _ = ChatSession.objects.open(alice, public_id="hard", title=HARD, metadata={HARD: [HARD, 1e30, None]})
    said = {"draft": HARD, "last_message_preview": HARD, "project": project, "answered_position": 2}
    ChatSession.objects.filter(pk=session.pk).update(**said)
    wanted = listing.Wanted(owner_id=alice.pk, offset=0, limit=5, archived=False if is_filtered else None)
    (row,) = orjson.loads(JSONRenderer().render(listing.page(wanted)))["sessions"]
    assert row == declared(SessionSerializer(ChatSession.objects.get(pk=session.pk)))
    assert row == orjson.loads(JSONRenderer().render(listing.shown(alice.pk, ["hard"])))["hard"]
    assert (row["title"], row["draft"], row["project_name"], row["unread"]) == (HARD, HARD, HARD, True)
