"""The text of a document. Documents are read in a process of their own, which can be stopped whatever it does."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

from files_app import documents, kinds, sandbox

TIME_LIMIT_S = 20
MEMORY_LIMIT_BYTES = 1536 * 1024 * 1024
MAX_TEXT_BYTES = 4 * 1024 * 1024
# At a time; each may take all of its memory.
PROCESSES = 2

# One slow document does not hold all others up for ever.
_turns = threading.BoundedSemaphore(PROCESSES)
WAIT_S = 60
READERS_USER = 61184  # of those that systemd gives to services of which nobody else is


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    # There was more than MAX_TEXT_BYTES.
    cut: bool
    # Where each page begins, in code points; empty where the format has none.
    pages: tuple[int, ...] = ()


class NoText(Exception):
    """`message` may be shown."""

    code: ClassVar[str]
    message: ClassVar[str]


class Unreadable(NoText):
    code = "unreadable"
    message = "The document could not be read: it is damaged, protected, or not what its name says."


class NotADocument(NoText):
    code = "not_text"
    message = "The file holds no text that can be read."


class TookTooLong(NoText):
    code = "timeout"
    message = f"Reading the document took longer than {TIME_LIMIT_S} seconds."


class TookTooMuch(NoText):
    code = "too_large"
    message = "Reading the document took too much memory."


class Busy(NoText):
    code = "busy"
    message = "Other documents are being read; try again."


def takes_a_reader(content_type: str) -> bool:
    """Whether it is read in a process of its own, of which there are few."""
    return content_type in documents.READERS


def text_of(path: Path, content_type: str) -> Text:
    """`path` is a private copy in a folder of its own: `workspace.copy_of` makes one. Raises NoText."""
    textual = content_type.startswith("text/") or content_type == kinds.NOTEBOOK
    if takes_a_reader(content_type):
        try:
            return in_a_process(path, content_type)
        except Unreadable:
            # A broken table or page is a text all the same.
            if not textual:
                raise
    elif not textual and not is_text(path):
        raise NotADocument()
    with path.open("rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)
    cut = len(data) > MAX_TEXT_BYTES
    return Text(documents.decoded(data[:MAX_TEXT_BYTES], cut=cut), cut)


def is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return kinds.is_text(file.read(kinds.HEAD_BYTES))


def in_a_process(path: Path, content_type: str) -> Text:
    if not _turns.acquire(timeout=WAIT_S):
        raise Busy()
    try:
        with tempfile.TemporaryFile() as output:
            ended = run(path, content_type, output.fileno())
            if ended == documents.OUT_OF_MEMORY:
                raise TookTooMuch()
            if ended in (-signal.SIGXCPU, -signal.SIGALRM):
                raise TookTooLong()
            output.seek(0)
            data = output.read(MAX_TEXT_BYTES + 1)
            # A reader that was cut off by the limit of its output has said enough.
            if ended != 0 and len(data) < MAX_TEXT_BYTES:
                raise Unreadable()
    finally:
        _turns.release()
    cut = len(data) >= MAX_TEXT_BYTES
    first, *pages = data[:MAX_TEXT_BYTES].decode("utf-8", "ignore" if cut else "replace").split(documents.PAGE)
    starts = accumulate(map(len, [first, *pages]))
    return Text(first + "".join(pages), cut, tuple(start for start, _ in zip(starts, pages, strict=False)))


def own_user(path: Path) -> list[str]:
    """The options by which the reader becomes another user, to whom the private copy is given; empty where this is not
    root, or where others cannot read the interpreter's libraries."""
    if not sandbox.is_root() or sandbox.keeps_root():
        return []
    for given in (path, path.parent):
        os.chown(given, READERS_USER, READERS_USER)
    return ["--user", str(READERS_USER)]


def run(path: Path, content_type: str, output: int) -> int:
    """The exit status. Raises TookTooLong."""
    kept = [sys.executable, "-I", sandbox.__file__, "--read", str(path.parent), *own_user(path), "--"]
    program = [*kept, documents.__file__, content_type, path.name]
    limits = [str(TIME_LIMIT_S), str(MEMORY_LIMIT_BYTES), str(MAX_TEXT_BYTES)]
    process = subprocess.Popen(  # noqa: S603 - this interpreter and files of ours
        program + limits,
        cwd=path.parent,
        # Nothing of ours: a document that takes the reader over finds no secrets here.
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(path.parent), "TMPDIR": str(path.parent)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise TookTooLong() from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
