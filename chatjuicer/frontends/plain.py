"""The plain dialect: for clients that know no numbers, such as the first desktop client.

Such a client counts on an end for each answer that it saw begin, and on nothing else: whatever it missed while it was
away, it must get one, or it waits for ever. It takes each `tool_call` that is not `detected` for the result, and reads
usage and stops from frames that the log does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec
from msgspec import Struct

from chat_app.delivery.dialect import Dialect
from chat_app.models import Run
from chat_app.protocol import Connected, Delta, Error, Record, SendMessage, encode
from sessions_app.models import ChatSession


class Idle(Struct, tag_field="type", tag="stream_end", frozen=True):
    """The end of whatever the client still waits for: nothing runs, and nothing is queued."""

    session_id: str
    finish_reason: str = "idle"


class SaidBefore(Struct, tag_field="type", tag="delta", frozen=True):
    """The beginning of an answer that goes on, to a client that shows no row of it."""

    session_id: str
    content: str
    message_id: UUID


class StreamInterrupted(Struct, tag_field="type", tag="stream_interrupted", frozen=True):
    session_id: str


class TokenUsage(Struct, tag_field="type", tag="token_usage", frozen=True):
    session_id: str
    current: int
    limit: int
    threshold: int


class PlainDialect(Dialect):
    """When an end is told. A front end with other frames says in a subclass how it, and everything else, is told."""

    closes_last = True

    def __init__(self, session: ChatSession) -> None:
        self.session_id = session.public_id
        self._awaits_end = False
        self._answering: UUID | None = None  # the run whose start was told last, and not its end
        self._said: Delta | None = None  # to be told after the first start

    def opening(self, connected: Connected, live: Run | None, said: Delta | None = None) -> Iterator[str]:
        self._said = said
        yield from self.control(encode(connected))
        if live is None:
            yield self.idle
        self._awaits_end = live is not None

    def texts(self, frame: Record | str) -> Iterable[str]:
        if isinstance(frame, Record):
            if frame.type in ENDS:
                if self._answering not in (None, frame.run_id):
                    # Words that were stopped in the queue. The client, which knows no runs, would take the answer that
                    # goes on meanwhile for ended, and drop the rest of it.
                    return ()
                self._awaits_end = frame.type == "stream_start"
                self._answering = frame.run_id if self._awaits_end else None
                self.last_end = self.last_end if self._awaits_end else frame.seq
                said, self._said = self._said, None
                if said is not None and self._awaits_end:
                    return (*self.record(frame), self.said_before(said))
            return self.record(frame)
        if frame.startswith(RESYNC):
            self._answering = None  # its end may be forgotten, and another start with it
            if self._awaits_end:
                # The log was cleared while the client read it: the end that it waits for is gone with the rest.
                self._awaits_end = False
                return (*self.control(frame), self.idle)
        return self.control(frame)

    def hear(self, command: SendMessage) -> None:
        # Of a desktop client, which has no way to decide on a call: what its person says next would wait behind the
        # question for ever.
        self.decides = self.decides and command.session_id is None

    def farewell(self) -> Iterable[str]:
        return (self.idle,) if self._awaits_end else ()

    @property
    def idle(self) -> str:
        """The end of whatever the client still waits for."""
        return encoded(Idle(self.session_id))

    def said_before(self, said: Delta) -> str:
        return encoded(SaidBefore(self.session_id, said.content, said.message_id))

    def record(self, record: Record) -> Iterator[str]:
        match record.type:
            case "path_changed" | "message_pinned":
                return
            case "tool_call" if Payload.of(record).status == "executing":
                return
            case "stream_end" if Payload.of(record).finish_reason == "interrupted":
                yield encoded(StreamInterrupted(self.session_id))
        yield record.wire
        if record.type == "usage":
            said = Payload.of(record)
            yield encoded(TokenUsage(self.session_id, said.current, said.limit, said.threshold))
        elif record.type == "approval_request" and not self.decides:
            yield encode(Error("approval_needed", asks(record)))

    def control(self, text: str) -> Iterable[str]:
        return () if text.startswith(STATUS) else (text,)


def asks(record: Record) -> str:
    return ASKS % Payload.of(record).name


ASKS = "The tool %s waits for your approval. Decide on the server's own page, or write on and it is not called."
ENDS = ("stream_start", "stream_end")
RESYNC, STATUS = '{"type":"resync"', '{"type":"status"'


class Payload(Struct):
    """What is looked at of the fields of tool calls, errors and the like. (A `message` of other events is no text.)"""

    content: str = ""
    id: str = ""
    name: str = ""
    arguments: str = ""
    status: str = ""
    result: str = ""
    success: bool | None = None
    interrupted: bool = False
    title: str = ""
    code: str = ""
    message: str = ""
    retryable: bool = False
    finish_reason: str = ""
    current: int = 0
    limit: int = 0
    threshold: int = 0

    @staticmethod
    def of(record: Record) -> Payload:
        return _payloads.decode(record.payload)


_payloads = msgspec.json.Decoder(Payload)
_encoder = msgspec.json.Encoder()


def encoded(frame: Struct) -> str:
    return _encoder.encode(frame).decode()
