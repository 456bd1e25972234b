"""What lies in the storage, as rows: a storage key gets its row before its bytes are written, and loses it after they
are deleted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from django.db import models, transaction
from django.utils import timezone

from files_app.exceptions import QuotaExceeded, StorageUnavailable, UploadExpired
from files_app.incoming import Facts, Incoming
from files_app.removal import removals
from files_app.storage import file_storage, new_key
from sessions_app.models import update_returning

from .holder import Holder
from .usage import StorageUsage

logger = logging.getLogger(__name__)

# For bytes to arrive in; whoever is slower begins again.
WRITING = timedelta(hours=1)
AT_ONCE = 500


class StoredBytesManager(models.Manager["StoredBytes"]):
    def begin(self, holder: Holder, size_bytes: int, *, kind: str = "", lifetime: timedelta = WRITING) -> "StoredBytes":
        """A new key, charged to the holder's owner; of an agent for all, which is nobody's, to nobody. Raises
        QuotaExceeded."""
        owner_id = holder.owner_id
        row = StoredBytes(
            key=new_key(kind),
            owner_id=owner_id or holder.pk,
            session_id=holder.pk,
            size_bytes=size_bytes if owner_id else 0,
            expires_at=timezone.now() + lifetime,
        )
        with transaction.atomic(savepoint=False):
            if owner_id and not StorageUsage.objects.charge(owner_id, size_bytes):
                # Room may be held for uploads that never came.
                self.mark_deleted(self.expired(timezone.now()).filter(owner_id=owner_id))
                if not StorageUsage.objects.charge(owner_id, size_bytes):
                    raise QuotaExceeded()
            row.save(force_insert=True)
        return row

    @contextmanager
    def standing_in_for(self, key: str) -> Iterator["StoredBytes"]:
        """A new key for the same bytes, charged to nobody; they go again after the block, unless something has kept
        them. Raises DoesNotExist."""
        old = self.get(pk=key)
        stored = self.create(
            key=new_key(),
            owner_id=old.owner_id,
            session_id=old.session_id,
            size_bytes=0,
            expires_at=timezone.now() + WRITING,
        )
        try:
            yield stored
        finally:
            stored.discard()

    def expired(self, now: datetime) -> models.QuerySet["StoredBytes"]:
        return self.filter(state=StoredBytes.State.WRITING, expires_at__lt=now)

    def mark_deleted(self, rows: models.QuerySet["StoredBytes"], *, removing: bool = True) -> int:
        """Refunds them, and has their bytes deleted after the commit; how many. A sweep finishes what a crash leaves,
        and what is not `removing`."""
        keys: list[str] = []
        alive = rows.exclude(state=StoredBytes.State.DELETED)
        with transaction.atomic(savepoint=False):
            for owner_id in list(alive.order_by().values_list("owner_id", flat=True).distinct()):
                marked = update_returning(
                    alive.filter(owner_id=owner_id), ("key", "size_bytes"), state=StoredBytes.State.DELETED
                )
                StorageUsage.objects.refund(owner_id, sum(size_bytes for _, size_bytes in marked))
                keys += [key for key, _ in marked]
            if keys and removing:
                transaction.on_commit(partial(self.remove_soon, keys), robust=True)
        return len(keys)

    def remove_soon(self, keys: list[str]) -> None:
        """Removes the bytes: from a disk at once; from a bucket in a thread, so that no caller waits for another
        machine."""
        remove = partial(self.remove, keys)
        if file_storage().at_once:
            remove()
        else:
            removals.add(remove)

    def remove_deleted(self) -> None:
        """Removes the bytes of all rows that are marked as deleted, whoever has marked them."""
        while keys := list(self.filter(state=StoredBytes.State.DELETED).values_list("pk", flat=True)[:AT_ONCE]):
            self.remove(keys)

    def remove(self, keys: list[str]) -> None:
        """Removes what is marked as deleted: first the bytes, then the rows."""
        file_storage().remove(keys)
        for start in range(0, len(keys), AT_ONCE):
            self.filter(pk__in=keys[start : start + AT_ONCE], state=StoredBytes.State.DELETED).delete()


class StoredBytes(models.Model):
    """Knows its owner and holder by their bare ids: it outlives them until its bytes are gone."""

    class State(models.TextChoices):
        WRITING = "writing"
        KEPT = "kept"
        DELETED = "doomed"

    key = models.CharField(primary_key=True, max_length=64)
    owner_id = models.UUIDField()
    session_id = models.UUIDField(db_index=True, help_text="of the session or agent whose file it is")
    size_bytes = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WRITING)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(help_text="while they are being written")

    objects: ClassVar[StoredBytesManager] = StoredBytesManager()

    class Meta:
        verbose_name_plural = "stored bytes"
        indexes = [
            models.Index(fields=["expires_at"], condition=~models.Q(state="kept"), name="stored_not_kept"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def _row(self) -> models.QuerySet["StoredBytes"]:
        return StoredBytes.objects.filter(pk=self.pk, state=StoredBytes.State.WRITING)

    def keep(self) -> None:
        """Raises UploadExpired if a sweep has given them up meanwhile."""
        if not self._row.update(state=StoredBytes.State.KEPT):
            raise UploadExpired()

    def keep_instead_of(self, draft_key: str, *, kept: bool = False) -> None:
        """Like `keep`; what the draft was charged with is charged to these. Raises UploadExpired. `kept` bytes may go
        like a draft, whose bytes these are."""
        state = StoredBytes.State.KEPT if kept else StoredBytes.State.WRITING
        drafts = StoredBytes.objects.filter(pk=draft_key, state=state)
        taken = update_returning(drafts, ("size_bytes",), state=StoredBytes.State.DELETED)
        if not taken or not self._row.update(state=StoredBytes.State.KEPT, size_bytes=taken[0][0]):
            raise UploadExpired()
        transaction.on_commit(partial(StoredBytes.objects.remove_soon, [draft_key]), robust=True)

    def discard(self, *, removing: bool = True) -> None:
        """Of no effect on bytes that are kept. Unless `removing`, a sweep removes the bytes."""
        if StoredBytes.objects.filter(pk=self.pk, state=StoredBytes.State.KEPT).exists():
            return
        StoredBytes.objects.mark_deleted(self._row, removing=False)
        if removing:
            # Also where another has given them up before they were all written.
            StoredBytes.objects.remove_soon([self.key])


@contextmanager
def bytes_of(holder: Holder, incoming: Incoming, *, charged: bool = True) -> Iterator[tuple[StoredBytes, Facts]]:
    """The bytes, stored. They go again after the block, unless a file has kept them; unless `charged`, they take
    nothing of their owner's room."""
    facts = incoming.facts()
    stored = StoredBytes.objects.begin(holder, facts.size_bytes if charged else 0, kind=facts.content_type)
    answers = True
    try:
        file_storage().put(stored.key, incoming)
        yield stored, facts
    except StorageUnavailable:
        answers = False  # to ask it to remove them would take as long again
        raise
    finally:
        stored.discard(removing=answers)
