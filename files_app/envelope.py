"""Stored bytes, encrypted in pieces that are each checked, so that they are read from anywhere in them.

    header   MAGIC and SALT_BYTES of chance
    pieces   PIECE_BYTES of the plain bytes each, the last one fewer or none, by AES-256-GCM with its tag of TAG_BYTES

The key is made of one of MESSAGE_ENCRYPTION_KEYS, of the header's salt, and of the storage key that the bytes lie
under, and is used for nothing else; the nonce is a piece's number, and whether it is the last one. So what was changed,
cut off, put into another order or into the place of another file's bytes is found.

A storage key that ends in `.<name of the key>.sealed` says so: the storage alone cannot pass plain bytes off as sealed
ones, and which files are plain, or sealed by an older key, the database knows without reading any.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from chatjuicer.encryption import current_key, derived_key
from files_app.exceptions import FileDamaged

logger = logging.getLogger(__name__)

MAGIC = b"cjfile1\n"
SALT_BYTES = 16
HEADER_BYTES = len(MAGIC) + SALT_BYTES
PIECE_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_PIECE_BYTES = PIECE_BYTES + TAG_BYTES
ENDING = re.compile(r"\.([0-9a-f]{8})\.sealed$")


class Reader(Protocol):
    """An open file or an answer being read."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


OpenAt = Callable[[int, int | None], Reader]
"""Reads what is stored, from the first number on; no more than the second one is wanted."""


def ending() -> str:
    """Of storage keys of what is written now; empty where it is stored as it is."""
    name = current_key() if settings.ENCRYPT_FILES else ""
    return f".{name}.sealed" if name else ""


def sealed_by(storage_key: str) -> str:
    """The name of the key; empty where they lie there as they are."""
    found = ENDING.search(storage_key)
    return found[1] if found else ""


def cipher_of(storage_key: str, salt: bytes) -> AESGCM:
    """Raises UnknownKey."""
    return AESGCM(derived_key(sealed_by(storage_key), salt, f"file {storage_key}"))


def nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def sealed(storage_key: str, plain: Reader, salt: bytes) -> Iterator[bytes]:
    """What is stored under that key for the bytes of `plain`. No salt may come twice with one key."""
    cipher = cipher_of(storage_key, salt)
    yield MAGIC + salt
    number, piece = 0, exactly(plain, PIECE_BYTES)
    while True:
        following = exactly(plain, PIECE_BYTES) if len(piece) == PIECE_BYTES else b""
        yield cipher.encrypt(nonce(number, not following), piece, None)
        if not following:
            return
        number, piece = number + 1, following


def plain_size(sealed_bytes: int) -> int:
    """How many bytes were sealed, where so many are stored."""
    pieces = sealed_bytes - HEADER_BYTES
    return max(0, pieces - -(-pieces // SEALED_PIECE_BYTES) * TAG_BYTES)


class UnsealedPieces:
    """What was sealed, from `start` on, a few pieces of it in memory. Each byte that it gives has been checked; at the
    first piece that is not what was stored it raises FileDamaged, which for the first one is when it is made."""

    def __init__(self, storage_key: str, open_at: OpenAt, start: int = 0) -> None:
        """Raises UnknownKey, too, and what `open_at` does."""
        self._storage_key = storage_key
        self._number, skipped = divmod(start, PIECE_BYTES)
        self._stored = open_at(0, HEADER_BYTES if self._number else None)
        try:
            header = exactly(self._stored, HEADER_BYTES)
            if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
                raise self._damaged()
            self._cipher = cipher_of(storage_key, header[len(MAGIC) :])
            if self._number:
                self._stored.close()
                self._stored = open_at(HEADER_BYTES + self._number * SEALED_PIECE_BYTES, None)
            self._following = exactly(self._stored, SEALED_PIECE_BYTES)
            self._left = memoryview(self._piece())[skipped:]
        except BaseException:
            self._stored.close()
            raise

    def read(self, size: int, /) -> bytes:
        parts: list[memoryview] = []
        while size and (self._left or not self._is_at_end):
            if not self._left:
                self._left = memoryview(self._piece())
            parts.append(self._left[:size])
            self._left = self._left[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        self._stored.close()

    def _piece(self) -> bytes:
        """The next one, plain."""
        piece = self._following
        self._following = exactly(self._stored, SEALED_PIECE_BYTES) if len(piece) == SEALED_PIECE_BYTES else b""
        self._is_at_end = not self._following
        try:
            plain = self._cipher.decrypt(nonce(self._number, self._is_at_end), piece, None)
        except InvalidTag:
            raise self._damaged() from None
        self._number += 1
        return plain

    def _damaged(self) -> FileDamaged:
        logger.error("the bytes stored as %s are not what was stored, at piece %d", self._storage_key, self._number)
        return FileDamaged()


def exactly(reader: Reader, size: int) -> bytes:
    """Reads exactly so many bytes, or all that are left: one read of a connection may give fewer."""
    data = reader.read(size)
    if len(data) in (0, size):
        return data
    parts, missing = [data], size - len(data)
    while missing and (data := reader.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
