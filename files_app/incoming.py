"""Bytes on their way in: private files, and what is known of them."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings

from files_app import kinds
from files_app.exceptions import FileTooLarge

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of bytes by having read all of them."""

    size_bytes: int
    sha256: str
    content_type: str


class Draft:
    """A private file on this machine's disk. Gone when it is closed, unless a storage has taken it over."""

    def __init__(self) -> None:
        descriptor, path = tempfile.mkstemp(dir=directory(), prefix="upload-")
        self._file = os.fdopen(descriptor, "w+b", buffering=0)
        self.path = Path(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Returns when the disk has them."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


class Incoming(Draft):
    """Counted and hashed while it grows. `name` is what the client calls it."""

    def __init__(self, limit_bytes: int, name: str = "") -> None:
        super().__init__()
        self.name = name
        self.size_bytes = 0
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()

    def __str__(self) -> str:
        """Tells it from others, where requests are compared."""
        return f"{self.name} {self.size_bytes} {self._hash.hexdigest()}"

    def write(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self._limit_bytes:
            raise FileTooLarge(f"A file has at most {self._limit_bytes} bytes.")
        self._hash.update(chunk)
        super().write(chunk)

    def facts(self) -> Facts:
        self._file.seek(0)
        head = self._file.read(kinds.HEAD_BYTES)
        self._file.seek(max(0, self.size_bytes - kinds.TAIL_BYTES))
        kind = kinds.content_type(head, self._file.read(kinds.TAIL_BYTES), self.name)
        return Facts(self.size_bytes, self._hash.hexdigest(), kind)


def facts_of(chunks: Iterable[bytes], name: str) -> Facts:
    """Of bytes that are stored already."""
    digest, size_bytes, head, tail = hashlib.sha256(), 0, b"", b""
    for chunk in chunks:
        digest.update(chunk)
        size_bytes += len(chunk)
        if len(head) < kinds.HEAD_BYTES:
            head = (head + chunk)[: kinds.HEAD_BYTES]
        tail = (tail + chunk)[-kinds.TAIL_BYTES :]
    return Facts(size_bytes, digest.hexdigest(), kinds.content_type(head, tail, name))


def directory() -> Path:
    """Beside the local storage, so that a whole file moves there without being copied."""
    return private_directory(settings.DATA_DIR / "files" / "incoming")


def private_directory(path: Path) -> Path:
    """Made, where it is missing, so that nobody else on this machine can look inside."""
    if not path.is_dir():
        private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def abandoned(before: float) -> Iterator[Path]:
    """What killed processes left behind, last written before that time."""
    for path in directory().iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                yield path
