"""The index of what was said: one row for each message that has words, each title and each name of a file.

Written in the transaction of what it tells of. What is made here of rows can be made again, and is
(`chatjuicer.operations.tasks`), so that it is not moved to another database with them. SQLite keeps the terms as a text
that FTS5 indexes by triggers, PostgreSQL as a tsvector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from uuid import UUID

from django.db import connection, models
from django.utils import timezone

from chatjuicer.encryption import EncryptedTextField
from sessions_app.search.shelves import OFF, Shelf, scheme, week_of

if TYPE_CHECKING:
    from .message import Message
    from .session import ChatSession

RESULT_CHARS = 10_000
"""Of what a tool has answered; its rest is not found."""


class TermsField(models.Field):
    """A list of terms; written and never read."""

    def db_type(self, connection: Any) -> str:
        return "tsvector" if connection.vendor == "postgresql" else "text"

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return "array_to_tsvector(%s::text[])" if connection.vendor == "postgresql" else "%s"

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return value if connection.vendor == "postgresql" else " ".join(value)


class SearchEntryManager(models.Manager["SearchEntry"]):
    def put_messages(self, session: ChatSession, messages: Iterable[Message]) -> None:
        """Those that say something, by one statement; also when they say something else than before."""
        self._write(self.of_messages(session, messages))

    def of_messages(self, session: ChatSession, messages: Iterable[Message]) -> list[SearchEntry]:
        """The rows of those that say something, which nobody has written yet."""
        telling = [message for message in messages if text_of(message)]
        entries = [
            SearchEntry(ref=message.pk, position=message.position, role=message.role, created_at=message.created_at)
            for message in telling
        ]
        return self._with_terms(session, entries, [text_of(message) for message in telling]) if entries else []

    def put_title(self, session: ChatSession) -> None:
        """In the place of the one before."""
        self.forget(session.pk)
        if session.title:
            entry = SearchEntry(kind=SearchEntry.Kind.TITLE, ref=session.pk, created_at=timezone.now())
            self._put(session, [entry], [session.title])

    def put_file(self, session: ChatSession, ref: UUID, name: str) -> None:
        entry = SearchEntry(kind=SearchEntry.Kind.FILE, ref=ref, name=name, created_at=timezone.now())
        self._put(session, [entry], [name])

    def forget(self, *refs: UUID) -> None:
        """Messages that were deleted, titles and files that are no more."""
        self.filter(ref__in=refs).delete()

    def forget_other_schemes(self, batch: int) -> None:
        """Of words that were kept in another way than now, nothing stays, where the database overwrites what is
        deleted. The housekeeping indexes what they stood for anew."""
        others = self.exclude(scheme=scheme())
        gone = 0
        while keys := list(others.values_list("pk", flat=True)[:batch]):
            gone += self.filter(pk__in=keys).delete()[0]
        if gone and connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                # A deletion is only noted by FTS5, beside the words.
                cursor.execute("INSERT INTO sessions_app_search(sessions_app_search) VALUES ('rebuild')")

    def _put(self, session: ChatSession, entries: Sequence[SearchEntry], texts: Sequence[str]) -> None:
        self._write(self._with_terms(session, entries, texts))

    def _write(self, entries: list[SearchEntry]) -> None:
        self.bulk_create(
            entries,
            update_conflicts=True,
            unique_fields=["ref"],
            update_fields=list(REPLACED),
            batch_size=100,
        )

    def _with_terms(
        self, session: ChatSession, entries: Sequence[SearchEntry], texts: Sequence[str]
    ) -> list[SearchEntry]:
        name = scheme()
        owner_id = session.owner_id or owner_of(session.pk)
        if name == OFF or owner_id is None:
            return []
        shelves: dict[int, Shelf] = {}
        for entry, text in zip(entries, texts, strict=True):
            week = week_of(entry.created_at)
            shelf = shelves.setdefault(week, Shelf.of_week(owner_id, week, name))
            entry.session_id, entry.owner_id, entry.scheme = session.pk, owner_id, name
            entry.terms = shelf.terms_of(text)
        return [entry for entry in entries if entry.terms]


# Of an answer that went on after its end, the whole text takes the place of its beginning.
REPLACED = ("terms", "scheme", "position", "created_at")
REPLACING = f" ON CONFLICT (ref) DO UPDATE SET {','.join(f'{name}=EXCLUDED.{name}' for name in REPLACED)}"


class MessageText(NamedTuple):
    """What a search looks at of a message: of a phrase many are read, of which few are shown."""

    id: UUID
    content: str
    tool_result: str
    visible: bool
    position: int
    role: str


def text_of(message: Message | MessageText) -> str:
    """What is found of it: what was said, or what a tool has answered."""
    return message.content or message.tool_result[:RESULT_CHARS]


@lru_cache(maxsize=10_000)
def owner_of(session_pk: UUID) -> UUID | None:
    """Of a session whose row was not read: none changes its owner."""
    sessions: Any = SearchEntry._meta.get_field("session").related_model
    found: UUID | None = sessions.with_deleting.filter(pk=session_pk).values_list("owner_id", flat=True).first()
    return found


class SearchEntry(models.Model):
    class Kind(models.TextChoices):
        MESSAGE = "message"
        TITLE = "title"
        FILE = "file"

    session = models.ForeignKey("sessions_app.ChatSession", models.CASCADE, related_name="search_entries")
    owner_id = models.UUIDField()
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.MESSAGE)
    ref = models.UUIDField(unique=True, help_text="of the message, the session that has the title, or the file")
    position = models.PositiveIntegerField(null=True, help_text="of the message")
    role = models.CharField(max_length=16, blank=True, default="", help_text="of the message")
    name = EncryptedTextField(blank=True, default="", help_text="of the file")
    created_at = models.DateTimeField()
    scheme = models.CharField(max_length=16, help_text="how the terms are kept")
    terms = TermsField()

    objects: ClassVar[SearchEntryManager] = SearchEntryManager()

    class Meta:
        verbose_name_plural = "search entries"
        indexes = [models.Index(fields=["owner_id", "-created_at"], name="search_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"


def index_history(session: ChatSession, batch: int = 200) -> Iterator[int]:
    """Messages, packed ones too, and the title: how many of each batch. Entries of another scheme go first."""
    while stale := list(session.search_entries.exclude(scheme=scheme()).values_list("pk", flat=True)[:batch]):
        session.search_entries.filter(pk__in=stale).delete()
        yield len(stale)
    # Down from what was written since, so that one that was cut off goes on where it was.
    below = session.search_entries.aggregate(first=models.Min("position"))["first"]
    while scheme() != OFF and (messages := session.index_some(below, batch)):
        yield len(messages)
        below = messages[0].position
