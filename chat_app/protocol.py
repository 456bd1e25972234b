"""Every frame of the wire, typed once: commands (client to server), events (the log) and controls (neither logged nor
numbered). docs/protocol.md says the same to people."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chatjuicer.encryption import storable

from .exceptions import BadFrame

MAX_FRAME_BYTES = 1024 * 1024
MAX_TEXT_CHARS = MAX_FRAME_BYTES
MAX_ITEMS_PER_MESSAGE = 100

FinishReason = Literal["stop", "interrupted", "error", "max_turns", "length", "awaiting_approval", "budget"]
ToolStatus = Literal["detected", "executing", "completed"]
StatusCode = Literal["retrying", "effort_left_out", "compacting", "fallback", "agent_missing", "needs_authorization"]
OnBusy = Literal["queue", "reject", "interrupt"]

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS)]
Name = Annotated[str, Meta(max_length=128, pattern=r"\A[^\x00]*\Z")]


# -- commands


class Command(Struct, tag_field="type", frozen=True):
    """What a client may send. Unknown fields are ignored; wrong types are a BadFrame."""


class UserInput(Struct, frozen=True):
    """A user's message and the files of the session that it refers to. Without files the text must not be empty."""

    content: Annotated[str, Meta(max_length=MAX_TEXT_CHARS)] = ""
    attachments: list[dict[str, Any]] | None = None
    role: Literal["user"] = "user"


class SendMessage(Command, tag="message", frozen=True):
    messages: Annotated[list[str | UserInput], Meta(min_length=1, max_length=MAX_ITEMS_PER_MESSAGE)]
    model: Name | None = None
    reasoning_effort: Name | None = None
    client_id: Name | None = None
    on_busy: OnBusy | None = None  # "queue"
    session_id: Name | None = None  # names no session; but desktop clients are known by it


class Interrupt(Command, tag="interrupt", frozen=True):
    run_id: UUID | None = None


class PingCommand(Command, tag="ping", frozen=True):
    pass


class PongCommand(Command, tag="pong", frozen=True):
    pass


class ApprovalCommand(Command, tag="approval", frozen=True):
    approval_id: UUID
    decision: Literal["approve", "reject"]
    reason: Annotated[str, Meta(max_length=4000)] | None = None
    always: bool = False


class Auth(Command, tag="auth", frozen=True):
    token: Annotated[str, Meta(min_length=1, max_length=8192)]


AnyCommand = SendMessage | Interrupt | ApprovalCommand | PingCommand | PongCommand | Auth
_commands = msgspec.json.Decoder(AnyCommand)


def parse_command(text: str) -> AnyCommand:
    """One command, or BadFrame with the code `bad_frame` or `unknown_type` and a text for the client's author."""
    try:
        return _commands.decode(text)
    except msgspec.ValidationError as error:
        if "Invalid value" in str(error) and "$.type" in str(error):
            raise BadFrame("The frame's type is unknown.", code="unknown_type") from None
        raise BadFrame(f"The frame is not valid: {error}.") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadFrame("The frame is not valid JSON.") from None


# -- events


class Event(Struct, tag_field="type", frozen=True):
    """What goes into a session's log or to its clients. `Record` adds the envelope (`seq, session_id, run_id, at`)."""


class MessageCreated(Event, tag="message_created", frozen=True):
    message: dict[str, Any]


class StreamStart(Event, tag="stream_start", frozen=True):
    pass


class Delta(Event, tag="delta", frozen=True):
    content: str
    message_id: UUID


class ReasoningDelta(Event, tag="reasoning_delta", frozen=True):
    content: str


class ToolCall(Event, tag="tool_call", frozen=True):
    """One step in the life of a tool call; the `tool_*` fields repeat the plain ones for older clients."""

    id: str
    name: str
    arguments: str
    status: ToolStatus
    result: str
    success: bool | None
    tool_call_id: str
    tool_name: str
    tool_arguments: str
    tool_result: str
    tool_success: bool | None
    interrupted: bool | UnsetType = UNSET

    @classmethod
    def of(
        cls,
        id: str,
        name: str,
        arguments: str,
        status: ToolStatus,
        *,
        result: str = "",
        success: bool | None = None,
        interrupted: bool = False,
    ) -> ToolCall:
        plain = (arguments, result, success)
        return cls(
            id,
            name,
            arguments,
            status,
            result,
            success,
            id,
            name,
            *plain,
            interrupted=True if interrupted else UNSET,
        )


class ToolCallArgumentsDelta(Event, tag="tool_call_arguments_delta", frozen=True):
    id: str
    delta: str


class ApprovalRequest(Event, tag="approval_request", frozen=True):
    """A tool call that runs only if a person approves it; `id` is the call's."""

    approval_id: UUID
    id: str
    name: str
    arguments: str


