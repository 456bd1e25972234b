"""Where bytes are: the two storages of Django's STORAGES["files"] and what both can do beyond Django's interface; and
the one door to them, which seals what goes in and unseals what comes out.

Keys are made here of random digits; no client's name is ever part of one.
"""

import logging
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import Protocol, cast

from django.core.files.storage import FileSystemStorage, storages

from files_app import envelope, kinds
from files_app.envelope import SALT_BYTES, Reader, UnsealedPieces, sealed_by
from files_app.exceptions import StorageUnavailable
from files_app.incoming import CHUNK_BYTES, Draft, directory, private_directory

logger = logging.getLogger(__name__)


class FileStorage(Protocol):
    """All but `local_path` raise StorageUnavailable where the storage fails or is too slow."""

    at_once: bool
    """Whether it answers as quickly as a disk does: it is no other machine."""

    def put(self, key: str, incoming: Draft) -> None:
        """Returns when they are there to stay."""

    def reader(self, key: str, start: int = 0, size_bytes: int | None = None) -> Reader:
        """From `start` on; of no more than `size_bytes`, if these are named, is anything read. Raises
        FileNotFoundError."""

    def size_of(self, key: str) -> int | None: ...

    def copy(self, key: str, to: str) -> None:
        """As they are now: later writes to `key` do not reach `to`. Raises FileNotFoundError."""

    def remove(self, keys: Iterable[str]) -> None:
        """Those that are not there are no error."""

    def listing(self) -> Iterator[tuple[str, datetime]]:
        """Every key and when it was written."""

    def abort_unfinished(self, before: datetime) -> int:
        """Ends uploads that were begun and given up; how many."""

    def local_path(self, key: str) -> Path | None: ...

    def upload_url(self, key: str, size_bytes: int, lifetime_s: int) -> str | None:
        """None where this server has to take the bytes itself."""

    def download_url(self, key: str, disposition: str, content_type: str, lifetime_s: int) -> str | None: ...


def file_storage() -> "SealingStorage":
    """The door that everything goes through which reads or writes what is stored."""
    return SealingStorage(cast(FileStorage, storages["files"]))


def new_key(kind: str = "") -> str:
    """For bytes that are to be written; it says whether they will be sealed, and by which key."""
    name = uuid.uuid4().hex
    return f"{name[:2]}/{name}{envelope.ending() or kinds.extension_of(kind)}"


def chunks(key: str) -> Iterator[bytes]:
    """All of them. Raises FileNotFoundError."""
    with closing(file_storage().reader(key)) as reader:
        while chunk := reader.read(CHUNK_BYTES):
            yield chunk


def kind_of(key: str, size_bytes: int, name: str) -> str:
    """The content type of stored bytes, by their beginning and end. Raises FileNotFoundError."""
    with closing(file_storage().reader(key)) as beginning:
        head = beginning.read(kinds.HEAD_BYTES)
    with closing(file_storage().reader(key, max(0, size_bytes - kinds.TAIL_BYTES))) as end:
        return kinds.content_type(head, end.read(kinds.TAIL_BYTES), name)


@contextmanager
def answering(*failures: type[Exception]) -> Iterator[None]:
    """What of these is raised inside, but for FileNotFoundError, becomes StorageUnavailable."""
    try:
        yield
    except FileNotFoundError:
        raise
    except failures as error:
        logger.exception("the storage failed")
        raise StorageUnavailable() from error


