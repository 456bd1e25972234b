"""What a person calls bytes by, and what is known of them."""

import uuid
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar

from django.db import models, transaction
from django.db.models.functions import Substr
from django.utils import timezone

from files_app import kinds, names
from files_app.exceptions import FileChanged
from files_app.incoming import Facts
from sessions_app.models import ChatSession, SearchEntry

from .stored import StoredBytes

MAX_CONTENT_TYPE = 127


class FileManager(models.Manager["File"]):
    def below(self, folder: str, prefix: str = "") -> models.QuerySet["File"]:
        """Of one session: ask it of `session.files`. `prefix` is empty or ends in "/"."""
        rows = self.filter(folder=folder)
        if prefix:
            # LIKE takes no notice of case on SQLite.
            rows = rows.annotate(start=Substr("name", 1, len(prefix))).filter(start=prefix)
        return rows

    def put(
        self,
        session: ChatSession,
        folder: str,
        name: str,
        stored: StoredBytes,
        facts: Facts,
        *,
        draft_key: str = "",
        replacing: "File | None" = None,
        modified_at: datetime | None = None,
    ) -> "File":
        """The file of that name, new or with new bytes; what it held before goes after the commit.

        With `draft_key` the bytes are those of an upload that was charged before. With `replacing` the file must
        still hold what it held then, else FileChanged. `modified_at`: when that was, if not now. Raises DoesNotExist if
        the session is gone.
        """
        with transaction.atomic(savepoint=False):
            lock(session)
            file = self.filter(session=session, folder=folder, name=name).first()
            if replacing and (file is None or file.storage_key != replacing.storage_key):
                raise FileChanged()
            if draft_key:
                stored.keep_instead_of(draft_key)
            else:
                stored.keep()
            held = file.storage_key if file else ""
            file = file or File(session=session, folder=folder, name=name)
            file.size_bytes = facts.size_bytes
            file.sha256 = facts.sha256
            file.content_type = facts.content_type[:MAX_CONTENT_TYPE]
            file.storage_key = stored.key
            file.modified_at = modified_at or timezone.now()
            file.save()
            if not held:
                SearchEntry.objects.put_file(session, file.pk, name)
            if held:
                StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(pk=held))
        return file


def lock(session: ChatSession) -> None:
    """Whoever else changes or deletes this session's files waits until the transaction ends."""
    if not ChatSession.objects.filter(pk=session.pk).select_for_update(no_key=True).values_list("pk").first():
        raise ChatSession.DoesNotExist


class File(models.Model):
    class Folder(models.TextChoices):
        SOURCES = names.SOURCES
        OUTPUT = names.OUTPUT

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, models.CASCADE, related_name="files", db_index=False)
    folder = models.CharField(max_length=8, choices=Folder.choices)
    name = models.CharField(max_length=names.MAX_NAME_BYTES, help_text="a path relative to the folder")
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=MAX_CONTENT_TYPE)
    storage_key = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    modified_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[FileManager] = FileManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "folder", "name"], name="one_file_per_name"),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="file_newest")]

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """As the agent says it."""
        return f"{self.folder}/{self.name}"

    @property
    def basename(self) -> str:
        return PurePosixPath(self.name).name

    @property
    def is_visible_image(self) -> bool:
        return self.content_type in kinds.VISIBLE_IMAGES

    def remove(self) -> None:
        """With its bytes. Raises DoesNotExist if it is gone."""
        with transaction.atomic(savepoint=False):
            lock(self.session)
            self.refresh_from_db(fields=["storage_key"])
            StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(pk=self.storage_key))
            SearchEntry.objects.forget(self.pk)
            self.delete()
