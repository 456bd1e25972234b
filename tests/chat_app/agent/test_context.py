from dataclasses import replace
from typing import Any

import pytest
from agents.memory import Session
from asgiref.sync import sync_to_async

from chat_app.agent.answer import answer
from chat_app.agent.context import ContextSession
from chat_app.agent.transcript import Transcript
from chat_app.models.ending import INTERRUPTED_RESULT
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession
from tests.chat_app.agent.conftest import RecordingWriter, request_for
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


def context_of(session: ChatSession, writer: RecordingWriter) -> ContextSession:
    return Transcript(replace(request_for(""), session_pk=session.pk, history=None), writer).context


async def test_the_sdk_takes_it_for_a_session(stored: ChatSession, writer: RecordingWriter) -> None:
    assert isinstance(context_of(stored, writer), Session)


async def test_the_rows_are_read_in_order(stored: ChatSession, writer: RecordingWriter) -> None:
    assert await context_of(stored, writer).get_items() == HISTORY


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_the_latest_items_can_be_asked_for(stored: ChatSession, writer: RecordingWriter, limit: int) -> None:
    assert await context_of(stored, writer).get_items(limit) == HISTORY[len(HISTORY) - limit :]


async def test_what_the_sdk_adds_is_written_only_where_it_is_missing(
    stored: ChatSession, writer: RecordingWriter
) -> None:
    context = context_of(stored, writer)
    message: Any = {"role": "assistant", "content": [{"type": "output_text", "text": "three", "annotations": []}]}
    await context.write(message)
    output: Any = {"type": "function_call_output", "call_id": "2", "output": "There is no such tool."}
    await context.add_items([message, output])
    await context.add_items([output])
    assert writer.context == [message, output]
    (completed,) = writer.frames("completed")
    assert (completed["result"], completed["success"]) == ("There is no such tool.", False)
    assert await context.get_items(2) == [message, output]


async def test_the_last_item_can_be_taken_back(stored: ChatSession, writer: RecordingWriter) -> None:
    context = context_of(stored, writer)
    assert await context.pop_item() == HISTORY[-1]
    assert await sync_to_async(stored.context_items.count)() == 2
    await context.clear_session()
    assert await context.pop_item() is None
    assert await context.get_items() == []


async def test_a_run_reads_its_history_itself(stored: ChatSession, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await answer(replace(request_for(""), session_pk=stored.pk, history=None, model="gpt-4.1"), writer)
    assert outcome.finish_reason == "stop"
    assert writer.answered == "You said: two"


async def test_a_history_that_was_cut_is_made_valid_for_the_model(
    stored: ChatSession, writer: RecordingWriter, provider: Provider
) -> None:
    await answer(replace(request_for(""), session_pk=stored.pk, history=None, model="gpt-4.1"), writer)
    assert INTERRUPTED_RESULT in str(provider.requests[0].body)
