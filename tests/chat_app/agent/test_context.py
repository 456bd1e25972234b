from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat_app.agent.answer import answer
from chat_app.agent.transcript import Transcript
from chat_app.exceptions import LeaseLost
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


async def test_the_rows_are_read_in_order(stored: ChatSession, writer: RecordingWriter) -> None:
    transcript = Transcript(replace(request_for(""), session_pk=stored.pk, history=None), writer)
    assert await transcript.context.items() == HISTORY


async def test_what_the_sdk_gives_in_a_tool_s_place_is_written_once(writer: RecordingWriter) -> None:
    transcript = Transcript(request_for("one"), writer)
    output: Any = {"type": "function_call_output", "call_id": "2", "output": "There is no such tool."}
    await transcript.sdk_outputs([output, {"role": "user", "content": "one"}])
    await transcript.sdk_outputs([output])
    assert writer.context == [output]
    (completed,) = writer.frames("completed")
    assert (completed["result"], completed["success"]) == ("There is no such tool.", False)


async def test_a_run_reads_its_history_itself(stored: ChatSession, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await answer(replace(request_for(""), session_pk=stored.pk, history=None, model="gpt-4.1"), writer)
    assert outcome.finish_reason == "stop"
    assert writer.answered == "You said: two"


async def test_of_what_was_cleared_since_the_run_was_claimed_no_model_is_asked(
    stored: ChatSession, writer: RecordingWriter, provider: Provider
) -> None:
    await sync_to_async(stored.clear)()
    with pytest.raises(LeaseLost):
        await answer(replace(request_for(""), session_pk=stored.pk, history=None, model="gpt-4.1"), writer)
    assert provider.requests == []


async def test_a_history_that_was_cut_is_made_valid_for_the_model(
    stored: ChatSession, writer: RecordingWriter, provider: Provider
) -> None:
    await answer(replace(request_for(""), session_pk=stored.pk, history=None, model="gpt-4.1"), writer)
    assert INTERRUPTED_RESULT in str(provider.requests[0].body)
