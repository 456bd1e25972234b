"""What happens in a session or an account, typed. `frame` is the event as it came over the wire (docs/protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatjuicer_client.shapes import Message, SessionInfo

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    frame: Frame = field(repr=False)

    @property
    def seq(self) -> int | None:
        """Its number in the log; None of what is in no log."""
        return self.frame.get("seq")

    @property
    def run_id(self) -> str | None:
        return self.frame.get("run_id")


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The answer begins, or, after a decision, goes on."""


@dataclass(frozen=True, slots=True)
class Text(Event):
    content: str
    """To be appended to what the message says so far."""
    message_id: str


@dataclass(frozen=True, slots=True)
class Reasoning(Event):
    content: str


@dataclass(frozen=True, slots=True)
class ToolCall(Event):
    """All that is known of a call by now."""

    id: str
    name: str
    arguments: str
    """JSON text."""
    status: str
    """`detected`, `executing` or `completed`."""
    result: str
    success: bool | None
    interrupted: bool


@dataclass(frozen=True, slots=True)
class ToolCallArguments(Event):
    id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ApprovalRequest(Event):
    """A call that is made only if a person says so."""

    approval_id: str
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class AwaitingApproval(Event):
    """The answer stands still until its approvals are decided; it may do so for days."""


@dataclass(frozen=True, slots=True)
class Usage(Event):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    context_tokens: int
    limit: int


@dataclass(frozen=True, slots=True)
class RunFailed(Event):
    """Why the answer ends with `finish_reason` `error`."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """The last event of an answer."""

    finish_reason: str
    """`stop`, `interrupted`, `error`, `max_turns`, `length` or `budget`."""
    message_id: str | None


@dataclass(frozen=True, slots=True)
class MessageCreated(Event):
    message: Message


@dataclass(frozen=True, slots=True)
class SessionUpdated(Event):
    session: SessionInfo


@dataclass(frozen=True, slots=True)
class PathChanged(Event):
    """Other messages are visible: what is shown from `from_position` on is to be loaded again."""

    message_id: str | None
    from_position: int


@dataclass(frozen=True, slots=True)
class MessagePinned(Event):
    """From now on the model is always given all of the message, or not any more."""

    message_id: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class Status(Event):
    """For who waits: the provider is asked again, the conversation is being summarized. In no log."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Resync(Event):
    """A part of the log is forgotten: load again what is shown. The events go on after `last_seq`."""

    last_seq: int


@dataclass(frozen=True, slots=True)
class AccountEvent(Event):
    """What happened to one of the account's sessions, on whichever device."""

    type: str
    """`session_created`, `session_updated`, `session_deleted`, `session_restored`, `session_state`, `read` or
    `draft`."""
    session_id: str
    session: SessionInfo | None
    """As it is when the event is sent; None of a session that is no more."""


def parse(frame: Frame) -> Event | None:
    """The event that a frame of a session's log, or of those that come beside it, tells; None of types that are not
    known."""
    make = _MAKERS.get(str(frame.get("type")))
    return make(frame) if make else None


def parse_account(frame: Frame) -> AccountEvent | Resync | None:
    if frame["type"] == "resync":
        return Resync(frame, frame["last_seq"])
    if "seq" not in frame:
        return None
    session = SessionInfo.of(frame["session"]) if frame.get("session") else None
    return AccountEvent(frame, frame["type"], frame["session_id"], session)


def _tool_call(frame: Frame) -> ToolCall:
    shown = (frame["id"], frame["name"], frame["arguments"], frame["status"], frame["result"], frame["success"])
    return ToolCall(frame, *shown, interrupted=bool(frame.get("interrupted")))


def _end(frame: Frame) -> Event:
    if frame["finish_reason"] == "awaiting_approval":
        return AwaitingApproval(frame)
    return Ended(frame, frame["finish_reason"], frame["message_id"])


_MAKERS: dict[str, Callable[[Frame], Event]] = {
    "stream_start": Started,
    "delta": lambda frame: Text(frame, frame["content"], frame["message_id"]),
    "reasoning_delta": lambda frame: Reasoning(frame, frame["content"]),
    "tool_call": _tool_call,
    "tool_call_arguments_delta": lambda frame: ToolCallArguments(frame, frame["id"], frame["delta"]),
    "approval_request": lambda frame: ApprovalRequest(
        frame, frame["approval_id"], frame["id"], frame["name"], frame["arguments"]
    ),
    "usage": lambda frame: Usage(
        frame,
        frame["input_tokens"],
        frame["output_tokens"],
        frame["total_tokens"],
        frame["context_tokens"],
        frame["limit"],
    ),
    "error": lambda frame: RunFailed(frame, frame["code"], frame["message"], bool(frame.get("retryable"))),
    "stream_end": _end,
    "message_created": lambda frame: MessageCreated(frame, Message.of(frame["message"])),
    "session_updated": lambda frame: SessionUpdated(frame, SessionInfo.of(frame["session"])),
    "path_changed": lambda frame: PathChanged(frame, frame["message_id"], frame["from_position"]),
    "message_pinned": lambda frame: MessagePinned(frame, frame["message_id"], frame["pinned"]),
    "status": lambda frame: Status(frame, frame["code"], frame["message"]),
    "resync": lambda frame: Resync(frame, frame["last_seq"]),
}