class SealingStorage:
    """A FileStorage of plain bytes, which are sealed in the storage beneath where their key says so.

    Also raises FileDamaged and UnknownKey where sealed bytes are read.
    """

    def __init__(self, beneath: FileStorage) -> None:
        self.beneath = beneath
        self.at_once = beneath.at_once
        self.remove, self.listing, self.abort_unfinished = beneath.remove, beneath.listing, beneath.abort_unfinished

    def put(self, key: str, incoming: Draft) -> None:
        if not sealed_by(key):
            self.beneath.put(key, incoming)
            return
        with answering(OSError), incoming.path.open("rb") as plain:
            self._write(key, plain)

    def reader(self, key: str, start: int = 0, size_bytes: int | None = None) -> Reader:
        if not sealed_by(key):
            return self.beneath.reader(key, start, size_bytes)
        return UnsealedPieces(key, lambda at, size: self.beneath.reader(key, at, size), start)

    def size_of(self, key: str) -> int | None:
        stored = self.beneath.size_of(key)
        return stored if stored is None or not sealed_by(key) else envelope.plain_size(stored)

    def copy(self, key: str, to: str) -> None:
        if not sealed_by(key) and not sealed_by(to):
            self.beneath.copy(key, to)
            return
        with answering(OSError), closing(self.reader(key)) as reader:
            self._write(to, reader)

    def local_path(self, key: str, extension: str = "") -> Path | None:
        """For sealed bytes, a plain copy with that extension, which the sweep deletes an hour after its last use."""
        there = self.beneath.local_path(key)
        if there is None or not sealed_by(key):
            return there
        copy = directory() / f"copy-{key.replace('/', '-')}{extension}"
        with answering(OSError), suppress(FileNotFoundError):
            os.utime(copy)
            return copy
        with answering(OSError), closing(self.reader(key)) as reader, Draft() as draft:
            for piece in iter(lambda: reader.read(CHUNK_BYTES), b""):
                draft.write(piece)
            draft.sync()
            os.replace(draft.path, copy)
        return copy

    def upload_url(self, key: str, size_bytes: int, lifetime_s: int) -> str | None:
        return None if sealed_by(key) else self.beneath.upload_url(key, size_bytes, lifetime_s)

    def download_url(self, key: str, disposition: str, content_type: str, lifetime_s: int) -> str | None:
        return None if sealed_by(key) else self.beneath.download_url(key, disposition, content_type, lifetime_s)

    def _write(self, key: str, plain: Reader) -> None:
        with Draft() as draft:
            pieces = iter(lambda: plain.read(CHUNK_BYTES), b"")
            # Bytes may come under one key twice, such as those of an upload: each time with a salt of its own.
            for piece in envelope.sealed(key, plain, token_bytes(SALT_BYTES)) if sealed_by(key) else pieces:
                draft.write(piece)
            self.beneath.put(key, draft)


class LocalStorage(FileSystemStorage):
    """Files below DATA_DIR that nobody else on the machine may read."""

    at_once = True

    @answering(OSError)
    def put(self, key: str, incoming: Draft) -> None:
        target = self._prepared(key)
        incoming.sync()
        os.replace(incoming.path, target)
        sync_directory(target.parent)

    @answering(OSError)
    def reader(self, key: str, start: int = 0, size_bytes: int | None = None) -> Reader:
        file = Path(self.path(key)).open("rb")  # noqa: SIM115
        file.seek(start)
        return file

    @answering(OSError)
    def size_of(self, key: str) -> int | None:
        try:
            return Path(self.path(key)).stat().st_size
        except FileNotFoundError:
            return None

    @answering(OSError)
    def copy(self, key: str, to: str) -> None:
        target = self._prepared(to)
        try:
            # Who writes to `key` puts another file there; this one stays as it is.
            os.link(self.path(key), target)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without links
            shutil.copyfile(self.path(key), target)
            target.chmod(0o600)
            with target.open("rb") as file:
                os.fsync(file.fileno())
        sync_directory(target.parent)

    @answering(OSError)
    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                Path(self.path(key)).unlink()

    def listing(self) -> Iterator[tuple[str, datetime]]:
        with answering(OSError):
            for directory in sorted(Path(self.location).glob("??")):
                for path in directory.iterdir():
                    with suppress(FileNotFoundError):
                        yield f"{directory.name}/{path.name}", datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def abort_unfinished(self, before: datetime) -> int:
        return 0

    def local_path(self, key: str) -> Path | None:
        path = Path(self.path(key))
        return path if path.is_file() else None

    def upload_url(self, key: str, size_bytes: int, lifetime_s: int) -> str | None:
        return None

    def download_url(self, key: str, disposition: str, content_type: str, lifetime_s: int) -> str | None:
        return None

    def _prepared(self, key: str) -> Path:
        target = Path(self.path(key))
        if not target.parent.is_dir():
            private_directory(target.parent)
            sync_directory(target.parent.parent)
        return target


def sync_directory(path: Path) -> None:
    """A name that was given to a file survives a power cut only after this."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
