"""The bytes of a file whose row was read some time ago: a change of keys puts them elsewhere meanwhile."""

import logging
from collections.abc import Iterator
from contextlib import closing

from files_app.envelope import Reader
from files_app.exceptions import NoSuchFile
from files_app.incoming import CHUNK_BYTES
from files_app.models import Export, File
from files_app.storage import file_storage

logger = logging.getLogger(__name__)


def reader_of(file: File | Export, start: int = 0) -> Reader:
    """Raises NoSuchFile, FileDamaged and StorageUnavailable."""
    try:
        return file_storage().reader(file.storage_key, start)
    except FileNotFoundError:
        same = type(file)._default_manager.filter(pk=file.pk, sha256=file.sha256)
        moved = same.exclude(storage_key=file.storage_key).values_list("storage_key", flat=True).first()
    try:
        if moved is not None:
            return file_storage().reader(moved, start)
    except FileNotFoundError:
        pass
    logger.error("the bytes of %s are gone", file.pk)
    raise NoSuchFile()


def chunks_of(file: File) -> Iterator[bytes]:
    """All of them. Raises as `reader_of` does."""
    with closing(reader_of(file)) as reader:
        while chunk := reader.read(CHUNK_BYTES):
            yield chunk
