"""The lines of an account's archive: what docs/export.md promises, typed once. Older versions are read for ever."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .exceptions import UnreadableArchive

FORMAT, VERSION = "chatjuicer-archive", 3
VERSION_OF_AGENTS = 2  # of what has neither MCP servers nor files of agents, which older servers do not know
VERSION_OF_SESSIONS = 1  # of what has neither agents nor prompts, which still older ones do not know
CONVERSATION = "chatjuicer-conversation"
MANIFEST, LINES, FILES = "manifest.json", "conversations.jsonl", "files/"

MAX_MESSAGES = 100_000  # of one session, with all versions
MAX_TEXT = 32 * 1024 * 1024
MAX_METADATA_CHARS = 64 * 1024

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Name = Annotated[str, Meta(max_length=255)]
Word = Annotated[str, Meta(max_length=128)]
Key = Annotated[str, Meta(max_length=64)]
Number = Annotated[int, Meta(ge=1, le=MAX_MESSAGES)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Role = Literal["user", "assistant", "system", "tool_call"]
Status = Literal["completed", "interrupted", "failed"]


class Line(Struct, tag_field="kind", omit_defaults=True):
    pass


class ProjectLine(Line, tag="project"):
    """Before the sessions that name it by `id`, which means nothing elsewhere."""

    id: Key
    name: Name
    created_at: datetime
    updated_at: datetime
    description: Annotated[str, Meta(max_length=2_000)] = ""
    instructions: Annotated[str, Meta(max_length=32_000)] = ""


class AgentLine(Line, tag="agent"):
    """Before the sessions that choose it by `name`."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    created_at: datetime
    updated_at: datetime
    letter: Annotated[str, Meta(max_length=8)] = ""
    description: Annotated[str, Meta(max_length=2_000)] = ""
    instructions: Annotated[str, Meta(max_length=32_000)] = ""
    model: Word = ""
    reasoning_effort: Annotated[str, Meta(max_length=16)] = ""
    tools: Annotated[list[Word], Meta(max_length=100)] | None = None
    mcp_servers: Annotated[list[Word], Meta(max_length=100)] | None = None
    hand_offs: Annotated[list[Key], Meta(max_length=20)] = []
    starters: Annotated[list[Annotated[str, Meta(max_length=500)]], Meta(max_length=8)] = []


class AgentFileLine(Line, tag="agent_file"):
    """Of the agent of that name, which stands above. Its bytes are the archive's entry `files/<sha256>`."""

    agent: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(min_length=1, max_length=510)]
    modified_at: datetime
    sha256: Annotated[str, Meta(max_length=64)] = ""
    size: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    content_type: Annotated[str, Meta(max_length=127)] = ""

    @property
    def path(self) -> str:
        return FILES + self.sha256


class PromptLine(Line, tag="prompt"):
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    created_at: datetime
    updated_at: datetime
    text: Annotated[str, Meta(max_length=16_000)] = ""


class McpServerLine(Line, tag="mcp_server"):
    """Without what lets us in there: whoever takes it in has to connect it."""

    name: Annotated[str, Meta(max_length=32)]
    url: Annotated[str, Meta(max_length=2_000, pattern=r"\Ahttps?://[^\s\x00-\x20]+\Z")]
    created_at: datetime
    always_asks: bool = False
    in_new_chats: bool = True


class SessionLine(Line, tag="session"):
    """`origin` is the same wherever the session went by archives: it tells that it is there already."""

    origin: Annotated[str, Meta(min_length=1, max_length=100)]
    created_at: datetime
    updated_at: datetime
    session_id: Key = ""
    title: Name = ""
    is_named: bool = False
    model: Word = ""
    reasoning_effort: Annotated[str, Meta(max_length=16)] = ""
    mcp_config: list[Word] | None = None
    disabled_tools: list[Word] = []
    agent_name: Key = "chat"
    agent_type: Annotated[str, Meta(max_length=32)] = ""
    frontend: Annotated[str, Meta(max_length=16)] = ""
    namespace: Key = "default"
    metadata: dict[str, Any] = {}
    pinned: bool = False
    archived: bool = False
    is_active: bool = True
    project: Key | None = None
    draft: Annotated[str, Meta(max_length=32_000)] = ""


