"""An archive that is imported: first read whole, into a file of lines that are known to be good; then taken in, session
by session, each in one transaction. So what cannot be read changes nothing, and what is there already is passed over.
"""

from __future__ import annotations

import tempfile
from collections import ChainMap, Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, Any
from uuid import NAMESPACE_OID, uuid5

import orjson
from django.db import transaction

from chatjuicer.accounts.models import User
from chatjuicer.api.exceptions import ApiError
from files_app.incoming import CHUNK_BYTES, directory
from sessions_app.models import AccountLog, Project
from sessions_app.models.origins import OURS

from .embedded import Embedded, Keep
from .exceptions import UnreadableArchive
from .formats import chatgpt, claude, librechat, openwebui
from .formats.tree import Conversation, lines_of, mapping, text
from .named import NamedLine, keep, require_name
from .projects import Projects
from .reading import Zipped, elements, lines, parsed
from .records import (
    CONVERSATION,
    FORMAT,
    LINES,
    MANIFEST,
    MAX_MESSAGES,
    VERSION,
    VERSION_OF_SESSIONS,
    AgentFileLine,
    AnyLine,
    ContextLine,
    FileLine,
    Line,
    MessageLine,
    ProjectLine,
    SessionLine,
    decode,
    encode,
    require_writable,
)
from .session import Part, take_in

MAX_SAID = 100  # failures that a report names
MAX_PROJECTS = 10_000
MAX_NAMED = 1_000
MAX_AGENT_FILES = 10_000
MAX_SESSIONS = 200_000
MAX_FILES = 10_000  # of one session
MAX_LINES = 500_000  # of one session
ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(slots=True)
class Report:
    """`failed` names sessions that could not be taken in; at most MAX_SAID of them, each with the reason. `left_out`
    counts what the others came without."""

    imported: int = 0
    skipped: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    failed_count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def fail(self, name: str, error: ApiError) -> None:
        self.failed_count += 1
        if len(self.failed) < MAX_SAID:
            self.failed.append({"name": name[:255] or "Untitled", "reason": error.message})

    def shown(self) -> dict[str, Any]:
        more: dict[str, Any] = {"failed_count": self.failed_count} if self.failed_count > MAX_SAID else {}
        if self.left_out:
            more["left_out"] = [{"what": what, "count": count} for what, count in sorted(self.left_out.items())]
        return {"imported": self.imported, "skipped": self.skipped, "failed": self.failed, **more}


def import_archive(user: User, file: IO[bytes], size_bytes: int) -> Report:
    """Takes in what is not there yet. Raises UnreadableArchive, and has changed nothing then."""
    report = Report()
    with tempfile.TemporaryFile(dir=directory()) as spool:
        reader = Reader(file, size_bytes, spool, report)
        reader.read()
        try:
            for line in reader.named:
                take_named(user, line, reader, report)
            projects = Projects(user)
            for part in reader.parts:
                take(user, part, reader, projects, report)
            for project in reader.empty_projects:
                with transaction.atomic():
                    projects.same_or_new(project)
        finally:
            if report.imported:
                with transaction.atomic():
                    AccountLog.objects.restart(user.pk)
    return report


def take_named(user: User, line: NamedLine, reader: Reader, report: Report) -> None:
    try:
        keep(user, line, reader.agent_files.get(line.name, ()), reader)
    except ApiError as error:
        report.fail(line.name, error)


def take(user: User, part: Part, reader: Reader, projects: Projects, report: Report) -> None:
    def project_of(head: SessionLine) -> Project | None:
        return projects.same_or_new(reader.projects.get(head.project or ""))

    try:
        if take_in(user, part, reader, project_of):
            report.imported += 1
            report.left_out += part.left_out
        else:
            report.skipped += 1
    except ApiError as error:
        report.fail(part.title, error)


