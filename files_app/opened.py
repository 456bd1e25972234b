"""The bytes of a file whose row was read some time ago: a change of keys puts them elsewhere meanwhile."""

import logging
from collections.abc import Iterator
from contextlib import closing

from chatjuicer.encryption import UnknownKey
from files_app.envelope import Reader, sealed_by
from files_app.exceptions import FileUnreadable, NoSuchFile
from files_app.incoming import CHUNK_BYTES, Draft
from files_app.models import Export, File
from files_app.storage import file_storage

logger = logging.getLogger(__name__)


def reader_of(file: File | Export, start: int = 0) -> Reader:
    """Raises NoSuchFile, FileDamaged and StorageUnavailable."""
    try:
        return opened(file.storage_key, start)
    except FileNotFoundError:
        same = type(file)._default_manager.filter(pk=file.pk, sha256=file.sha256)
        moved = same.exclude(storage_key=file.storage_key).values_list("storage_key", flat=True).first()
    try:
        if moved is not None:
            return opened(moved, start)
    except FileNotFoundError:
        pass
    logger.error("the bytes of %s are gone", file.pk)
    raise NoSuchFile()


def opened(key: str, start: int) -> Reader:
    try:
        return file_storage().reader(key, start)
    except UnknownKey as error:
        logger.error("%s", error)
        raise FileUnreadable() from None


def checked_chunks_of(file: File) -> Iterator[bytes]:
    """As `chunks_of`; of encrypted ones none is given before all were found to be whole, so that who has begun with
    them comes to an end."""
    if not sealed_by(file.storage_key):
        yield from chunks_of(file)
        return
    with Draft() as draft:
        for chunk in chunks_of(file):
            draft.write(chunk)
        with draft.path.open("rb") as whole:
            yield from iter(lambda: whole.read(CHUNK_BYTES), b"")


def chunks_of(file: File) -> Iterator[bytes]:
    """All of them. Raises as `reader_of` does."""
    with closing(reader_of(file)) as reader:
        while chunk := reader.read(CHUNK_BYTES):
            yield chunk
