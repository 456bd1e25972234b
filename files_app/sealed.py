"""Bytes that are stored encrypted, and can be read from anywhere in them: AES in counter mode, by a key that is used
for them alone. Whether they are whole, their SHA-256 says."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from files_app.envelope import Reader

BLOCK_BYTES = 16


def new_key() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def cipher(key: str, start: int = 0) -> CipherContext:
    """What encrypts and decrypts the bytes from `start` on: in this mode that is the same."""
    block, skipped = divmod(start, BLOCK_BYTES)
    context = Cipher(AES(b64decode(key)), CTR(block.to_bytes(BLOCK_BYTES, "big"))).encryptor()
    context.update(bytes(skipped))
    return context


class Unsealed:
    """What a reader, which stands at `start`, reads, decrypted."""

    def __init__(self, reader: Reader, key: str, start: int) -> None:
        self._reader, self._cipher = reader, cipher(key, start)
        self.close = reader.close

    def read(self, size: int, /) -> bytes:
        return self._cipher.update(self._reader.read(size))