class FileLine(Line, tag="file"):
    """Of the session above; `id` is what its messages call it. Its bytes are the archive's entry `files/<sha256>`."""

    id: Key
    folder: Literal["sources", "output"]
    name: Annotated[str, Meta(min_length=1, max_length=510)]
    modified_at: datetime
    sha256: Annotated[str, Meta(max_length=64)] = ""
    size: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    content_type: Annotated[str, Meta(max_length=127)] = ""
    entry: Annotated[str, Meta(max_length=1024)] = ""
    """Of other archives than our own: where the bytes are."""

    @property
    def path(self) -> str:
        return self.entry or FILES + self.sha256


class Failure(Struct):
    code: Key
    message: Text


class Feedback(Struct):
    rating: Literal["up", "down"]
    text: Text = ""


class MessageLine(Line, tag="message"):
    """Of the session above, in the order of `id`, which is 1, 2, 3 … in each session. `parent` is the `id` of the
    message that it follows; 0: none; None: the one before it, or none of the first. What was not shown is not
    `visible`."""

    id: Number
    role: Role
    created_at: datetime
    parent: Count | None = None
    visible: bool = True
    content: Text = ""
    status: Status = "completed"
    partial: bool = False
    tool_call_id: Name = ""
    tool_name: Name = ""
    tool_arguments: Text = ""
    tool_result: Text = ""
    tool_success: bool | None = None
    token_count: Count | None = None
    model: Word = ""
    agent_name: Key = ""
    response_time_ms: Count | None = None
    is_error: bool = False
    reasoning: Text = ""
    error: Failure | None = None
    metadata: dict[str, Any] = {}
    attachments: list[Key] = []
    """Files of the session, by their `id`."""
    feedback: Feedback | None = None
    pinned: bool = False


class ContextLine(Line, tag="context"):
    """Of the session above, in order: an input item of the model, as JSON text. Where a session has none, the model is
    given what its messages say. `message` is the `id` of the one that it stands for."""

    item: Text
    message: Number | None = None


AnyLine = (
    ProjectLine
    | AgentLine
    | AgentFileLine
    | PromptLine
    | McpServerLine
    | SessionLine
    | FileLine
    | MessageLine
    | ContextLine
)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyLine)


def encode(line: Line) -> bytes:
    return _encoder.encode(line)


def decode(text: bytes) -> AnyLine:
    """With times in UTC, and U+FFFD for NUL, which no database column takes. Raises UnreadableArchive."""
    try:
        line = _decoder.decode(text)
        require_sane(line)
        if b"\\u0000" in text:
            line = _decoder.decode(NUL.sub(rb"\1\\ufffd", text))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise UnreadableArchive() from None
    for name in ("created_at", "updated_at", "modified_at"):
        if hasattr(line, name):
            setattr(line, name, in_utc(getattr(line, name)))
    return line


def require_sane(line: Any) -> None:
    """What the types do not say. Raises UnreadableArchive."""
    metadata = getattr(line, "metadata", None)
    if isinstance(line, SessionLine) and CONTROL.search(line.namespace):  # as those of deleted sessions have
        raise UnreadableArchive("A name in the archive is none.")
    if metadata:
        require_writable(metadata)
        if len(_encoder.encode(metadata)) > MAX_METADATA_CHARS:
            raise UnreadableArchive("The metadata of something in the archive is too large.")


def require_writable(said: Any) -> None:
    """What is kept as it is, is written again into answers and archives. Raises UnreadableArchive."""
    level = [said]
    for _ in range(MAX_NESTED):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int | float) and not abs(value) <= sys.float_info.max:
                raise UnreadableArchive("A number in the archive is too large.")
        if not below:
            return
        level = below
    raise UnreadableArchive("Something in the archive is nested too deeply.")


def in_utc(time: datetime) -> datetime:
    """Raises UnreadableArchive."""
    with suppress(OverflowError):  # then it is of no year that is known, either
        time = time.astimezone(UTC) if time.tzinfo else time
    if time.tzinfo is None or not MIN_YEAR <= time.year <= MAX_YEAR:
        raise UnreadableArchive("A time in the archive is none.")
    return time


MAX_NESTED = 200  # orjson writes 254 levels, and an answer has some around it
NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # and no escaped backslash before u0000
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MIN_YEAR, MAX_YEAR = 1970, 2200
