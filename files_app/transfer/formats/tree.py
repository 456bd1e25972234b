"""What all foreign exports have in common: nodes that name the one before them, and one that was last seen."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, NamedTuple, cast

import msgspec

from chatjuicer.encryption import storable
from files_app.exceptions import InvalidName
from files_app.names import SOURCES, clean_name
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


class Found(NamedTuple):
    """A file that came with a message: the entry that has its bytes, and what it is called there."""

    entry: str
    name: str


@dataclass(slots=True)
class Node:
    """`said` has the fields of a MessageLine; None: nothing that a person would read, as a link in the chain."""

    key: str
    parent: str | None
    said: dict[str, Any] | None
    files: list[Found] = field(default_factory=list)
    lacks: Counter[str] = field(default_factory=Counter)
    """How many of what is not taken in with it, by its kind: `files`, `voice`."""


@dataclass(slots=True)
class Conversation:
    """`shown` is the key of the last node that was shown; None: the last one."""

    source: str
    id: str
    session: dict[str, Any]
    nodes: Sequence[Node]
    shown: str | None = None
    system_prompt: str = ""
    """What its models were told besides; not taken in."""

    @property
    def left_out(self) -> Counter[str]:
        """How many, by their kinds."""
        found = Counter({"system_prompts": 1} if self.system_prompt else {})
        for node in self.nodes:
            found.update(node.lacks)
        return found


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
    messages as it takes, the last of which has its key, and its files. What is `missing` is named there: names, and the
    kind of each."""

    parts: list[tuple[list[str], list[str]] | Call] = field(default_factory=list)
    files: list[Found] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def say(self, words: str) -> None:
        self._spoken()[0].append(words)

    def quote(self, name: str, content: str) -> None:
        """The text of a file, in its place; without one the file is missing."""
        if content:
            self.say(f"{name}\n\n{content}".strip())
        else:
            self.miss(name or "file")

    def miss(self, name: str, kind: str = "files") -> None:
        self.missing[name] = kind

    def think(self, thought: str) -> None:
        self._spoken()[1].append(thought)

    def call(self, call: Call) -> None:
        self.parts.append(call)

    @property
    def calls(self) -> list[Call]:
        return [part for part in self.parts if isinstance(part, Call)]

    @property
    def is_spoken(self) -> bool:
        return any(word for part in self.parts if not isinstance(part, Call) for word in part[0])

    def _spoken(self) -> tuple[list[str], list[str]]:
        if not self.parts or isinstance(self.parts[-1], Call):
            self.parts.append(([], []))
        spoken = self.parts[-1]
        assert isinstance(spoken, tuple)
        return spoken

    def nodes(self, key: str, parent: str | None, fields: Mapping[str, Any]) -> list[Node]:
        """`fields` are those that its messages have in common. Thoughts without words are of the words that follow; a
        message that has files, or has failed, needs no words."""
        if self.missing:
            self.say(f"Not in the export: {', '.join(self.missing)}")
        said: list[dict[str, Any]] = []
        thoughts: list[str] = []
        for part in self.parts:
            if isinstance(part, Call):
                said.append(part.said | {"created_at": fields.get("created_at")})
                continue
            thoughts += filter(None, part[1])
            if content := "\n\n".join(filter(None, part[0])):
                said.append({**fields, "content": content, "reasoning": "\n\n".join(thoughts)})
                thoughts = []
        is_silent = not said or said[-1]["role"] == "tool_call"
        if is_silent and (self.files or fields.get("is_error") or (thoughts and not said)):
            said.append({**fields, "content": "", "reasoning": "\n\n".join(thoughts)})
        keys = [f"{key}#{number}" for number in range(1, len(said))] + [key]
        spoken: list[dict[str, Any] | None] = [*said] or [None]  # a link in the chain
        nodes = [Node(*each) for each in zip(keys, [parent, *keys], spoken, strict=False)]
        nodes[-1].files, nodes[-1].lacks = self.files, Counter(self.missing.values())
        return nodes


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
    files = files_of(spoken, created)
    yield from files.values()
    visible = path_to(conversation.shown, nodes)
    number = 0
    # By node: the number of the message that it is, or else that it follows; and when that was said, which is never
    # earlier than what it follows: desktop clients order what they show by the times.
    heard: dict[str | None, tuple[int, datetime | None]] = {}
    for node in nodes:
        before, before_at = heard.get(node.parent, (0, None))
        if node.said is None:
            heard[node.key] = before, before_at
            continue
        said_at = node.said.get("created_at") or before_at or created
        said = node.said | {"created_at": max(said_at, before_at or said_at)}
        number += 1
        heard[node.key] = number, said["created_at"]
        place = {"id": number, "parent": before, "visible": node.key in visible}
        attachments = list(dict.fromkeys(files[found.entry].id for found in node.files))
        yield checked(MessageLine, said | place | {"attachments": attachments})


def files_of(nodes: Sequence[Node], created: datetime) -> dict[str, FileLine]:
    """By the entries that have their bytes: each once, by a name of its own."""
    files: dict[str, FileLine] = {}
    taken: dict[str, int] = {}
    for node in nodes:
        for found in node.files:
            if found.entry in files:
                continue
            fields = {
                "id": f"f{len(files) + 1}",
                "folder": SOURCES,
                "name": own_name(found.name, taken),
                "modified_at": (node.said or {}).get("created_at") or created,
                "entry": found.entry,
            }
            files[found.entry] = cast(FileLine, checked(FileLine, fields))
    return files


def own_name(said: str, taken: dict[str, int]) -> str:
    """With a number where another file of the session has it. `taken`: how many have asked for each."""
    try:
        name = first = clean_name(PurePosixPath(said).name)
    except InvalidName:
        name = first = "file"
    path = PurePosixPath(name)
    while name in taken:
        taken[first] += 1
        name = f"{path.stem[:50]} ({taken[first]}){path.suffix[:10]}"  # no longer than a name may be
    taken[name] = 1
    return name


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


# -- what a stranger's JSON holds; what is something else is left out, so that it costs nothing but itself


def text(value: Any, length: int | None = None) -> str:
    """What is too long is cut, if there is a `length`."""
    return storable(value)[:length] if isinstance(value, str) else ""


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in items(value) if isinstance(one, dict)]


def texts_in(content: Any) -> list[str]:
    """Of a text, or a list of texts and of parts that have one."""
    parts = [content] if isinstance(content, str) else items(content)
    return [found for one in parts if (found := text(one) or text(mapping(one).get("text")))]


def as_text(value: Any) -> str:
    """Text as it is, and all else as JSON; nothing is empty."""
    if value is None or isinstance(value, str):
        return text(value)
    return storable(json.dumps(value, ensure_ascii=False))


def moment(value: Any) -> datetime | None:
    """Seconds, or thousandths, millionths or billionths of one, since 1970, as a number or a text, or RFC 3339."""
    try:
        if isinstance(value, str):
            time = moment_of(float(value)) if NUMBER.fullmatch(value) else datetime.fromisoformat(value)
            time = time if time.tzinfo else time.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            time = moment_of(value)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return time if MIN_YEAR <= time.year <= MAX_YEAR else None


def moment_of(number: float) -> datetime:
    seconds = next((number / unit for unit in (1, 10**3, 10**6, 10**9) if number / unit < MAX_SECONDS), number)
    return datetime.fromtimestamp(seconds, UTC)


MAX_SECONDS = 10**11  # in the year 5138
NUMBER = re.compile(r"[0-9]{9,20}(\.[0-9]{1,9})?")
