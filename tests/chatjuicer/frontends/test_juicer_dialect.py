"""What today's client is told of the log's frames, one socket at a time."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from chat_app import protocol
from chat_app.log.record import tag
from chat_app.models import Run
from chat_app.protocol import Connected, Event, Record, encode
from chatjuicer.frontends.juicer.dialect import JuicerDialect, plain_dialect_of
from chatjuicer.frontends.plain import PlainDialect
from sessions_app.models import ChatSession

SESSION = ChatSession(public_id="chat_0", dialect="v1")
IDLE = {"type": "assistant_end", "session_id": "chat_0", "finish_reason": "idle"}
RESYNC = encode(protocol.Resync(9))
RUN = uuid4()


@pytest.fixture
def dialect() -> JuicerDialect:
    return JuicerDialect(SESSION)


def told(dialect: JuicerDialect, event: Event, run_id: UUID = RUN) -> list[dict[str, Any]]:
    record = Record(uuid4(), "chat_0", 8, run_id, tag(event), encode(event), "2026-11-20T06:24:52.354799Z")
    frames = [json.loads(text) for text in dialect.texts(record)]
    assert all(frame.pop("session_id") == "chat_0" for frame in frames)
    return frames


def opened(dialect: JuicerDialect, live: Run | None) -> list[dict[str, Any]]:
    return [json.loads(text) for text in dialect.opening(Connected("chat_0", 7, None), live)]


def test_a_session_says_which_words_its_sockets_have() -> None:
    assert type(plain_dialect_of(SESSION, True)) is JuicerDialect
    assert type(plain_dialect_of(ChatSession(public_id="chat_0"), True)) is PlainDialect


def test_only_a_client_that_finds_nothing_going_on_is_told_so(dialect: JuicerDialect) -> None:
    assert opened(dialect, None) == [IDLE]
    assert opened(dialect, Run()) == []


def test_a_socket_that_gives_way_leaves_nobody_waiting(dialect: JuicerDialect) -> None:
    assert list(dialect.farewell()) == []
    told(dialect, protocol.StreamStart())
    assert [json.loads(text) for text in dialect.farewell()] == [IDLE]
    told(dialect, protocol.StreamEnd("stop"))
    assert list(dialect.farewell()) == []


def test_an_answer_begins_goes_on_and_ends(dialect: JuicerDialect) -> None:
    assert told(dialect, protocol.StreamStart()) == [{"type": "assistant_start"}]
    assert told(dialect, protocol.Delta("a", uuid4())) == [{"type": "assistant_delta", "content": "a"}]
    assert told(dialect, protocol.ReasoningDelta("b")) == [{"type": "reasoning_delta", "content": "b"}]
    end = protocol.StreamEnd("stop", uuid4(), {"input_tokens": 1})
    assert told(dialect, end) == [{"type": "assistant_end", "finish_reason": "stop"}]


def test_a_stop_is_confirmed_before_its_end(dialect: JuicerDialect) -> None:
    frames = told(dialect, protocol.StreamEnd("interrupted"))
    assert frames == [{"type": "stream_interrupted"}, {"type": "assistant_end", "finish_reason": "interrupted"}]


def test_words_that_are_stopped_in_the_queue_do_not_end_the_answer_that_goes_on(dialect: JuicerDialect) -> None:
    told(dialect, protocol.StreamStart())
    stopped = uuid4()
    assert told(dialect, protocol.StreamStart(), run_id=stopped) == []
    assert told(dialect, protocol.StreamEnd("interrupted"), run_id=stopped) == []
    assert [json.loads(text) for text in dialect.farewell()] == [IDLE], "it still waits for the end"
    assert told(dialect, protocol.StreamEnd("stop")) == [{"type": "assistant_end", "finish_reason": "stop"}]
    told(dialect, protocol.StreamStart())
    list(dialect.texts(RESYNC))  # with which the start of another answer may be forgotten
    assert told(dialect, protocol.StreamEnd("stop"), run_id=uuid4())[-1]["type"] == "assistant_end"


def test_a_call_that_waits_for_approval_is_told_in_words_that_are_shown(dialect: JuicerDialect) -> None:
    (error,) = told(dialect, protocol.ApprovalRequest(uuid4(), "c", "erase", "{}"))
    assert (error["type"], error["code"], error["retryable"]) == ("error", "approval_needed", False)
    assert "erase" in error["message"]


def test_a_tool_call_is_detected_executed_and_completed(dialect: JuicerDialect) -> None:
    call = {"tool_call_id": "c", "tool_name": "read_file"}
    of = protocol.ToolCall.of
    assert told(dialect, of("c", "read_file", "", "detected")) == [
        {"type": "function_detected", **call, "tool_arguments": "{}"}
    ]
    assert told(dialect, of("c", "read_file", '{"a":1}', "executing")) == [
        {"type": "function_executing", **call, "tool_arguments": '{"a":1}'}
    ]
    assert told(dialect, of("c", "read_file", "{}", "completed", result='{"b":2}', success=True)) == [
        {"type": "function_completed", **call, "tool_result": '{"b":2}', "tool_success": True}
    ]
    (cut,) = told(dialect, of("c", "read_file", "{}", "completed", success=False, interrupted=True))
    assert (cut["tool_success"], cut["interrupted"]) == (False, True)


def test_usage_title_and_errors_have_their_frames(dialect: JuicerDialect) -> None:
    usage = protocol.Usage(1, 2, 3, 4, 5, current=4, limit=9, threshold=5)
    assert told(dialect, usage) == [{"type": "token_usage", "current": 4, "limit": 9, "threshold": 5}]
    title = protocol.SessionUpdated({"title": "Rye"}, "Rye")
    assert told(dialect, title) == [{"type": "session_updated", "title": "Rye"}]
    (error,) = told(dialect, protocol.Error("provider_down", "The model is away.", retryable=True))
    assert error["message"] == "The model is away." and error["recoverable"] is error["retryable"] is True


def test_what_it_has_no_word_for_is_left_out(dialect: JuicerDialect) -> None:
    for event in (
        protocol.MessageCreated({"content": "hi"}),
        protocol.ToolCallArgumentsDelta("c", "{"),
    ):
        assert told(dialect, event) == []
    for control in (protocol.Accepted(None, uuid4(), []), protocol.Resync(3)):
        assert list(dialect.texts(encode(control))) == []
    for kept in (protocol.Ping(), protocol.Error("bad_frame", "No.")):
        assert list(dialect.texts(encode(kept))) == [encode(kept)]


def test_who_waits_for_an_end_that_is_forgotten_is_told_one(dialect: JuicerDialect) -> None:
    opened(dialect, Run())
    assert [json.loads(text) for text in dialect.texts(RESYNC)] == [IDLE]
    assert list(dialect.texts(RESYNC)) == []  # once
    told(dialect, protocol.StreamStart())
    told(dialect, protocol.StreamEnd("stop"))
    assert list(dialect.texts(RESYNC)) == []