class Reader:
    """Reads an archive into `spool`: `parts` are its sessions there. It has the bytes of their files."""

    def __init__(self, file: IO[bytes], size_bytes: int, spool: IO[bytes], report: Report) -> None:
        self.parts: list[Part] = []
        self.projects: dict[str, ProjectLine] = {}
        self.named: list[NamedLine] = []
        self._filled: set[str | None] = set()
        self.agent_files: defaultdict[str, list[AgentFileLine]] = defaultdict(list)
        """By the agent's name."""
        self._agent_file_count = 0
        self.zipped: Zipped | None = None
        self._file, self._size_bytes, self._spool, self._report = file, size_bytes, spool, report
        self._entries = chatgpt.Entries(())
        self._embedded = Embedded(spool)

    @property
    def entries(self) -> Mapping[str, Any]:
        return ChainMap(self._embedded.entries, self.zipped.entries if self.zipped else {})

    def chunks(self, name: str) -> Iterator[bytes]:
        """Raises UnreadableArchive."""
        if self.zipped is None or name in self._embedded.entries:
            return self._embedded.chunks(name)
        return self.zipped.chunks(name)

    @property
    def empty_projects(self) -> Iterator[ProjectLine]:
        """All others come with the first of their sessions."""
        return (line for id, line in self.projects.items() if id not in self._filled)

    def read(self) -> None:
        """Raises UnreadableArchive."""
        self._file.seek(0)
        head = self._file.read(4)
        self._file.seek(0)
        if head not in ZIP:
            self._read_foreign("", iter(lambda: self._file.read(CHUNK_BYTES), b""))
            return
        self.zipped = Zipped(self._file, self._size_bytes)
        if MANIFEST in self.zipped.entries and LINES in self.zipped.entries:
            self._read_own(self.zipped)
            return
        self._entries = chatgpt.Entries(self.zipped.entries)
        for name in sorted(self.zipped.entries):
            if holds_conversations(PurePosixPath(name)):
                self._read_foreign(name, self.zipped.chunks(name))
        self._require_some()

    def _read_own(self, zipped: Zipped) -> None:
        about = mapping(next(elements(zipped.chunks(MANIFEST)), None))
        if about.get("format") != FORMAT or about.get("version") not in range(1, VERSION + 1):
            raise UnreadableArchive("The archive is of a newer version than this server reads.")
        self._keep(told_apart(decode(text) for text in lines(zipped.chunks(LINES))))

    def _read_foreign(self, entry: str, chunks: Iterator[bytes]) -> None:
        """A conversation that is not as it should be fails by itself; a text that is none fails all."""
        for said in elements(chunks):
            parts, failed, left_out = len(self.parts), UnreadableArchive(), Counter[str]()
            try:
                self._keep(lines_in(said, self._entries, self._embedded.keep, left_out))
                if left_out:
                    self.parts[-1].left_out += left_out
                continue
            except (UnreadableArchive, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
                failed = error if isinstance(error, UnreadableArchive) else failed
            del self.parts[parts:]
            self._report.fail(name_of(said) or entry, failed)
        if not self.zipped:
            self._require_some()

    def _require_some(self) -> None:
        if not self.parts:
            reasons = [failure["reason"] for failure in self._report.failed]
            raise UnreadableArchive(reasons[0] if reasons else None)

    def _keep(self, found: Iterator[AnyLine]) -> None:
        """In the order: projects, agents with their files, prompts, MCP servers, then each session with what is its
        own. Raises UnreadableArchive."""
        last = files = of_session = 0
        for line in found:
            if isinstance(line, ProjectLine | AgentFileLine | NamedLine):
                self._keep_apart(line)
                continue
            if isinstance(line, SessionLine):
                self.parts.append(Part(self._spool, self._spool.tell(), line.title))
                self._filled.add(line.project)
                last = files = of_session = 0
                if len(self.parts) > MAX_SESSIONS:
                    raise UnreadableArchive("The archive has too many sessions.")
            elif not self.parts:
                raise UnreadableArchive()
            of_session += 1
            if isinstance(line, FileLine):
                files += 1
                self.parts[-1].left_out["files"] += line.path not in self.entries
            if of_session > MAX_LINES or files > MAX_FILES:
                raise UnreadableArchive("A session of the archive is too large.")
            if isinstance(line, MessageLine):
                if not last < line.id <= MAX_MESSAGES or (line.parent or 0) >= line.id:
                    raise UnreadableArchive("The messages of a session are in disorder.")
                last = line.id
            if isinstance(line, ContextLine):
                if not isinstance(item := parsed(line.item.encode()), dict):
                    raise UnreadableArchive()
                require_writable(item)
            self._spool.write(encode(line) + b"\n")
            self.parts[-1].end = self._spool.tell()

    def _keep_apart(self, line: ProjectLine | AgentFileLine | NamedLine) -> None:
        """What is of no session. Raises UnreadableArchive."""
        if isinstance(line, ProjectLine):
            self.projects[line.id] = line
        elif isinstance(line, AgentFileLine):
            self.agent_files[line.agent].append(line)
            self._agent_file_count += 1
        else:
            require_name(line)
            self.named.append(line)
        if len(self.projects) > MAX_PROJECTS:
            raise UnreadableArchive("The archive has too many projects.")
        if len(self.named) > MAX_NAMED:
            raise UnreadableArchive("The archive has too many agents, prompts and MCP servers.")
        if self._agent_file_count > MAX_AGENT_FILES:
            raise UnreadableArchive("The archive has too many files of agents.")


def told_apart(found: Iterator[AnyLine]) -> Iterator[AnyLine]:
    """Archives that older servers wrote may have one origin several times."""
    times = Counter[str]()
    for line in found:
        if isinstance(line, SessionLine):
            times[line.origin] += 1
            if times[line.origin] > 1:
                line.origin = f"{OURS}{uuid5(NAMESPACE_OID, f'{line.origin} {times[line.origin]}')}"
        yield line


def holds_conversations(entry: PurePosixPath) -> bool:
    is_upload = chatgpt.UPLOAD.match(entry.name) or entry.parts[0] == "__MACOSX"
    return entry.suffix.lower() == ".json" and not is_upload


def lines_in(said: Any, entries: chatgpt.Entries, embed: Keep, left_out: Counter[str]) -> Iterator[AnyLine]:
    """Of one conversation, whoever exported it; nothing of what is none. `left_out` is told what they come without.
    Raises UnreadableArchive, and what comes of wrong types."""
    if not isinstance(said, dict):
        return iter(())
    if said.get("format") == CONVERSATION:
        return own_lines(said)
    found = conversation_in(said, entries, embed)
    if found is None:
        return iter(())
    left_out.update(found.left_out)
    return (as_any(line) for line in lines_of(found))


def conversation_in(said: dict[str, Any], entries: chatgpt.Entries, embed: Keep) -> Conversation | None:
    if "mapping" in said:
        return chatgpt.conversation(said, entries)
    if "chat_messages" in said:
        return claude.conversation(said)
    if "conversationId" in said:
        return librechat.conversation(said)
    if "chat" in said or ("history" in said and "messages" in mapping(said["history"])):
        return openwebui.conversation(said, embed)
    return None


def own_lines(said: dict[str, Any]) -> Iterator[AnyLine]:
    """Of a conversation that was exported by itself: without the bytes of its files."""
    if said.get("version") not in range(1, VERSION_OF_SESSIONS + 1):
        raise UnreadableArchive("The conversation is of a newer version than this server reads.")
    files, *rest = (list(said.get(name) or ()) for name in ("files", "messages", "context"))
    for number, one in enumerate(chain([said["session"]], files, *rest)):
        line = decode(orjson.dumps(one))
        is_file = 0 < number <= len(files)
        if isinstance(line, ProjectLine | AgentFileLine | NamedLine) or isinstance(line, FileLine) is not is_file:
            raise UnreadableArchive()
        yield line


def as_any(line: Line) -> AnyLine:
    assert isinstance(line, AnyLine)
    return line


def name_of(said: Any) -> str:
    if not isinstance(said, dict):
        return ""
    names = (said.get("title"), said.get("name"))
    return next((text(name, 255) for name in names if isinstance(name, str) and name), "")
