"""What a person calls bytes by, and what is known of them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import models, transaction
from django.db.models.functions import Substr
from django.utils import timezone

from chatjuicer.accounts.models import Act, AuditEntry
from files_app import kinds, names
from files_app.exceptions import FileChanged
from files_app.incoming import Facts
from sessions_app.models import Agent, ChatSession, SearchEntry, known
from sessions_app.search.shelves import scheme

from .holder import Holder, held_by, lock
from .passage import Passage
from .stored import StoredBytes
from .vector import PassageVector, Vector

MAX_CONTENT_TYPE = 127
FORGOTTEN_AT_ONCE = 500
AT_ONCE = 100
"""Passages of one transaction: whoever writes to the holder waits for it."""


class FileManager(models.Manager["File"]):
    def below(self, folder: str, prefix: str = "") -> models.QuerySet["File"]:
        """Of one holder: ask it of its `files`. `prefix` is empty or ends in "/"."""
        rows = self.filter(folder=folder)
        if prefix:
            # LIKE takes no notice of case on SQLite.
            rows = rows.annotate(start=Substr("name", 1, len(prefix))).filter(start=prefix)
        return rows

    def of_owner(self, owner_id: UUID | None) -> models.QuerySet["File"]:
        """What hangs on the owner's sessions and agents; None: on agents for all."""
        if owner_id is None:
            return self.filter(agent__isnull=False, agent__owner=None)
        return self.filter(models.Q(session__owner=owner_id) | models.Q(agent__owner=owner_id))

    def unread(self) -> models.QuerySet["File"]:
        """Those whose text nobody has tried to put into passages yet, of what exists."""
        return self.filter(known("session__"), indexed_as="")

    def forget_passages(self, pk: UUID) -> int:
        """Of that file, should it be there or not; how many there were. They are made again, if they may be."""
        with transaction.atomic(savepoint=False):
            _, gone = Passage.objects.filter(file=pk).only("pk").delete()
            self.filter(pk=pk).update(indexed_as="", unreadable="", embedded_as="")
        return gone.get(Passage._meta.label, 0)

    def without_vectors(self, model: str) -> models.QuerySet["File"]:
        """Those that were read, and whose passages have none by that model, or not all."""
        others = models.Q(embedded_as__lt=model) | models.Q(embedded_as__gt=model)  # two ranges of an index
        return self.filter(known("session__"), others, indexed_as__gt="")

    def forget_vectors(self) -> Iterator[int]:
        """All there are; how many, batch by batch."""
        while keys := list(PassageVector.objects.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]):
            PassageVector.objects.filter(pk__in=keys).delete()
            yield len(keys)
        self.filter(embedded_as__gt="").update(embedded_as="")

    def forget_outdated_passages(self) -> Iterator[int]:
        """Those whose terms are kept in another way than now, and what a crash has left half written: how many, file by
        file."""
        name = scheme()
        others = self.filter(models.Q(indexed_as__gt="", indexed_as__lt=name) | models.Q(indexed_as__gt=name))
        while file := others.order_by("indexed_as").first():
            yield self.forget_passages(file.pk)
        if Passage.objects.exists():
            there = models.Exists(Passage.objects.filter(file=models.OuterRef("pk")))
            for file in self.filter(there, indexed_as=""):
                yield self.forget_passages(file.pk)

    def with_strange_passages(self) -> list[UUID]:
        """Of files that are gone, or hold other bytes: after a version that knows no passages, or by hand."""
        held = self.filter(pk=models.OuterRef("file_id"), storage_key=models.OuterRef("storage_key"))
        strange = Passage.objects.filter(~models.Exists(held))
        return list(strange.order_by().values_list("file_id", flat=True).distinct())

    def put(
        self,
        holder: Holder,
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
        the holder is gone.
        """
        with transaction.atomic(savepoint=False):
            lock(holder)
            file = self.filter(**held_by(holder), folder=folder, name=name).first()
            if replacing and (file is None or file.storage_key != replacing.storage_key):
                raise FileChanged()
            if draft_key:
                stored.keep_instead_of(draft_key)
            else:
                stored.keep()
            held = file.storage_key if file else ""
            file = file or File(**held_by(holder), folder=folder, name=name)
            file.size_bytes = facts.size_bytes
            file.sha256 = facts.sha256
            file.content_type = facts.content_type[:MAX_CONTENT_TYPE]
            file.storage_key = stored.key
            file.modified_at = modified_at or timezone.now()
            file.indexed_as = file.unreadable = file.embedded_as = ""
            file.save()
            if not held and isinstance(holder, ChatSession):
                SearchEntry.objects.put_file(holder, file.pk, name)
            if held:
                file.passages.only("pk").delete()
                StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(pk=held))
        return file


class File(models.Model):
    class Folder(models.TextChoices):
        SOURCES = names.SOURCES
        OUTPUT = names.OUTPUT
        AGENT = names.AGENT

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, models.CASCADE, null=True, related_name="files", db_index=False)
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, related_name="files", db_index=False)
    folder = models.CharField(max_length=8, choices=Folder.choices)
    name = models.CharField(max_length=names.MAX_NAME_BYTES, help_text="a path relative to the folder")
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=MAX_CONTENT_TYPE)
    storage_key = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    modified_at = models.DateTimeField(default=timezone.now)
    indexed_as = models.CharField(
        max_length=16,
        default="",
        db_default="",
        editable=False,
        help_text="how the terms of its passages are kept; empty: they were not made yet",
    )
    embedded_as = models.CharField(
        max_length=128,
        default="",
        db_default="",
        editable=False,
        help_text="by which model its passages have vectors; empty: not all of them have",
    )
    unreadable = models.CharField(
        max_length=16, default="", db_default="", editable=False, help_text="why it has no passages"
    )

    objects: ClassVar[FileManager] = FileManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "folder", "name"], name="one_file_per_name"),
            models.UniqueConstraint(
                fields=["agent", "name"], condition=models.Q(agent__isnull=False), name="one_file_per_name_of_agent"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="file_newest"),
            models.Index(fields=["indexed_as"], name="file_indexed_as"),
            models.Index(fields=["sha256"], name="file_by_content"),
            models.Index(fields=["embedded_as"], name="file_embedded_as"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """As the agent says it."""
        return f"{self.folder}/{self.name}"

    @property
    def holder(self) -> Holder:
        found = self.agent or self.session
        assert found is not None  # a file is of one of them
        return found

    @property
    def basename(self) -> str:
        return PurePosixPath(self.name).name

    @property
    def is_visible_image(self) -> bool:
        return self.content_type in kinds.VISIBLE_IMAGES

    def remove(self) -> None:
        """With its bytes. Raises DoesNotExist if it is gone."""
        with transaction.atomic(savepoint=False):
            lock(self.holder)
            self.refresh_from_db(fields=["storage_key"])
            StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(pk=self.storage_key))
            SearchEntry.objects.forget(self.pk)
            about, holder = f"file:{self.pk}", self.session_id or self.agent_id
            self.delete()
            AuditEntry.objects.note(Act.FILE_DELETED, about, of=str(holder))

    def move_to(self, stored: StoredBytes) -> bool:
        """The same bytes under another key; those before go after the commit. False, and of no effect, once it has
        others or is gone. What is in the trash moves, too."""
        holder = self.holder
        with transaction.atomic(savepoint=False):
            # As `lock` does, of what is in the trash, too.
            models.QuerySet(type(holder)).filter(pk=holder.pk).select_for_update(no_key=True).values_list("pk").first()
            row = File.objects.filter(pk=self.pk, storage_key=self.storage_key)
            if not row.exists():
                return False
            stored.keep_instead_of(self.storage_key, kept=True)
            row.update(storage_key=stored.key)
            self.passages.filter(storage_key=self.storage_key).update(storage_key=stored.key)
        return True

    def keep_passages(self, passages: Sequence[Passage], scheme: str, unreadable: str = "") -> None:
        """All of the text of the bytes that this instance knows, in the place of those before. A few at a time, so that
        nobody waits for them. Of no effect once it has other bytes or is gone."""
        for start in range(0, len(passages), AT_ONCE):
            with transaction.atomic(savepoint=False):
                if not self._holds_still():
                    return
                if not start:
                    self.passages.only("pk").delete()
                Passage.objects.bulk_create(passages[start : start + AT_ONCE], ignore_conflicts=True)
        with transaction.atomic(savepoint=False):
            # Else another process is at it, or has taken some away.
            if self._holds_still() and self.passages.count() == len(passages):
                File.objects.filter(pk=self.pk).update(indexed_as=scheme, unreadable=unreadable, embedded_as="")

    def keep_vectors(self, vectors: Mapping[int, Vector], model: str) -> None:
        """Of passages of the bytes that this instance knows, by their keys. Of no effect once it has other bytes or is
        gone."""
        with transaction.atomic(savepoint=False):
            if self._holds_still():
                there = self.passages.filter(pk__in=vectors, storage_key=self.storage_key).values_list("pk", flat=True)
                PassageVector.objects.put({pk: vectors[pk] for pk in there}, model)

    def finish_vectors(self, model: str) -> None:
        """All of its passages have one by that model, be it NOTHING."""
        with transaction.atomic(savepoint=False):
            if self._holds_still():
                PassageVector.objects.filter(passage__file=self.pk).exclude(model=model).delete()
                File.objects.filter(pk=self.pk, indexed_as=self.indexed_as).update(embedded_as=model)

    def _holds_still(self) -> bool:
        """Until the transaction ends."""
        try:
            lock(self.holder)
        except ObjectDoesNotExist:
            return False
        return File.objects.filter(pk=self.pk, storage_key=self.storage_key).exists()
