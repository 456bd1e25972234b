"""The two generations of the client: where they call, what they send, and how they read what they are sent.

Behind its edge the first generation has the second one's words: its main process translates each frame on arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    prefix: str
    kinds: tuple[str, ...]
    """`electron` and `browser`: what it comes as."""
    folder: str
    """Where it keeps what people upload."""
    tells_accepted: bool
    """Whether its sockets are sent `accepted`, for a judge to go by; no client reads it."""

    def translate(self, frame: Frame, session_id: str) -> Frame:
        """The frame as the renderer gets it."""
        if self is TODAY:
            return {"session_id": session_id, **frame}
        return {"session_id": session_id, **first_words(frame)}


def first_words(frame: Frame) -> Frame:
    """As the first generation's main process translates; what it does not know it hands on."""
    match frame["type"]:
        case "stream_start":
            return {"type": "assistant_start"}
        case "delta":
            return {"type": "assistant_delta", "content": frame.get("content") or ""}
        case "stream_end":
            return {"type": "assistant_end", "finish_reason": frame.get("finish_reason") or "stop"}
        case "tool_call" if frame.get("status") == "detected":
            return {"type": "function_detected", "tool_call_id": frame["id"], "tool_name": frame["name"]}
        case "tool_call":  # whatever is not `detected` is taken for the result
            return {
                "type": "function_completed",
                "tool_call_id": frame["id"],
                "tool_name": frame["name"],
                "tool_result": frame.get("result"),
                "tool_success": frame.get("success") is not False,
            }
        case "tool_call_arguments_delta":
            return {"type": "function_executing", "tool_call_id": frame["id"], "tool_arguments": frame["delta"]}
        case "error":
            return {"type": "error", "message": frame.get("message") or "Unknown error"}
        case _:
            return frame


FIRST = Dialect("first", "/api", ("electron",), "sources", tells_accepted=True)
TODAY = Dialect("today", "/api/v1", ("electron", "browser"), "input", tells_accepted=False)
SERVED = (FIRST,)
"""The generations that the server speaks to; the other one's tests are not collected."""
DIALECTS = {dialect.name: dialect for dialect in (FIRST, TODAY)}
