"""System checks: settings of the storage that cannot work, or not as they were meant."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning


def storage_settings(**_: Any) -> list[CheckMessage]:
    return list(problems())


def problems() -> Iterator[CheckMessage]:
    if settings.FILE_STORAGE not in ("local", "s3"):
        yield Error(
            f"FILE_STORAGE {settings.FILE_STORAGE!r} is neither local nor s3.",
            hint="Unset it to keep files below DATA_DIR, or set it to s3 and name a bucket.",
            id="files_app.E001",
        )
    if settings.FILE_STORAGE == "s3" and not settings.S3_BUCKET:
        yield Error(
            "FILE_STORAGE is s3, and S3_BUCKET names no bucket.",
            hint="Set S3_BUCKET, and S3_ENDPOINT where the bucket is not Amazon's.",
            id="files_app.E002",
        )
    if settings.MAX_FILE_SIZE > settings.USER_QUOTA_BYTES:
        yield CheckWarning(
            "MAX_FILE_SIZE is larger than USER_QUOTA_BYTES: nobody could store such a file.",
            hint="Raise USER_QUOTA_BYTES, or lower MAX_FILE_SIZE.",
            id="files_app.W003",
        )
