"""Text that is kept long and read seldom: zlib, in the characters of a text column."""

import base64
import zlib


def compressed(content: bytes) -> str:
    return base64.b85encode(zlib.compress(content, 9)).decode()


def decompressed(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))