class Usage(Event, tag="usage", frozen=True):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    context_tokens: int
    threshold_tokens: int
    current: int
    limit: int
    threshold: int


class Error(Event, tag="error", frozen=True):
    """Of a run, in the log; or, without number, the answer to a bad command."""

    code: str
    message: str
    retryable: bool = False
    client_id: str | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET  # seconds, of `rate_limited`


INTERNAL = Error("internal", "Something went wrong on the server.", retryable=True)
"""A fault of ours, of a command or of a run: what is not known to fail again may be tried again."""


class StreamEnd(Event, tag="stream_end", frozen=True):
    finish_reason: FinishReason
    message_id: UUID | None = None
    usage: dict[str, int] | None = None


class PathChanged(Event, tag="path_changed", frozen=True):
    """Another path of messages is visible: what is shown from `from_position` on is to be loaded again."""

    message_id: UUID | None  # the path's last message
    from_position: int
    message_count: int


class MessagePinned(Event, tag="message_pinned", frozen=True):
    """From now on the model is always given all of the message, or not any more."""

    message_id: UUID
    pinned: bool


class SessionUpdated(Event, tag="session_updated", frozen=True):
    session: dict[str, Any]
    title: str


# -- controls


class Connected(Event, tag="connected", frozen=True):
    """To who follows an account's log, `last_seq` alone is said."""

    session_id: str | UnsetType
    last_seq: int
    run: dict[str, Any] | UnsetType | None


class Accepted(Event, tag="accepted", frozen=True):
    client_id: str | None
    run_id: UUID
    message_ids: list[UUID]


class Resync(Event, tag="resync", frozen=True):
    last_seq: int


class Status(Event, tag="status", frozen=True):
    """What happens in a run that its log does not tell, for people who wait."""

    session_id: str
    run_id: UUID
    code: StatusCode
    message: str
    retry_in_s: float | UnsetType = UNSET


class Ping(Event, tag="ping", frozen=True):
    pass


class Pong(Event, tag="pong", frozen=True):
    pass


class Authenticated(Event, tag="authenticated", frozen=True):
    pass


_encoder = msgspec.json.Encoder()


def encode(event: Event) -> str:
    try:
        return _encoder.encode(event).decode()
    except UnicodeEncodeError:  # a model may say one half of a surrogate pair
        return storable(json.dumps(msgspec.to_builtins(event), ensure_ascii=False, separators=(",", ":")))


# -- the envelope


class Record(Struct):
    """An event with its number: one row of the log, and one frame on the wire.

    `session_pk` is the log's key: in an account's log the user's. `payload` is the event's own JSON object, at least
    `{"type":...}`; empty: the event has to be read from the log. `at` is RFC 3339 UTC.
    """

    session_pk: UUID
    public_id: str
    seq: int
    run_id: UUID | None
    type: str
    payload: str
    at: str
    _wire: str | None = None

    @property
    def wire(self) -> str:
        """The frame as text, built once for all sockets."""
        if self._wire is None:
            run = f'"{self.run_id}"' if self.run_id else "null"
            head = f'{{"seq":{self.seq},"session_id":{encode_text(self.public_id)},"run_id":{run},"at":"{self.at}",'
            self._wire = head + self.payload[1:]
        return self._wire

    def shown(self) -> dict[str, Any]:
        """The frame as JSON values, for a list of them."""
        shown: dict[str, Any] = msgspec.json.decode(self.wire)
        return shown

    def joins(self, later: Record) -> bool:
        """Whether `later` appends to the same text, so that one frame may carry both."""
        if self.type != later.type or self.run_id != later.run_id:
            return False
        if self.type == "delta":
            return self.payload[-MESSAGE_ID_TAIL:] == later.payload[-MESSAGE_ID_TAIL:]
        return self.type == "reasoning_delta"


# A delta's payload ends in `"message_id":"<36 characters>"}`, as Delta declares it last.
MESSAGE_ID_TAIL = len('"message_id":"00000000-0000-0000-0000-000000000000"}')

_deltas: msgspec.json.Decoder[Delta | ReasoningDelta] = msgspec.json.Decoder(Delta | ReasoningDelta)


def encode_text(text: str) -> str:
    return _encoder.encode(text).decode()


def merged(records: list[Record]) -> Record:
    """One record for a run of records that join: all their text, the number and time of the last."""
    last = records[-1]
    if len(records) == 1:
        return last
    parts = [_deltas.decode(record.payload) for record in records]
    whole = msgspec.structs.replace(parts[-1], content="".join(part.content for part in parts))
    return msgspec.structs.replace(last, payload=encode(whole), _wire=None)


def delta_content(payload: str) -> str:
    return _deltas.decode(payload).content
