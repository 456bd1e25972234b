"""Makes files lie in the storage as they would if they were written now: sealed by the first key, or plain where files
are not to be sealed."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet

from chatjuicer.api.exceptions import ApiError
from files_app import envelope
from files_app.exceptions import StorageUnavailable
from files_app.models import Export, File, StoredBytes
from files_app.storage import file_storage

logger = logging.getLogger(__name__)


@dataclass
class Resealed:
    """Of one batch. `failed` are keys of bytes that are missing, damaged, or sealed by a key that is not there."""

    resealed: int = 0
    failed: list[str] = field(default_factory=list)


def reseal_files(batch: int) -> Iterator[Resealed]:
    """File by file, each in a transaction of its own: whoever is stopped goes on where it was. Raises
    StorageUnavailable."""
    for model in (File, Export):
        after = UUID(int=0)
        while rows := list(outdated(model).filter(pk__gt=after).order_by("pk")[:batch]):
            outcome = Resealed()
            for row in rows:
                reseal(row, outcome)
            after = rows[-1].pk
            StoredBytes.objects.remove_deleted()  # what was plain is gone when the command says so
            yield outcome


def outdated(model: type[File] | type[Export]) -> "QuerySet[Any]":
    rows = model._default_manager.exclude(storage_key="")
    ending = envelope.ending()
    return rows.exclude(storage_key__endswith=ending) if ending else rows.filter(storage_key__endswith=".sealed")


def reseal(row: File | Export, outcome: Resealed) -> None:
    try:
        with StoredBytes.objects.standing_in_for(row.storage_key) as stored:
            file_storage().copy(row.storage_key, stored.key)
            outcome.resealed += row.move_to(stored)
    except StorageUnavailable:
        raise  # it is not about this file
    except (ApiError, FileNotFoundError, ImproperlyConfigured, StoredBytes.DoesNotExist) as error:
        if type(row)._default_manager.filter(pk=row.pk, storage_key=row.storage_key).exists():
            logger.error("the bytes %s stay as they are: %s", row.storage_key, type(error).__name__)
            outcome.failed.append(row.storage_key)
