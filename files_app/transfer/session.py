"""One session of an archive becomes one of the account."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction

from chatjuicer.accounts.models import User
from files_app import names
from files_app.attachments import Attachment, content_for_model
from files_app.incoming import Facts, Incoming
from files_app.models import File, Holder, StorageUsage, StoredBytes, bytes_of
from sessions_app.catalogue import DEFAULT_REASONING_EFFORT, REASONING_EFFORTS
from sessions_app.models import NATIVE, AccountLog, ChatSession, MessageDraft, MessageError, Project, unnoted
from sessions_app.models.message import MAX_PINNED, SPOKEN
from sessions_app.models.origins import known_by
from sessions_app.models.sessions import SESSION_ID
from sessions_app.models.tree import Branch, finish_planting, plant

from .exceptions import UnreadableArchive
from .lines import with_images
from .reading import parsed
from .records import AgentFileLine, AnyLine, ContextLine, FileLine, MessageLine, SessionLine, decode

logger = logging.getLogger(__name__)

ROWS = 100  # of one statement

ProjectOf = Callable[[SessionLine], Project | None]
"""The account's project that a session is to be in; asked in the transaction of the session."""

Stored = tuple[FileLine, StoredBytes, Facts]


@dataclass(slots=True)
class Part:
    """The lines of one session in a file of many."""

    file: IO[bytes]
    start: int
    title: str
    end: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How many of what is not taken in with it, by its kind (`files`: those whose bytes are not there)."""

    def lines(self) -> Iterator[AnyLine]:
        """The first one is the session's. Read by two at once, each goes on where it was."""
        at = self.start
        while at < self.end:
            self.file.seek(at)
            text = self.file.readline()
            at += len(text)
            yield decode(text)

    @property
    def session(self) -> SessionLine:
        head = next(self.lines())
        assert isinstance(head, SessionLine)
        return head

    def files(self) -> Iterator[FileLine]:
        return (line for line in self.lines() if isinstance(line, FileLine))

    def messages(self) -> Iterator[MessageLine]:
        return (line for line in self.lines() if isinstance(line, MessageLine))

    def context(self) -> Iterator[ContextLine]:
        return (line for line in self.lines() if isinstance(line, ContextLine))


class Bytes(Protocol):
    """Where the bytes of files are, by the `path` of their lines."""

    @property
    def entries(self) -> Mapping[str, Any]: ...

    def chunks(self, name: str, /) -> Iterator[bytes]:
        """Raises UnreadableArchive."""


def take_in(user: User, part: Part, source: Bytes | None, project_of: ProjectOf) -> bool:
    """False if it is there already. Raises ApiError where it cannot be taken in; nothing of it is there then. Whoever
    takes in several restarts the account's log after the last, so that clients hear of them at once."""
    head = part.session
    if is_here(user, head.origin):
        return False
    try:
        return taken_in(user, part, head, source, project_of)
    except OperationalError:
        raise
    except DatabaseError:
        logger.exception("a session of an archive could not be taken in")
        raise UnreadableArchive("The database did not take it.") from None


def taken_in(user: User, part: Part, head: SessionLine, source: Bytes | None, project_of: ProjectOf) -> bool:
    """Bytes are stored before the transaction, and go again if it comes to nothing."""
    key = uuid4()
    with ExitStack() as stack:
        files = list(stored(ChatSession(pk=key, owner=user), part, source, stack))
        with transaction.atomic(), unnoted():
            User.objects.hold(user.pk)
            if is_here(user, head.origin):
                return False
            session = opened(user, key, head, project_of(head))
            fill(session, part, attach(session, files))
            StorageUsage.objects.require_quota(user.pk, 0)  # with what has just come
            session.backdate(created_at=head.created_at, updated_at=head.updated_at)
            AccountLog.objects.skip(user.pk)
    return True


def is_here(user: User, origin: str) -> bool:
    """Not in the trash, of which whoever imports it wants it back: if that one is restored, too, its origin changes."""
    return user.chat_sessions.filter(known_by(origin)).exists()


def opened(user: User, key: UUID, head: SessionLine, project: Project | None) -> ChatSession:
    """By its own name, if that is free, else by another."""
    namespace = head.namespace or NATIVE
    name: str | None = head.session_id if SESSION_ID.fullmatch(head.session_id) else None
    if name and user.chat_sessions.filter(namespace=namespace, public_id=name).exists():
        name = None
    fields: dict[str, Any] = {
        "id": key,
        "origin": head.origin,
        "title": head.title,
        "is_named": head.is_named,
        "model": head.model or None,
        "reasoning_effort": (
            head.reasoning_effort if head.reasoning_effort in REASONING_EFFORTS else DEFAULT_REASONING_EFFORT
        ),
        "mcp_config": head.mcp_config,
        "disabled_tools": head.disabled_tools,
        "agent_name": head.agent_name or "chat",
        "agent_type": head.agent_type,
        "frontend": head.frontend,
        "metadata": head.metadata,
        "pinned": head.pinned,
        "archived": head.archived,
        "is_active": head.is_active and not head.agent_type,  # of those, few may be active
        "project": project,
        "draft": head.draft,
    }
    session, created = ChatSession.objects.open(user, public_id=name, namespace=namespace, **fields)
    if not created:  # somebody took the name at this moment
        session, _ = ChatSession.objects.open(user, namespace=namespace, **fields)
    return session


