import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

from django.db import models, transaction
from django.utils import timezone

from files_app import names
from files_app.exceptions import NotUploaded, SizeMismatch, StorageUnavailable, UploadExpired
from files_app.incoming import Facts, Incoming, facts_of
from files_app.storage import chunks, file_storage, kind_of
from sessions_app.models import Agent, ChatSession

from .file import File
from .holder import Holder, held_by, lock, of_active_owner
from .stored import StoredBytes

# For the client to send the bytes in.
LIFETIME = timedelta(hours=1)


class UploadManager(models.Manager["Upload"]):
    def begin(self, holder: Holder, folder: str, name: str, size_bytes: int) -> "Upload":
        """Raises QuotaExceeded, and the holder's DoesNotExist if it has just been deleted."""
        with transaction.atomic(savepoint=False):
            lock(holder)  # before the usage, as its deletion does
            # A request that came in time may still be on its way when the time is over.
            stored = StoredBytes.objects.begin(holder, size_bytes, lifetime=LIFETIME * 2)
            return self.create(
                **held_by(holder),
                folder=folder,
                name=name,
                size_bytes=size_bytes,
                storage_key=stored.key,
                expires_at=timezone.now() + LIFETIME,
            )

    def open(self) -> models.QuerySet["Upload"]:
        """Those that bytes may still be sent to."""
        return self.filter(of_active_owner(), expires_at__gt=timezone.now(), file=None)


class Upload(models.Model):
    """Bytes that a client was told where to send to. They become a file when it confirms that it has."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, models.CASCADE, null=True, related_name="uploads")
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, related_name="uploads")
    folder = models.CharField(max_length=8, choices=File.Folder.choices)
    name = models.CharField(max_length=names.MAX_NAME_BYTES)
    size_bytes = models.BigIntegerField(help_text="as announced")
    storage_key = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)
    file = models.ForeignKey(
        File, models.CASCADE, null=True, blank=True, related_name="+", help_text="what it has become"
    )

    objects: ClassVar[UploadManager] = UploadManager()

    def __str__(self) -> str:
        return f"upload of {self.name}"

    @property
    def holder(self) -> Holder:
        found = self.agent or self.session
        assert found is not None  # an upload is to one of them
        return found

    def receive(self, incoming: Incoming) -> None:
        """Bytes that came to this server. Raises UploadExpired."""
        file_storage().put(self.storage_key, incoming)
        if not StoredBytes.objects.filter(pk=self.storage_key, state=StoredBytes.State.WRITING).exists():
            file_storage().remove([self.storage_key])
            raise UploadExpired()

    @contextmanager
    def received(self) -> Iterator[tuple[StoredBytes, Facts]]:
        """The bytes under a key that the upload's address does not lead to. They go again, unless a file keeps them.

        Raises NotUploaded and SizeMismatch.
        """
        storage = file_storage()
        size_bytes = storage.size_of(self.storage_key)
        if size_bytes is None:
            raise NotUploaded()
        if size_bytes != self.size_bytes:
            raise SizeMismatch()
        kind = kind_of(self.storage_key, size_bytes, self.name)
        stored = StoredBytes.objects.begin(self.holder, 0, kind=kind)
        answers = True
        try:
            storage.copy(self.storage_key, stored.key)
            facts = facts_of(chunks(stored.key), self.name)
            if facts.size_bytes != self.size_bytes:
                raise SizeMismatch()
            yield stored, facts
        except FileNotFoundError:
            raise NotUploaded() from None
        except StorageUnavailable:
            answers = False
            raise
        finally:
            stored.discard(removing=answers)

    def become(self, stored: StoredBytes, facts: Facts) -> File:
        """The file, also for the second of two who confirm at once. Raises UploadExpired."""
        with transaction.atomic(savepoint=False):
            lock(self.holder)
            self.refresh_from_db(fields=["file"])
            if self.file is None:
                self.file = File.objects.put(
                    self.holder, self.folder, self.name, stored, facts, draft_key=self.storage_key
                )
                self.save(update_fields=["file"])
        return self.file
