"""Tools that look at the session's files."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from chatjuicer.api.times import rfc3339
from files_app.extract import MAX_TEXT_BYTES
from files_app.listing import Entry
from files_app.workspace import Workspace

from .tool import Context, ToolFailure, done, tool
from .workspace import in_workspace, text_of

MAX_ENTRIES = 300
MAX_CHARS = 48_000  # of one result
# A longer line is read as several, so that a file without line ends can be read on, too.
MAX_LINE_CHARS = 2_000


@tool
async def list_directory(context: Context, path: str = ".") -> str:
    """The files and folders in a folder of this session, with their sizes in bytes.

    Args:
        path: "sources" (what the person gave), "output" (what you made), "agent" (what was given to you for all your
            sessions), a folder below, or "." for all.
    """

    def listed(workspace: Workspace) -> list[Entry]:
        entries = list(workspace.list(path))
        if path.strip("./") == "":
            entries += [entry for folder in list(entries) for entry in _within(workspace, folder)]
        return entries

    entries = await in_workspace(context.context, listed)
    return _entries(path, entries, "List a folder below, or look for names with search_files.")


def _within(workspace: Workspace, folder: Entry) -> list[Entry]:
    return list(workspace.list(folder.path)) if folder.file_count else []


@tool
async def search_files(context: Context, pattern: str, base_path: str = ".") -> str:
    """Files of this session whose name matches.

    Args:
        pattern: With "*", "?" and "[…]", in any case, such as "*.pdf"; or a part of the name.
        base_path: The folder to look in, with all below it.
    """
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    found = await in_workspace(context.context, lambda workspace: workspace.search(wanted, base_path))
    return _entries(base_path, list(found), "Give a narrower pattern.")


def _entries(path: str, entries: list[Entry], to_see_more: str) -> str:
    shown = [
        {
            "name": PurePosixPath(entry.path).name,
            "path": entry.path,
            "type": entry.kind,
            "size": entry.size_bytes,
            "modified": rfc3339(entry.modified_at),
        }
        for entry in entries[:MAX_ENTRIES]
    ]
    more = {}
    if len(entries) > MAX_ENTRIES:
        more["note"] = f"The first {MAX_ENTRIES} of {len(entries)} are shown. {to_see_more}"
    # Older clients show what stands in `items`.
    return done(path=path, count=len(entries), entries=shown, items=shown, **more)


@tool
async def read_file(context: Context, file_path: str, head: int | None = None, tail: int | None = None) -> str:
    """The text of a file of this session. PDF, Word, Excel, PowerPoint, HTML, CSV and notebooks are read as text.

    Args:
        file_path: Such as "sources/report.pdf".
        head: Only the first lines, so many. Together with tail: the last `tail` of the first `head` lines.
        tail: Only the last lines, so many.
    """
    if (head is not None and head < 1) or (tail is not None and tail < 1):
        raise ToolFailure("head and tail are numbers of lines, from 1.")
    file = await in_workspace(context.context, lambda workspace: workspace.find(file_path))
    text = await text_of(file, context.context.request.user_id)
    page = page_of(text.text, head, tail)
    notes = [page.note] if page.note else []
    if text.cut:
        notes.append(f"Only the first {MAX_TEXT_BYTES // 1024**2} MiB of its text can be read.")
    more = {"note": " ".join(notes)} if notes else {}
    kind = PurePosixPath(file.path).suffix.removeprefix(".").lower() or "text"
    return done(file_path=file.path, lines=page.total, size=file.size_bytes, format=kind, content=page.content, **more)


@dataclass(frozen=True, slots=True)
class Page:
    content: str
    total: int  # lines of the text
    note: str = ""


def page_of(text: str, head: int | None = None, tail: int | None = None) -> Page:
    lines = [part for line in text.splitlines() for part in _parts(line)]
    end = len(lines) if head is None else min(head, len(lines))
    start = 0 if tail is None else max(0, end - tail)
    shown, chars = start, 0
    while shown < end and chars + len(lines[shown]) < MAX_CHARS:
        chars += len(lines[shown]) + 1
        shown += 1
    content = "\n".join(lines[start:shown])
    if shown == end:
        return Page(content, len(lines))
    following = min(end - shown, shown - start)
    read_on = f"Read on with head={shown + following}, tail={following}."
    note = f"Lines {start + 1} to {shown} of {len(lines)} are shown. {read_on}"
    return Page(content, len(lines), note)


def _parts(line: str) -> list[str]:
    if len(line) <= MAX_LINE_CHARS:
        return [line]
    return [line[at : at + MAX_LINE_CHARS] for at in range(0, len(line), MAX_LINE_CHARS)]
