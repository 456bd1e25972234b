"""Tools that change the session's files. A result is returned only after the bytes and their row are durable."""

import difflib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from files_app import documents, names
from files_app.exceptions import FileChanged
from files_app.models import File
from files_app.workspace import Workspace

from .tool import Context, ToolFailure, done, tool
from .workspace import in_workspace

MAX_EDITED_BYTES = 2 * 1024 * 1024
MAX_DIFF_CHARS = 16_000
MAX_SHOWN_CHARS = 4_000
MAX_COMPARED_LINES = 2_000
CONTEXT_LINES = 3
# Text under these names would be a file that nothing opens.
NOT_TEXT = {
    ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".png", ".jpg", ".jpeg", ".gif",
    ".webp", ".zip", ".gz", ".mp3", ".mp4",
}  # fmt: skip


class Edit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old_text: str = Field(alias="oldText", description="Text of the file as it is, once in it.")
    new_text: str = Field(alias="newText", description="What stands in its place afterwards.")


@tool
async def edit_file(context: Context, file_path: str, edits: list[Edit]) -> str:
    """Change a text file of this session. All edits are made, one after the other, or none; answers the difference.

    Args:
        file_path: Such as "output/notes.md".
        edits: What to replace.
    """
    if not edits:
        raise ToolFailure("There is nothing to edit: give at least one edit.")

    def change(workspace: Workspace) -> tuple[File, str]:
        file, before = _text(workspace, file_path)
        try:
            after = edited(before, edits)
        except ToolFailure as failure:
            if file.content_type not in documents.READERS:
                raise
            # read_file shows it converted; this is what the edits are looked for in.
            raise ToolFailure(f"{failure} As it is stored, it begins:\n{before[:MAX_SHOWN_CHARS]}") from None
        changed = workspace.write(file.path, after.encode(errors="replace"), replacing=file)
        return changed, difference(file.path, before, after)

    try:
        file, diff = await in_workspace(context.context, change)
    except FileChanged:  # somebody was faster: the edits may still fit
        file, diff = await in_workspace(context.context, change)
    # Older clients read the number as `changes_made`.
    return done(file_path=file.path, edits=len(edits), changes_made=len(edits), diff=diff)


def _text(workspace: Workspace, path: str) -> tuple[File, str]:
    file, data = workspace.read_bytes(path, MAX_EDITED_BYTES)
    try:
        return file, data.decode()
    except UnicodeDecodeError:
        raise ToolFailure(f"{file.path} is not a text in UTF-8 and cannot be edited.") from None


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Raises ToolFailure if one of them cannot be made for certain."""
    for number, edit in enumerate(edits, start=1):
        old, new = edit.old_text, edit.new_text
        if "\r\n" in text and "\r\n" not in old:
            old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
        found = text.count(old) if old else 0
        if not old:
            raise ToolFailure(f"Edit {number} of {len(edits)} has no oldText. Nothing was changed.")
        if found == 0:
            raise ToolFailure(
                f"The oldText of edit {number} of {len(edits)} is not in the file, character for character. "
                "Nothing was changed. Read the file and try again."
            )
        if found > 1:
            raise ToolFailure(
                f"The oldText of edit {number} of {len(edits)} is in the file {found} times. "
                "Nothing was changed. Give more of what stands around it."
            )
        text = text.replace(old, new)
    return text


def difference(path: str, before: str, after: str) -> str:
    diff = "\n".join([f"--- a/{path}", f"+++ b/{path}", *hunks(before.splitlines(), after.splitlines())])
    if len(diff) <= MAX_DIFF_CHARS:
        return diff
    return f"{diff[:MAX_DIFF_CHARS]}\n(The difference is longer; read the file to see all of it.)"


def hunks(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Only what lies between the first and the last change is compared, and not even that where it is long: the time
    that takes grows with the square of the lines."""
    same = _common(old, new)
    start, rest = max(0, same - CONTEXT_LINES), _common(old[same:][::-1], new[same:][::-1])
    cut = max(0, rest - CONTEXT_LINES)
    old, new = old[start : len(old) - cut], new[start : len(new) - cut]
    if max(len(old), len(new)) > MAX_COMPARED_LINES:
        head = f"@@ -{start + 1},{len(old)} +{start + 1},{len(new)} @@"
        return [head, *(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    lines = list(difflib.unified_diff(old, new, n=CONTEXT_LINES, lineterm=""))[2:]
    return [_moved(line, start) if line.startswith("@@") else line for line in lines]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _moved(head: str, lines: int) -> str:
    return re.sub(r"([-+])(\d+)", lambda place: f"{place[1]}{int(place[2]) + lines}", head)


@tool
async def generate_document(context: Context, content: str, filename: str) -> str:
    """Make a file in output, for the person to download. One of the same name is replaced.

    Args:
        content: All of its text, such as Markdown, HTML, CSV, JSON or code.
        filename: Such as "summary.md".
    """
    folder, name = names.clean_path(filename)
    if not name or folder == names.SOURCES:
        raise ToolFailure("A document is made in output. Give a name such as summary.md.")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in NOT_TEXT:
        raise ToolFailure(f"Only files of text can be made, not {suffix}. Take .md, .html, .csv or the like.")
    path = f"{names.OUTPUT}/{name if suffix else f'{name}.md'}"
    data = content.encode(errors="replace")
    file = await in_workspace(context.context, lambda workspace: workspace.write(path, data))
    return done(file_path=file.path, size=file.size_bytes)
