from dataclasses import replace
from typing import Any

import pytest
from agents.memory import Session
from asgiref.sync import sync_to_async

from chat_app.agent.answer import answer
from chat_app.agent.context import ContextSession
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession
from tests.chat_app.agent.conftest import RecordingPen, brief_of
from tests.harness.provider import Provider

Item = dict[str, Any]
HISTORY: list[Item] = [
    {"role": "user", "content": "one"},
    {"type": "function_call", "call_id": "1", "name": "current_time", "arguments": "{}"},
    {"role": "user", "content": "two"},
]


@pytest.fixture
def stored(transactional_db: None, alice: User) -> ChatSession:
    session, _ = ChatSession.objects.open(alice)
    session.add_context(HISTORY)
    return session


def context_of(session: ChatSession, writer: RecordingPen) -> ContextSession:
    return ContextSession(replace(brief_of(""), session_pk=session.pk, history=None), writer)


async def test_the_sdk_takes_it_for_a_session(writer: RecordingPen) -> None:
    assert isinstance(ContextSession(brief_of("hello"), writer), Session)


async def test_the_rows_are_read_in_order_and_made_valid(stored: ChatSession, writer: RecordingPen) -> None:
    items: list[Any] = await context_of(stored, writer).get_items()
    assert [item.get("content") or item["type"] for item in items] == [
        "one", "function_call", "function_call_output", "two",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, []), (1, ["two"]), (2, ["function_call", "function_call_output", "two"])]
)
async def test_the_latest_items_can_be_asked_for(
    stored: ChatSession, writer: RecordingPen, limit: int, expected: list[str]
) -> None:
    items: list[Any] = await context_of(stored, writer).get_items(limit)
    assert [item.get("content") or item["type"] for item in items] == expected


async def test_what_is_added_goes_through_the_pen_once(stored: ChatSession, writer: RecordingPen) -> None:
    context = context_of(stored, writer)
    said: Any = {"role": "assistant", "content": [{"type": "output_text", "text": "three", "annotations": []}]}
    await context.write([said])
    await context.add_items([said, {"role": "user", "content": "four"}])
    assert [item["role"] for item in writer.context] == ["assistant", "user"]
    items: list[Any] = await context.get_items()
    assert [item["content"] for item in items[-2:]] == ["three", "four"]


async def test_the_last_item_can_be_taken_back(stored: ChatSession, writer: RecordingPen) -> None:
    context = context_of(stored, writer)
    assert await context.pop_item() == HISTORY[-1]
    assert await sync_to_async(stored.context_items.count)() == 2
    await context.clear_session()
    assert await context.pop_item() is None
    assert await context.get_items() == []


async def test_a_run_reads_its_history_itself(stored: ChatSession, writer: RecordingPen, provider: Provider) -> None:
    outcome = await answer(replace(brief_of(""), session_pk=stored.pk, history=None, model="gpt-4.1"), writer)
    assert outcome.finish_reason == "stop"
    assert writer.answered == "You said: two"
