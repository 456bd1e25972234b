"""Files, their bytes and their passages."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.utils import timezone

from files_app.models import File, StoredBytes
from files_app.storage import file_storage
from files_app.sweep import kept_for_nothing

from .check import Check, Found

STRAY_AFTER = timedelta(days=1)


def files_without_bytes() -> list[UUID]:
    there = {key for key, _ in file_storage().listing()}
    rows = File.objects.values_list("pk", "storage_key").iterator(1000)
    return [pk for pk, key in rows if key not in there]


def file_without_bytes(pk: UUID) -> Found | None:
    file = File.objects.filter(pk=pk).select_related("session", "agent").first()
    if file is None or file_storage().size_of(file.storage_key) is not None:
        return None
    holder = file.session.public_id if file.session else f"agent {file.holder}"
    return Found(f"file {file.path} of {holder}: its bytes are gone", file.remove)


def bytes_without_row() -> list[str]:
    before = timezone.now() - STRAY_AFTER
    known = set(StoredBytes.objects.values_list("pk", flat=True).iterator(1000))
    return [key for key, written_at in file_storage().listing() if key not in known and written_at < before]


def byte_without_row(key: str) -> Found | None:
    if StoredBytes.objects.filter(pk=key).exists():
        return None
    return Found(f"{key} in the storage: no row knows it", partial(file_storage().remove, [key]))


def kept_bytes_without_file() -> list[str]:
    return list(kept_for_nothing().values_list("pk", flat=True))


def kept_byte_without_file(key: str) -> Found | None:
    row = StoredBytes.objects.filter(pk=key)
    if not row.select_for_update().exists() or not kept_for_nothing().filter(pk=key).exists():
        return None
    return Found(f"{key}: kept for no file", partial(StoredBytes.objects.mark_deleted, row))


def strange_passages() -> list[UUID]:
    return File.objects.with_strange_passages()


def strange_passage(pk: UUID) -> Found | None:
    if pk not in File.objects.with_strange_passages():
        return None
    return Found(f"passages of file {pk}: of bytes that it does not hold", partial(File.objects.forget_passages, pk))


CHECKS = [
    Check("missing-bytes", files_without_bytes, file_without_bytes),
    Check("stray-bytes", bytes_without_row, byte_without_row),
    Check("stray-bytes", kept_bytes_without_file, kept_byte_without_file),
    Check("passages", strange_passages, strange_passage),
]
