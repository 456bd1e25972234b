"""The text of files in parts, as they are found and quoted. What is made here of bytes can be made again, so that it is
not moved to another database with them.

A passage goes with its file, and with the bytes that it was read from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import connection, models

from chatjuicer.encryption import EncryptedTextField
from sessions_app.models import Agent, ChatSession
from sessions_app.models.search_entry import TermsField
from sessions_app.search.shelves import Shelf

if TYPE_CHECKING:
    from .file import File

INDEX = "files_app_passages"
"""FTS5's table; PostgreSQL indexes the column."""


class PassageManager(models.Manager["Passage"]):
    def current(self) -> models.QuerySet[Passage]:
        """Of the bytes that their files have now."""
        return self.filter(file__storage_key=models.F("storage_key"))

    def overwrite_deleted(self) -> None:
        """A deletion is only noted by FTS5, beside the words."""
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('rebuild')")  # noqa: S608 (the name is our own)


class Passage(models.Model):
    # A version that knows no passages may delete both: what is left then is found by nobody, and by the housekeeping.
    session = models.ForeignKey(ChatSession, models.CASCADE, null=True, related_name="passages", db_constraint=False)
    agent = models.ForeignKey(
        Agent, models.CASCADE, null=True, related_name="passages", db_index=False, db_constraint=False
    )
    file = models.ForeignKey(
        "files_app.File", models.CASCADE, related_name="passages", db_index=False, db_constraint=False
    )
    storage_key = models.CharField(max_length=64, help_text="of the bytes that it was read from")
    page = models.PositiveIntegerField(null=True, help_text="from 1; null where the format has none")
    start = models.PositiveIntegerField(help_text="in the text of the file, in code points")
    end = models.PositiveIntegerField()
    text = EncryptedTextField()
    terms = TermsField()

    objects: ClassVar[PassageManager] = PassageManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "start"], name="one_passage_per_beginning"),
        ]
        indexes = [
            models.Index(fields=["agent"], condition=models.Q(agent__isnull=False), name="passage_of_agent"),
        ]

    def __str__(self) -> str:
        return f"{self.start}–{self.end} of {self.file_id}"

    @classmethod
    def of(cls, file: File, page: int | None, start: int, text: str, shelf: Shelf) -> Passage:
        """Of a file's text, not saved yet."""
        return cls(
            session_id=file.session_id,
            agent_id=file.agent_id,
            file_id=file.pk,
            storage_key=file.storage_key,
            page=page,
            start=start,
            end=start + len(text),
            text=text,
            terms=shelf.terms_of(text),
        )
