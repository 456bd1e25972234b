"""The frames of today's client on plain sockets: its own words and no others; when an end is told, `plain` says."""

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Any

import msgspec

from chat_app.delivery.dialect import Dialect
from chat_app.protocol import Delta, Record
from chatjuicer.frontends.plain import Payload, PlainDialect, StreamInterrupted, TokenUsage, asks, encoded
from sessions_app.models import ChatSession

V1 = "v1"
"""Of a session's `dialect`: it was last made or loaded here."""


def plain_dialect_of(session: ChatSession, signed_in: bool) -> Dialect:
    return JuicerDialect(session) if session.spoken_to(signed_in) == V1 else PlainDialect(session)


class JuicerDialect(PlainDialect):
    # In a browser the client forgets a socket that closes, which goes on to open itself again: the next text opens
    # another one beside it, and every answer is shown twice from then on.
    gives_way = True
    # Nor does it close the socket of a session that it deletes. One that is closed for any reason but its own it opens
    # again each second, without end: being accepted, it begins to count its tries anew.
    close_codes = MappingProxyType({4404: 1000})
    decides = False  # on calls, as the older generation, which is known by what it says

    @property
    def idle(self) -> str:
        return self.frame("assistant_end", finish_reason="idle")

    def said_before(self, said: Delta) -> str:
        return self.frame("assistant_delta", content=said.content)

    def control(self, text: str) -> Iterable[str]:
        return (text,) if text.startswith(UNDERSTOOD) else ()

    def record(self, record: Record) -> Iterator[str]:
        match record.type:
            case "stream_start":
                yield self.frame("assistant_start")
            case "delta":
                yield self.frame("assistant_delta", content=Payload.of(record).content)
            case "reasoning_delta":
                yield self.frame("reasoning_delta", content=Payload.of(record).content)
            case "tool_call":
                yield self.tool_call(Payload.of(record))
            case "approval_request":
                retryable = {"retryable": False, "recoverable": False}
                yield self.frame("error", code="approval_needed", message=asks(record), **retryable)
            case "usage":
                said = Payload.of(record)
                yield encoded(TokenUsage(self.session_id, said.current, said.limit, said.threshold))
            case "session_updated":
                yield self.frame("session_updated", title=Payload.of(record).title)
            case "error":
                said = Payload.of(record)
                retryable = {"retryable": said.retryable, "recoverable": said.retryable}
                yield self.frame("error", code=said.code, message=said.message, **retryable)
            case "stream_end":
                reason = Payload.of(record).finish_reason
                if reason == "interrupted":
                    yield encoded(StreamInterrupted(self.session_id))
                yield self.frame("assistant_end", finish_reason=reason)

    def tool_call(self, said: Payload) -> str:
        call: dict[str, Any] = {"tool_call_id": said.id, "tool_name": said.name}
        if said.status != "completed":
            # JSON, also before the model has said any of it.
            return self.frame(f"function_{said.status}", **call, tool_arguments=said.arguments or "{}")
        interrupted = {"interrupted": True} if said.interrupted else {}
        result = {"tool_result": said.result, "tool_success": said.success}
        return self.frame("function_completed", **call, **result, **interrupted)

    def frame(self, type: str, **fields: Any) -> str:
        return _encoder.encode({"type": type, "session_id": self.session_id, **fields}).decode()


# Of the frames that are not in the log, those that the client has a word for, and the same one.
UNDERSTOOD = tuple(f'{{"type":"{type}"' for type in ("error", "ping", "pong"))
_encoder = msgspec.json.Encoder()
