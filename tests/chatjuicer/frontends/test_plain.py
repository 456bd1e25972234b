"""What the plain dialect makes of the log's frames, one socket at a time."""

import json
from typing import Any
from uuid import uuid4

import pytest

from chat_app import protocol
from chat_app.log.record import tag
from chat_app.models import Run
from chat_app.protocol import Connected, Event, Record, encode
from chatjuicer.frontends.plain import PlainDialect
from sessions_app.models import ChatSession

SESSION = ChatSession(public_id="chat_0")
CONNECTED = Connected("chat_0", 7, None)
RUN = uuid4()


@pytest.fixture
def plain() -> PlainDialect:
    return PlainDialect(SESSION)


def record(event: Event) -> Record:
    return Record(uuid4(), "chat_0", 8, RUN, tag(event), encode(event), "2026-11-20T06:24:52.354799Z")


def told(plain: PlainDialect, event: Event) -> list[dict[str, Any]]:
    return [json.loads(text) for text in plain.texts(record(event))]


def opened(plain: PlainDialect, live: Run | None) -> list[dict[str, Any]]:
    return [json.loads(text) for text in plain.opening(CONNECTED, live)]


IDLE = {"type": "stream_end", "session_id": "chat_0", "finish_reason": "idle"}


def test_only_a_client_that_finds_nothing_going_on_is_told_so(plain: PlainDialect) -> None:
    assert [frame["type"] for frame in opened(plain, None)] == ["connected", "stream_end"]
    assert opened(plain, None)[1] == IDLE
    assert [frame["type"] for frame in opened(plain, Run())] == ["connected"]


@pytest.mark.parametrize("status", ["detected", "executing", "completed"])
def test_a_call_at_work_is_not_told(plain: PlainDialect, status: protocol.ToolStatus) -> None:
    frames = told(plain, protocol.ToolCall.of("call_1", "read_file", '{"status":"executing"}', status))
    assert [frame["status"] for frame in frames] == ([] if status == "executing" else [status])


def test_a_stop_is_confirmed_before_its_end(plain: PlainDialect) -> None:
    for reason, types in (("interrupted", ["stream_interrupted", "stream_end"]), ("stop", ["stream_end"])):
        frames = told(plain, protocol.StreamEnd(reason))  # type: ignore[arg-type]
        assert [frame["type"] for frame in frames] == types
        assert "seq" in frames[-1] and all("seq" not in frame for frame in frames[:-1])


def test_usage_is_told_twice(plain: PlainDialect) -> None:
    usage, tokens = told(plain, protocol.Usage(1, 2, 3, 4, 5, current=4, limit=9, threshold=5))
    assert (usage["type"], usage["seq"]) == ("usage", 8)
    assert tokens == {"type": "token_usage", "session_id": "chat_0", "current": 4, "limit": 9, "threshold": 5}


def test_every_other_frame_is_as_in_the_log(plain: PlainDialect) -> None:
    for event in (protocol.StreamStart(), protocol.Delta("a", uuid4()), protocol.Error("internal", "No.")):
        assert list(plain.texts(of := record(event))) == [of.wire]


def test_who_waits_for_an_end_that_is_forgotten_is_told_one(plain: PlainDialect) -> None:
    resync = encode(protocol.Resync(9))
    opened(plain, None)
    assert list(plain.texts(resync)) == [resync]
    told(plain, protocol.StreamStart())
    _, end = plain.texts(resync)
    assert json.loads(end) == IDLE
    assert list(plain.texts(resync)) == [resync]  # once


def test_who_comes_back_to_an_answer_waits_for_its_end_from_the_beginning(plain: PlainDialect) -> None:
    opened(plain, Run())
    assert len(list(plain.texts(encode(protocol.Resync(9))))) == 2


def test_who_has_had_the_end_waits_for_none(plain: PlainDialect) -> None:
    told(plain, protocol.StreamStart())
    told(plain, protocol.StreamEnd("stop"))
    assert len(list(plain.texts(encode(protocol.Resync(9))))) == 1
