"""What crashes leave behind: bytes that no row knows, and rows whose bytes are gone."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from files_app.incoming import abandoned
from files_app.models import Export, File, StoredBytes, Upload
from files_app.storage import file_storage

BATCH = 500


@dataclass
class Swept:
    """How many of each were found. `lost` files have a row, and no bytes: those are left to a person."""

    given_up: int = 0
    strays: int = 0
    unfinished: int = 0
    lost: list[UUID] = field(default_factory=list)


def sweep(older_than: timedelta) -> Swept:
    """Deletes what nobody needs and is older than `older_than`: what is younger may belong to an upload in progress."""
    now = timezone.now()
    found = Swept()
    Upload.objects.filter(expires_at__lt=now - older_than).delete()
    for path in abandoned(time.time() - older_than.total_seconds()):
        path.unlink(missing_ok=True)
        found.unfinished += 1
    found.unfinished += file_storage().abort_unfinished(now - older_than)

    stored = StoredBytes.objects
    found.given_up = stored.mark_deleted(stored.expired(now))
    while keys := list(kept_for_nothing().values_list("pk", flat=True)[:BATCH]):
        found.given_up += stored.mark_deleted(stored.filter(pk__in=keys))
    # Also of a process that ended between its commit and the removal.
    stored.remove_deleted()

    there = remove_strays(now - older_than, found)
    for pk, key, modified_at in File.objects.values_list("pk", "storage_key", "modified_at").iterator(BATCH):
        if key not in there and modified_at < now - older_than and file_storage().size_of(key) is None:
            found.lost.append(pk)
    return found


def kept_for_nothing() -> QuerySet[StoredBytes]:
    """Bytes that count as kept although neither a file nor an export has them."""
    held = [Exists(model.objects.filter(storage_key=OuterRef("pk"))) for model in (File, Export)]
    return StoredBytes.objects.filter(*(~one for one in held), state=StoredBytes.State.KEPT)


def remove_strays(before: datetime, found: Swept) -> set[str]:
    """Deletes bytes in the storage that no row knows; the keys of all the others."""
    there: set[str] = set()
    batch: list[tuple[str, datetime]] = []

    def check() -> None:
        keys = [key for key, _ in batch]
        known = set(StoredBytes.objects.filter(pk__in=keys).values_list("pk", flat=True))
        strays = [key for key, written_at in batch if key not in known and written_at < before]
        file_storage().remove(strays)
        found.strays += len(strays)
        there.update(known)
        batch.clear()

    for one in file_storage().listing():
        batch.append(one)
        if len(batch) == BATCH:
            check()
    check()
    return there
