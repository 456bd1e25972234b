"""What the server tells of sessions, messages and files. `raw` has all of it, also what newer servers add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    raw: JSON = field(repr=False)

    @classmethod
    def of(cls, raw: JSON) -> Self:
        """Raises KeyError where a field is missing that has no default."""
        known = [one for one in fields(cls) if one.name != "raw"]
        given = {one.name: raw[one.name] for one in known if one.name in raw or one.default is MISSING}
        return cls(raw=raw, **given)


@dataclass(frozen=True, slots=True)
class SessionInfo(Shape):
    session_id: str
    title: str | None
    model: str
    last_seq: int
    pinned: bool = False
    archived: bool = False
    message_count: int = 0
    last_message_preview: str | None = None
    state: str = "idle"
    """`idle`, `queued`, `running` or `awaiting_approval`."""
    unread: bool = False
    draft: str | None = None
    created_at: str = ""
    last_used_at: str = ""
    """Times are RFC 3339, UTC."""


@dataclass(frozen=True, slots=True)
class Message(Shape):
    id: str
    position: int
    role: str
    """`user`, `assistant`, `system` or `tool_call`."""
    content: str
    status: str
    """`pending`, `completed`, `interrupted` or `failed`."""
    parent_id: str | None = None
    run_id: str | None = None
    model: str | None = None
    tool_name: str | None = None
    tool_arguments: str | None = None
    tool_result: str | None = None
    tool_success: bool | None = None
    created_at: str = ""
    pinned: bool = False
    """The model is always given all of it."""


@dataclass(frozen=True, slots=True)
class FileEntry(Shape):
    name: str
    """Relative to the folder that was asked for."""
    type: str
    """`file` or `folder`."""
    id: str | None = None
    path: str = ""
    """As the agent says it: `sources/notes.md`."""
    size: int = 0
    """Bytes."""
    modified: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Found(Shape):
    """A message in which the words stand, or, where `message_id` is None, a session's title."""

    session_id: str
    session_title: str | None
    message_id: str | None
    position: int | None
    role: str | None
    snippet: str
    marks: list[list[int]]
    """From and to of each place in `snippet`, in characters."""
    created_at: str


@dataclass(frozen=True, slots=True)
class ImportReport(Shape):
    imported: int
    skipped: int
    failed: list[dict[str, str]]
    """`name` and `reason` of sessions that could not be taken in, a hundred at most."""
    failed_count: int = 0
    """Where more than a hundred could not: how many; else 0."""
    left_out: Sequence[JSON] = ()
    """`what` the imported sessions came without (`files` whose bytes are not in the archive, say), and the `count`."""
