"""The plain dialect: for clients that know no numbers, such as the first desktop client.

Such a client counts on an end for each answer that it saw begin, and on nothing else: whatever it missed while it was
away, it must get one, or it waits for ever. It takes each `tool_call` that is not `detected` for the result, and reads
usage and stops from frames that the log does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from chat_app.delivery.dialect import Dialect
from chat_app.models import Run
from chat_app.protocol import Connected, Record, encode
from sessions_app.models import ChatSession


class Idle(Struct, tag_field="type", tag="stream_end", frozen=True):
    """The end of whatever the client still waits for: nothing runs, and nothing is queued."""

    session_id: str
    finish_reason: str = "idle"


class StreamInterrupted(Struct, tag_field="type", tag="stream_interrupted", frozen=True):
    session_id: str


class TokenUsage(Struct, tag_field="type", tag="token_usage", frozen=True):
    session_id: str
    current: int
    limit: int
    threshold: int


class PlainDialect(Dialect):
    closes_last = True

    def __init__(self, session: ChatSession) -> None:
        self._session_id = session.public_id
        self._awaits_end = False

    def opening(self, connected: Connected, live: Run | None) -> Iterator[str]:
        yield encode(connected)
        if live is None:
            yield self._idle
        self._awaits_end = live is not None

    def texts(self, frame: Record | str) -> Iterable[str]:
        return self._record(frame) if isinstance(frame, Record) else self._control(frame)

    def _record(self, record: Record) -> Iterator[str]:
        match record.type:
            case "tool_call" if _Payload.of(record).status == "executing":
                return
            case "stream_start":
                self._awaits_end = True
            case "stream_end":
                self._awaits_end = False
                if _Payload.of(record).finish_reason == "interrupted":
                    yield _text(StreamInterrupted(self._session_id))
        yield record.wire
        if record.type == "usage":
            said = _Payload.of(record)
            yield _text(TokenUsage(self._session_id, said.current, said.limit, said.threshold))

    def _control(self, text: str) -> Iterator[str]:
        if text.startswith(STATUS):
            return
        yield text
        # The log was cleared while the client read it: the end that it waits for is gone with the rest.
        if self._awaits_end and text.startswith(RESYNC):
            self._awaits_end = False
            yield self._idle

    @property
    def _idle(self) -> str:
        return _text(Idle(self._session_id))


RESYNC, STATUS = '{"type":"resync"', '{"type":"status"'


class _Payload(Struct):
    """What is looked at of an event's own fields."""

    status: str = ""
    finish_reason: str = ""
    current: int = 0
    limit: int = 0
    threshold: int = 0

    @staticmethod
    def of(record: Record) -> _Payload:
        return _payloads.decode(record.payload)


_payloads = msgspec.json.Decoder(_Payload)
_encoder = msgspec.json.Encoder()


def _text(frame: Struct) -> str:
    return _encoder.encode(frame).decode()
