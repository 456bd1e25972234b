"""A run that waited for a decision is resumed from the rows alone, as another process would."""

from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from chat_app.agent.answer import answer
from chat_app.runs.contract import Item, Outcome, RunRequest
from chat_app.tool_calls import DecidedCall
from tests.chat_app.agent.conftest import RecordingWriter
from tests.harness.provider import Provider

PICTURE = {"type": "input_image", "image_url": f"data:image/png;base64,{'A' * 2_700_000}", "detail": "auto"}
LONG = "word " * 20_000


@pytest.fixture(autouse=True)
def asking(settings: Settings) -> None:
    settings.TOOLS_REQUIRE_APPROVAL = ["current_time"]


def said(script: str) -> list[Item]:
    return [
        {"role": "user", "content": LONG},
        {"role": "assistant", "content": LONG},
        {"role": "user", "content": [{"type": "input_text", "text": script}, PICTURE]},
    ]


async def run(writer: RecordingWriter, history: list[Item], **more: Any) -> Outcome:
    request = RunRequest(uuid4(), uuid4(), "chat_0123456789abcdef", uuid4(), "gpt-4.1", history=history, **more)
    return await answer(request, writer)


def approved(outcome: Outcome) -> tuple[DecidedCall, ...]:
    return tuple(DecidedCall(call.id, True) for call in outcome.asked)


async def test_what_waits_holds_nothing_that_the_history_has(provider: Provider, writer: RecordingWriter) -> None:
    history = said("tool current_time {}; say 2")
    outcome = await run(writer, history)
    assert outcome.finish_reason == "awaiting_approval"
    assert [(call.name, call.arguments) for call in outcome.asked] == [("current_time", "{}")]
    assert len(outcome.state) < 1_000

    later = RecordingWriter()
    end = await run(later, [*history, *writer.context], state=outcome.state, decisions=approved(outcome))
    assert end.finish_reason == "stop"
    assert [(frame["id"], frame["status"]) for frame in later.frames("completed")] == [
        (outcome.asked[0].id, "completed")
    ]
    assert later.answered == "word1 word2"
    assert [item["type"] for item in later.context] == ["function_call_output", "message"]
    assert end.usage is not None and outcome.usage is not None
    assert end.usage["total_tokens"] > outcome.usage["total_tokens"]
    assert len(provider.requests) == 2  # the calls are not asked for again


async def test_each_call_has_its_own_decision(provider: Provider, writer: RecordingWriter) -> None:
    zones = [f'tool current_time {{"timezone":"{zone}"}}' for zone in ("UTC", "Asia/Tokyo")]
    history = said(f"together; {'; '.join(zones)}; say 2")
    outcome = await run(writer, history)
    first, second = outcome.asked
    decisions = (DecidedCall(first.id, False, "not now"), DecidedCall(second.id, True))
    later = RecordingWriter()
    end = await run(later, [*history, *writer.context], state=outcome.state, decisions=decisions)
    assert end.finish_reason == "stop"
    results = {frame["id"]: frame["result"] for frame in later.frames("completed")}
    assert "not now" in results[first.id]
    assert "Asia/Tokyo" in results[second.id]
    assert [frame["id"] for frame in later.frames("executing")] == [second.id]


async def test_an_approved_call_whose_tool_is_gone_is_not_carried_out(
    provider: Provider, writer: RecordingWriter
) -> None:
    history = said("tool current_time {}; say 2")
    outcome = await run(writer, history)
    context = [{**item, "name": "gone"} if item["type"] == "function_call" else item for item in writer.context]
    later = RecordingWriter()
    end = await run(later, [*history, *context], state=outcome.state, decisions=approved(outcome))
    assert end.finish_reason == "stop"
    (completed,) = later.frames("completed")
    assert (completed["success"], "not available" in completed["result"]) == (False, True)


async def test_an_older_run_s_cut_call_is_not_made(provider: Provider, writer: RecordingWriter) -> None:
    cut = {"type": "function_call", "call_id": "call_cut", "name": "current_time", "arguments": "{}"}
    history = [{"role": "user", "content": "Hi"}, cut, *said("tool current_time {}; say 2")]
    outcome = await run(writer, history)
    later = RecordingWriter()
    await run(later, [*history, *writer.context], state=outcome.state, decisions=approved(outcome))
    assert [frame["id"] for frame in later.frames("executing")] == [outcome.asked[0].id]


async def test_turns_before_the_decision_count(provider: Provider, writer: RecordingWriter, settings: Settings) -> None:
    settings.AGENT_MAX_TURNS = 1
    history = said("tool current_time {}; say 2")
    outcome = await run(writer, history)
    later = RecordingWriter()
    end = await run(later, [*history, *writer.context], state=outcome.state, decisions=approved(outcome))
    assert end.finish_reason == "max_turns"
    assert len(later.frames("completed")) == 1
