"""What a client shows: the state it loaded, changed by each event that it gets, in the plainest words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.harness.client import Frame

SHOWN = ("id", "role", "content", "status", "tool_call_id", "tool_name", "tool_result", "tool_success")
OF_SESSION = ("title", "pinned", "archived", "model", "reasoning_effort", "metadata", "is_named", "session_id")
ENDED = {"stop": "completed", "length": "completed", "max_turns": "completed", "interrupted": "interrupted"}


@dataclass
class View:
    """`messages` by their ids, in the order of their coming."""

    seq: int = 0
    session: Frame = field(default_factory=dict)
    messages: dict[str, Frame] = field(default_factory=dict)
    run: str | None = None
    stale: bool = False  # told to load again

    @classmethod
    def loaded(cls, detail: Frame) -> View:
        """The state that the server answers. The session must not have more messages than one answer holds."""
        assert not detail["has_more"]
        messages = {message["id"]: shown(message) for message in (*detail["messages"], *detail["live"])}
        run = detail["run"]["run_id"] if detail["run"] else None
        return cls(detail["last_seq"], {key: detail["session"][key] for key in OF_SESSION}, messages, run)

    def take(self, frame: Frame) -> None:
        if frame["type"] == "resync":
            self.stale = True
        if "seq" not in frame:
            return
        assert frame["seq"] > self.seq, f"{frame['seq']} after {self.seq}"
        self.seq = frame["seq"]
        match frame["type"]:
            case "message_created":
                message = frame["message"]
                self.messages[message["id"]] = shown(message)
            case "stream_start":
                self.run = frame["run_id"]
            case "delta":
                message = self.messages.setdefault(frame["message_id"], blank(frame["message_id"], "assistant"))
                message["content"] += frame["content"]
            case "tool_call":
                self._take_call(frame)
            case "session_updated":
                self.session = {key: frame["session"][key] for key in OF_SESSION}
            case "stream_end":
                self._end(frame)

    def _take_call(self, frame: Frame) -> None:
        key = f"{frame['run_id']} {frame['id']}"
        call = self.messages.setdefault(key, blank(key, "tool_call"))
        call |= {"tool_call_id": frame["id"], "tool_name": frame["name"]}
        if frame["status"] == "completed":
            status = "interrupted" if frame.get("interrupted") else "completed"
            call |= {"status": status, "tool_result": frame["result"], "tool_success": frame["success"]}

    def _end(self, frame: Frame) -> None:
        """Whatever was being written is whole now, or cut; a run that failed without a word leaves a message."""
        self.run = None
        status = ENDED.get(frame["finish_reason"], "failed")
        for message in self.messages.values():
            if message["status"] == "pending":
                message["status"] = status if message["id"] == frame["message_id"] else "completed"
        if status == "failed" and frame["message_id"] not in self.messages:
            self.messages[frame["message_id"]] = blank(frame["message_id"], "assistant") | {"status": "failed"}

    def same_as(self, detail: Frame) -> list[str]:
        """Where the server's answer differs from what is shown."""
        other = View.loaded(detail)
        problems = [
            f"{key}: {self.session[key]!r} is {other.session[key]!r}"
            for key in OF_SESSION
            if self.session[key] != other.session[key]
        ]
        mine, theirs = ([told(m) for m in view.messages.values()] for view in (self, other))
        if mine != theirs:
            problems.append(f"messages: {mine} are {theirs}")
        if self.run != other.run:
            problems.append(f"run: {self.run} is {other.run}")
        return problems


def shown(message: Frame) -> Frame:
    return {key: message[key] for key in SHOWN}


def blank(id: str, role: str) -> Frame:
    empty: dict[str, Any] = dict.fromkeys(SHOWN) | {"content": "", "status": "pending", "id": id, "role": role}
    return empty


def told(message: Frame) -> tuple[Any, ...]:
    """A call is known by its own id: that of its message is not on the wire. Nothing said and nothing known are one."""
    id = message["tool_call_id"] if message["role"] == "tool_call" else message["id"]
    return (id, *(message[key] or None for key in SHOWN[1:]))
