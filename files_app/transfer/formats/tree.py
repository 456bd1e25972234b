"""What all foreign exports have in common: nodes that name the one before them, and one that was last seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from chatjuicer.encryption import storable
from files_app.transfer.exceptions import UnreadableArchive
from files_app.transfer.records import (
    MAX_MESSAGES,
    MAX_YEAR,
    MIN_YEAR,
    FileLine,
    Line,
    MessageLine,
    SessionLine,
    decode,
    encode,
)


@dataclass(slots=True)
class Node:
    """`said` has the fields of a MessageLine; None: nothing that a person would read, as a link in the chain."""

    key: str
    parent: str | None
    said: dict[str, Any] | None
    files: list[FileLine] = field(default_factory=list)


@dataclass(slots=True)
class Conversation:
    """`shown` is the key of the last node that was shown; None: the last one."""

    source: str
    id: str
    session: dict[str, Any]
    nodes: Sequence[Node]
    shown: str | None = None


@dataclass(slots=True)
class Call:
    """Of a tool, among the words of an answer."""

    id: str
    name: str
    arguments: str
    result: str = ""
    success: bool | None = None

    @property
    def said(self) -> dict[str, Any]:
        return {
            "role": "tool_call",
            "tool_call_id": self.id[:255],
            "tool_name": self.name[:255],
            "tool_arguments": self.arguments,
            "tool_result": self.result,
            "tool_success": self.success,
        }


@dataclass(slots=True)
class Told:
    """What one message of another product says, in its order: words, thoughts and calls of tools. It becomes as many
    messages as it takes, the last of which has its key."""

    parts: list[tuple[list[str], list[str]] | Call] = field(default_factory=list)

    def say(self, words: str) -> None:
        self._spoken()[0].append(words)

    def think(self, thought: str) -> None:
        self._spoken()[1].append(thought)

    def call(self, call: Call) -> None:
        self.parts.append(call)

    @property
    def calls(self) -> list[Call]:
        return [part for part in self.parts if isinstance(part, Call)]

    def _spoken(self) -> tuple[list[str], list[str]]:
        if not self.parts or isinstance(self.parts[-1], Call):
            self.parts.append(([], []))
        spoken = self.parts[-1]
        assert isinstance(spoken, tuple)
        return spoken

    def nodes(self, key: str, parent: str | None, fields: Mapping[str, Any]) -> list[Node]:
        """`fields` are those that its messages have in common. Thoughts without words are of the words that follow."""
        said: list[dict[str, Any] | None] = []
        thoughts: list[str] = []
        for part in self.parts:
            if isinstance(part, Call):
                said.append(part.said | {"created_at": fields.get("created_at")})
                continue
            thoughts += filter(None, part[1])
            if content := "\n\n".join(filter(None, part[0])):
                said.append({**fields, "content": content, "reasoning": "\n\n".join(thoughts)})
                thoughts = []
        keys = [f"{key}#{number}" for number in range(1, len(said))] + [key]
        spoken = [*said] or [None]  # a link in the chain
        return [Node(*each) for each in zip(keys, [parent, *keys], spoken, strict=False)]


def lines_of(conversation: Conversation) -> Iterator[Line]:
    """A session and its messages, parents before children. Raises UnreadableArchive."""
    nodes = in_order(conversation.nodes)
    spoken = [node for node in nodes if node.said is not None]
    if not spoken:
        raise UnreadableArchive("It has no messages.")
    times = [node.said["created_at"] for node in spoken if node.said and node.said.get("created_at")]
    created = conversation.session.get("created_at") or min(times, default=None) or datetime.now(UTC)
    updated = conversation.session.get("updated_at") or max(times, default=created)
    dated = {"created_at": created, "updated_at": updated}
    yield checked(SessionLine, conversation.session | dated | {"origin": origin(conversation, spoken)})
    for node in spoken:
        yield from node.files
    visible = path_to(conversation.shown, nodes)
    number = 0
    heard: dict[str | None, int] = {}  # by node: the number of the message that it is, or else that it follows
    for node in nodes:
        before = heard.get(node.parent, 0)
        if node.said is None:
            heard[node.key] = before
            continue
        heard[node.key] = number = number + 1
        said = node.said | {"created_at": node.said.get("created_at") or created}
        place = {"id": number, "parent": before, "visible": node.key in visible}
        yield checked(MessageLine, said | place | {"attachments": [file.id for file in node.files]})


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """As they were said, each after its parent. Raises UnreadableArchive where they go round in a circle."""
    if len(nodes) > MAX_MESSAGES:
        raise UnreadableArchive("It has too many messages.")
    known = {node.key: node for node in nodes}
    if len(known) < len(nodes):
        raise UnreadableArchive("Two of its messages have one name.")
    ordered: dict[str, Node] = {}
    for node in nodes:
        chain, at = list[Node](), node
        while at.key not in ordered:
            chain.append(at)
            if len(chain) > len(nodes):
                raise UnreadableArchive("Its messages go round in a circle.")
            before = known.get(at.parent) if at.parent is not None else None
            if before is None:
                break
            at = before
        ordered.update((one.key, one) for one in reversed(chain))
    return list(ordered.values())


def path_to(shown: str | None, nodes: Sequence[Node]) -> set[str]:
    known = {node.key: node for node in nodes}
    path: set[str] = set()
    at: str | None = shown if shown in known else nodes[-1].key
    while at is not None and at in known and at not in path:
        path.add(at)
        at = known[at].parent
    return path


def origin(conversation: Conversation, spoken: Sequence[Node]) -> str:
    """By which the conversation is known again; of one without a name, by what was said."""
    name = conversation.id
    if not name or len(name) > 64:
        said = msgspec.json.encode([name or [node.said for node in spoken]], enc_hook=str)
        name = hashlib.sha256(said).hexdigest()
    return f"{conversation.source}:{name}"


def checked(type: type[Line], fields: Mapping[str, Any]) -> Line:
    """Raises UnreadableArchive for fields of wrong types or sizes."""
    try:
        return decode(encode(type(**fields)))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise UnreadableArchive() from None


# -- what a stranger's JSON holds: each raises UnreadableArchive where it is something else


def wrong() -> UnreadableArchive:
    return UnreadableArchive("It is not as an export of its kind should be.")


def text(value: Any, length: int | None = None) -> str:
    """Nothing is empty; what is too long is cut, if there is a `length`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong()
    return storable(value) if length is None else storable(value)[:length]


def mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong()
    return value


def items(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong()
    return value


def as_text(value: Any) -> str:
    """Text as it is, and all else as JSON; nothing is empty."""
    if value is None or isinstance(value, str):
        return text(value)
    return storable(json.dumps(value, ensure_ascii=False))


def shown_beside(value: Any) -> list[dict[str, Any]]:
    """Of what stands beside the words, which no oddity of it shall cost: what is not as it should be is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def word(value: Any) -> str:
    """As `text`; empty also where it is something else."""
    return text(value) if isinstance(value, str) else ""


def mappings(value: Any) -> list[dict[str, Any]]:
    return [mapping(one) for one in items(value)]


def moment(value: Any) -> datetime | None:
    """Seconds or milliseconds since 1970, or RFC 3339; None where nothing is said."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            time = time if time.tzinfo else time.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            time = datetime.fromtimestamp(value / 1000 if value > MILLISECONDS else value, UTC)
        else:
            raise wrong()
    except (ValueError, OverflowError, OSError):
        raise wrong() from None
    if not MIN_YEAR <= time.year <= MAX_YEAR:
        raise wrong()
    return time


MILLISECONDS = 10**11  # as seconds, in the year 5138
