"""Files and folders as a person sees them. A folder is no row: it is what names have in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chatjuicer.api.times import rfc3339
from files_app import names
from files_app.models import File, Holder
from sessions_app.models import ChatSession

# A session's detail has other things to say; the list of files gives all.
MAX_IN_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """`name` is relative to the folder that was asked for; `path` as the agent says it. A folder has no id."""

    name: str
    path: str
    kind: Literal["file", "folder"]
    size_bytes: int
    modified_at: datetime
    content_type: str = ""
    id: UUID | None = None
    file_count: int | None = None

    def representation(self) -> dict[str, Any]:
        body = {
            "id": str(self.id) if self.id else None,
            "name": self.name,
            "path": self.path,
            "type": self.kind,
            "size": self.size_bytes,
            "modified": rfc3339(self.modified_at),
            "content_type": self.content_type or None,
        }
        return body if self.file_count is None else body | {"file_count": self.file_count}


def entry_of(file: File, prefix: str = "") -> dict[str, Any]:
    name = file.name.removeprefix(prefix)
    return Entry(
        name, file.path, "file", file.size_bytes, file.modified_at, file.content_type, file.pk
    ).representation()


def entries(holder: Holder, folder: str, prefix: str = "") -> list[Entry]:
    """What stands in a folder, folders first, in one query. `prefix` is empty or ends in "/"."""
    rows = holder.files.below(folder, prefix).values_list("pk", "name", "size_bytes", "modified_at", "content_type")
    folders: dict[str, tuple[int, int, datetime]] = {}
    files: list[Entry] = []
    for pk, name, size_bytes, modified_at, content_type in rows:
        child, slash, _ = name[len(prefix) :].partition("/")
        if slash:
            count, total, latest = folders.get(child, (0, 0, modified_at))
            folders[child] = (count + 1, total + size_bytes, max(latest, modified_at))
        else:
            files.append(Entry(child, f"{folder}/{name}", "file", size_bytes, modified_at, content_type, pk))
    found = [
        Entry(child, f"{folder}/{prefix}{child}", "folder", total, latest, file_count=count)
        for child, (count, total, latest) in folders.items()
    ]
    return sorted(found, key=by_name) + sorted(files, key=by_name)


def by_name(entry: Entry) -> str:
    return entry.name


def of_detail(session: ChatSession) -> list[dict[str, Any]]:
    """The source files, as the session's detail names them."""
    return [entry.representation() for entry in entries(session, names.SOURCES)[:MAX_IN_DETAIL]]


def roots(session: ChatSession) -> Iterator[Entry]:
    """The session's two folders, also while they are empty."""
    for folder in names.FOLDERS:
        yield root(session, folder)


def root(holder: Holder, folder: str) -> Entry:
    inside = entries(holder, folder)
    return Entry(
        folder,
        folder,
        "folder",
        sum(entry.size_bytes for entry in inside),
        max((entry.modified_at for entry in inside), default=holder.created_at),
        file_count=sum(entry.file_count or 1 for entry in inside),
    )
