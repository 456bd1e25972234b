"""The bytes of a file whose row was read some time ago: since then a change of keys may have put them elsewhere, and
somebody others in their place."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TypeVar

from django.core.exceptions import ObjectDoesNotExist

from chatjuicer.encryption import UnknownKey
from files_app.envelope import Reader, sealed_by
from files_app.exceptions import FileReplaced, FileUnreadable, NoSuchFile
from files_app.incoming import CHUNK_BYTES, Draft
from files_app.models import Export, File
from files_app.storage import file_storage

F = TypeVar("F", bound=File | Export)
T = TypeVar("T")

logger = logging.getLogger(__name__)


def as_it_is_now(file: F, read: Callable[[F], T]) -> T:
    """What `read` gives of it; of other bytes, where it was given some meanwhile. Raises as `reader_of` does."""
    while True:
        with suppress(FileReplaced):
            return read(file)


def reader_of(file: File | Export, start: int = 0) -> Reader:
    """Raises NoSuchFile, FileDamaged and StorageUnavailable; and FileReplaced, with the file as it is now."""
    known = file.storage_key, file.sha256
    try:
        return opened(file.storage_key, start)
    except FileNotFoundError:
        try:
            file.refresh_from_db()
        except ObjectDoesNotExist:
            raise NoSuchFile() from None
    if file.sha256 != known[1]:
        raise FileReplaced()
    try:
        if file.storage_key != known[0]:
            return opened(file.storage_key, start)
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
