"""Reading and adding messages, over HTTP."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.dispatch import Signal
from rest_framework.test import APIClient

from chat_app.log.record import record
from chat_app.protocol import Delta
from chatjuicer.accounts.models import User
from sessions_app import signals
from sessions_app.models import ChatSession, MessageDraft

MESSAGE_FIELDS = {
    "id", "session_id", "position", "role", "content", "status", "partial", "tool_call_id", "tool_name",
    "tool_arguments", "tool_result", "tool_success", "token_count", "model", "model_id", "agent_name",
    "response_time_ms", "is_error", "reasoning", "error", "metadata", "created_at",
}  # fmt: skip


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="s")[0]


def positions(answer: dict[str, Any]) -> list[int]:
    return [message["position"] for message in answer["messages"]]


def test_a_posted_message_is_in_both_layers(alice_client: APIClient, session: ChatSession) -> None:
    body = {"role": "system", "content": "  Answer in verse.\n", "metadata": {"from": "import"}}
    answer = alice_client.post("/api/sessions/s/messages", body)
    assert answer.status_code == 201
    message = answer.json()
    assert message.keys() >= MESSAGE_FIELDS
    assert {name: message[name] for name in body} == body
    assert (message["session_id"], message["position"], message["status"]) == ("s", 1, "completed")
    assert alice_client.get("/api/sessions/s/messages").json()["messages"] == [message]
    assert [item.value for item in session.context_items.all()] == [
        {"role": "system", "content": "  Answer in verse.\n"}
    ]


def test_a_posted_message_is_announced_inside_its_transaction(
    alice_client: APIClient, session: ChatSession, alice: User
) -> None:
    with heard(signals.message_added) as calls:
        alice_client.post("/api/sessions/s/messages", {"role": "user", "content": "hello"})
    assert [(call["session"].pk, call["message"].content) for call in calls] == [(session.pk, "hello")]


def test_metadata_that_are_null_are_none(alice_client: APIClient, session: ChatSession) -> None:
    answer = alice_client.post("/api/sessions/s/messages", {"role": "user", "content": "hello", "metadata": None})
    assert (answer.status_code, answer.json()["metadata"]) == (201, {})


def test_an_idempotency_key_adds_one_message(alice_client: APIClient, session: ChatSession) -> None:
    body = {"role": "user", "content": "once"}
    first, again = (
        alice_client.post("/api/sessions/s/messages", body, headers={"idempotency-key": "k"}) for _ in range(2)
    )
    assert first.json() == again.json()
    assert session.messages.count() == 1


def test_messages_are_read_from_either_end_and_around_a_position(alice_client: APIClient, session: ChatSession) -> None:
    session.add_messages([MessageDraft(role="user", content=f"text {n}") for n in range(1, 11)])

    def read(query: str) -> tuple[list[int], bool]:
        answer = alice_client.get(f"/api/sessions/s/messages?{query}").json()
        assert answer["total_count"] == answer["pagination"]["total"] == 10
        return positions(answer), answer["has_more"]

    assert read("") == (list(range(1, 11)), False)
    assert read("limit=3") == ([1, 2, 3], True)
    assert read("offset=8&limit=3") == ([9, 10], False)
    assert read("offset=2000000000") == ([], False)
    assert read("before=5&limit=2") == ([3, 4], True)
    assert read("before=3&limit=2") == ([1, 2], False)
    assert read("before=1") == ([], False)
    assert read("after=5&limit=2") == ([6, 7], True)
    assert read("after=8&limit=2") == ([9, 10], False)
    assert read("after=3&before=7&limit=2") == ([5, 6], True)
    assert read("after=3&before=6") == ([4, 5], False)


def test_the_detail_has_the_newest_fifty_in_order(
    alice_client: APIClient, session: ChatSession, django_assert_max_num_queries: Any
) -> None:
    session.add_messages([MessageDraft(role="user", content=str(n)) for n in range(1, 61)])
    with django_assert_max_num_queries(6):
        detail = alice_client.get("/api/sessions/s").json()
    assert positions(detail) == list(range(11, 61))
    assert detail["full_history"] == detail["messages"]
    assert (detail["has_more"], detail["loaded_count"], detail["message_count"]) == (True, 50, 60)
    assert detail["files"] == []
    assert detail["run"] is None
    assert detail["last_seq"] == detail["session"]["last_seq"]


def test_an_answer_still_being_written_stands_apart_with_its_text_so_far(
    alice_client: APIClient, session: ChatSession
) -> None:
    _, answer = session.add_messages(
        [MessageDraft(role="user", content="hi"), MessageDraft(role="assistant", status="pending")]
    )
    deltas = [Delta("so", answer.pk), Delta("of another", uuid4()), Delta(" fa", answer.pk)]
    with transaction.atomic():
        record(session, deltas, state="running")
    for path in ("/api/sessions/s", "/api/sessions/s/messages"):
        shown = alice_client.get(path).json()["messages"]
        assert [(m["status"], m["content"]) for m in shown] == [("completed", "hi")]
    (live,) = alice_client.get("/api/sessions/s").json()["live"]
    assert (live["id"], live["status"], live["content"]) == (str(answer.pk), "pending", "so fa")
    assert answer.complete("so far")
    assert not answer.complete("twice")
    detail = alice_client.get("/api/sessions/s").json()
    assert (detail["messages"][1]["status"], detail["messages"][1]["content"]) == ("completed", "so far")
    assert detail["session"]["last_message_preview"] == "so far"


def test_a_queued_question_stays_the_preview_when_the_answer_before_it_ends(session: ChatSession) -> None:
    (answer,) = session.add_messages([MessageDraft(role="assistant", status="pending")])
    session.add_messages([MessageDraft(role="user", content="and then?")])
    answer.complete("first")
    session.refresh_from_db()
    assert session.last_message_preview == "and then?"


def test_text_that_no_database_takes_is_kept_as_far_as_it_can_be(session: ChatSession) -> None:
    session.add_messages([MessageDraft(role="assistant", content="a\x00b\ud800c"), MessageDraft(role="user")])
    assert session.messages.get(position=1).content == "a\ufffdb\ufffdc"
    session.add_context([{"b": 1, "a": "\x00\ud800", "big": 2**80}])
    assert session.context_items.get().value == {"b": 1, "a": "\x00\ud800", "big": 2**80}


def test_context_items_are_kept_verbatim_and_in_order(session: ChatSession) -> None:
    items: list[dict[str, Any]] = [
        {
            "type": "function_call",
            "name": "f",
            "arguments": '{"b": 1, "a": 2}',
            "call_id": "c",
            "extra": [1.5],
        },
        {"output": "ü", "call_id": "c", "type": "function_call_output"},
    ]
    session.add_context(items[:1])
    session.add_context(items[1:])
    rows = list(session.context_items.order_by("position"))
    assert [row.value for row in rows] == items
    assert [list(row.value) for row in rows] == [list(item) for item in items]
    assert [row.position for row in rows] == [1, 2]


class heard:  # noqa: N801
    """The calls of a signal while the block runs."""

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.calls: list[dict[str, Any]] = []

    def __enter__(self) -> list[dict[str, Any]]:
        self.signal.connect(self.note)
        return self.calls

    def __exit__(self, *error: object) -> None:
        self.signal.disconnect(self.note)

    def note(self, **arguments: Any) -> None:
        self.calls.append(arguments)
