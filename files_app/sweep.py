"""What crashes leave behind: bytes that no row knows, and rows whose bytes are gone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from files_app.incoming import abandoned
from files_app.models import Export, File, StoredBytes, Upload
from files_app.storage import file_storage

BATCH = 500
Listed = tuple[str, datetime]
"""A key of the storage, and when it was written."""


@dataclass
class Swept:
    """How many of each were found. `lost` files have a row, and no bytes: those are left to a person."""

    given_up: int = 0
    strays: int = 0
    unfinished: int = 0
    lost: list[UUID] = field(default_factory=list)

    @property
    def deleted(self) -> int:
        return self.given_up + self.strays + self.unfinished


def sweep(older_than: timedelta) -> Iterator[Swept]:
    """Deletes what nobody needs and is older than `older_than`: what is younger may belong to an upload in progress.
    After each batch, and at the end, it gives what was found so far."""
    now = timezone.now()
    found = Swept()
    Upload.objects.filter(expires_at__lt=now - older_than).delete()
    for path in abandoned(time.time() - older_than.total_seconds()):
        path.unlink(missing_ok=True)
        found.unfinished += 1
    found.unfinished += file_storage().abort_unfinished(now - older_than)
    yield found

    stored = StoredBytes.objects
    found.given_up = stored.mark_deleted(stored.expired(now))
    while keys := list(kept_for_nothing().values_list("pk", flat=True)[:BATCH]):
        found.given_up += stored.mark_deleted(stored.filter(pk__in=keys))
        yield found
    # Also of a process that ended between its commit and the removal.
    stored.remove_deleted()
    yield found

    yield from compare(now - older_than, found)
    yield found


def kept_for_nothing() -> QuerySet[StoredBytes]:
    """Bytes that count as kept although neither a file nor an export has them."""
    held = [Exists(model.objects.filter(storage_key=OuterRef("pk"))) for model in (File, Export)]
    return StoredBytes.objects.filter(*(~one for one in held), state=StoredBytes.State.KEPT)


def compare(before: datetime, found: Swept) -> Iterator[Swept]:
    """Bytes in the storage that no row knows are deleted, files without bytes are named. The keys of one folder, of
    which there are 256, are in memory at a time."""
    seen: set[str] = set()
    for folder, listed in groupby(file_storage().listing(), lambda one: folder_of(one[0])):
        there: set[str] = set()
        while batch := list(islice(listed, BATCH)):
            there |= remove_strays(batch, before, found)
            yield found
        if there:
            seen.add(folder)
            yield from find_lost(File.objects.filter(storage_key__startswith=folder), there.__contains__, before, found)
    yield from find_lost(File.objects.all(), lambda key: folder_of(key) in seen, before, found)


def folder_of(key: str) -> str:
    folder, slash, _ = key.partition("/")
    return folder + slash


def remove_strays(batch: list[Listed], before: datetime, found: Swept) -> set[str]:
    """The keys of all the others."""
    known = set(StoredBytes.objects.filter(pk__in=[key for key, _ in batch]).values_list("pk", flat=True))
    strays = [key for key, written_at in batch if key not in known and written_at < before]
    file_storage().remove(strays)
    found.strays += len(strays)
    return known


def find_lost(
    files: QuerySet[File], is_there: Callable[[str], bool], before: datetime, found: Swept
) -> Iterator[Swept]:
    rows = files.filter(modified_at__lt=before).values_list("pk", "storage_key")
    for number, (pk, key) in enumerate(rows.iterator(BATCH), 1):
        if not is_there(key) and file_storage().size_of(key) is None:
            found.lost.append(pk)
        if number % BATCH == 0:
            yield found