def stored(session: ChatSession, part: Part, source: Bytes | None, stack: ExitStack) -> Iterator[Stored]:
    for line in part.files():
        if source is not None and line.path in source.entries:  # else its bytes were lost before
            yield line, *stack.enter_context(kept(session, line, source))


@contextmanager
def kept(holder: Holder, line: FileLine | AgentFileLine, source: Bytes) -> Iterator[tuple[StoredBytes, Facts]]:
    with Incoming(settings.MAX_FILE_SIZE, line.name) as incoming:
        for chunk in source.chunks(line.path):
            incoming.write(chunk)
        with bytes_of(holder, incoming) as (stored, facts):
            incoming.close()  # a session may have thousands of files, and a process not
            yield stored, facts


def attach(session: ChatSession, files: Iterable[Stored]) -> dict[str, Attachment]:
    """The files by what the archive calls them."""
    attachments: dict[str, Attachment] = {}
    for line, bytes, facts in files:
        name = names.clean_name(line.name)
        file = File.objects.put(session, line.folder, name, bytes, facts, modified_at=line.modified_at)
        attachments[line.id] = Attachment.of(file)
    return attachments


def fill(session: ChatSession, part: Part, files: Mapping[str, Attachment]) -> None:
    keys = planted(session, part, files)
    ids = {id: attachment.file_id for id, attachment in files.items()}
    items: Iterator[tuple[UUID | None, Any]] = (
        (keys.get(line.message or 0), parsed(with_images(line.item, ids).encode())) for line in part.context()
    )
    first = next(items, None)
    if first is None:
        shown = (line for line in part.messages() if line.visible)
        items = ((keys[line.id], item) for line in shown for item in said(line, files))
    else:
        session.add_context([first[1]], message_ids=[first[0]])
    while some := list(islice(items, ROWS)):
        session.add_context([item for _, item in some], message_ids=[key for key, _ in some])
        check_keys()


def planted(session: ChatSession, part: Part, files: Mapping[str, Attachment]) -> dict[int, UUID]:
    """The messages with all their versions, by what the archive calls them."""
    keys: dict[int, UUID] = {}
    lines = part.messages()
    while some := list(islice(lines, ROWS)):
        branches = []
        for line in some:
            said_so = draft(line, files)
            before = line.id - 1 if line.parent is None else line.parent
            branches.append(Branch(said_so, keys.get(before), line.visible))
            keys[line.id] = said_so.id
        plant(session, branches)
        check_keys()
    finish_planting(session)
    _unpin_the_rest(session)
    return keys


def check_keys() -> None:
    """Of the rows so far. PostgreSQL leaves that to the commit, which is a statement, too: of a hundred thousand rows
    it would take longer than a statement may. SQLite looks at each row as it comes."""
    if connection.vendor == "postgresql":
        connection.check_constraints()


def _unpin_the_rest(session: ChatSession) -> None:
    """No more stays pinned than people can pin: of the visible path first, and the newest of it."""
    pinned = session.messages.filter(pinned=True)
    newest = pinned.filter(role__in=SPOKEN).order_by("-visible", "-position").values_list("pk", flat=True)
    pinned.exclude(pk__in=list(newest[:MAX_PINNED])).update(pinned=False)


def draft(line: MessageLine, files: Mapping[str, Attachment]) -> MessageDraft:
    attached = [files[id].reference() for id in line.attachments if id in files]
    return MessageDraft(
        role=line.role,
        content=line.content,
        status=line.status,
        partial=line.partial,
        tool_call_id=line.tool_call_id,
        tool_name=line.tool_name,
        tool_arguments=line.tool_arguments,
        tool_result=line.tool_result,
        tool_success=line.tool_success,
        token_count=line.token_count,
        model=line.model,
        agent_name=line.agent_name,
        response_time_ms=line.response_time_ms,
        is_error=line.is_error,
        reasoning=line.reasoning,
        error=MessageError(line.error.code, line.error.message) if line.error else None,
        metadata=line.metadata | ({"attachments": attached} if attached else {}),
        rating=line.feedback.rating if line.feedback else "",
        rating_text=line.feedback.text if line.feedback else "",
        pinned=line.pinned,
        created_at=line.created_at,
    )


def said(line: MessageLine, files: Mapping[str, Attachment]) -> Iterator[dict[str, object]]:
    """What the model is given of a message that came without its own context."""
    # No model is given pictures of its own; they are among the files.
    attached = [files[id] for id in line.attachments if id in files] if line.role == "user" else []
    if line.role != "tool_call" and (line.content or attached):
        yield {"role": line.role, "content": content_for_model(line.content, attached)}
