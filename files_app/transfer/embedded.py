"""Files whose bytes stand in the text of an export itself."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import IO

from files_app.incoming import CHUNK_BYTES

from .exceptions import UnreadableArchive
from .records import FILES

MAX_FILES = 200_000  # of one archive
DATA = re.compile(r"data:image/([a-z0-9.+-]{1,32});base64,", re.IGNORECASE)

Keep = Callable[[bytes], str]
"""Keeps the bytes of a file; answers by which entry they are found. Raises UnreadableArchive."""


class Embedded:
    """They lie in the spool, beside the lines; what occurs twice, once."""

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        self.entries: dict[str, tuple[int, int]] = {}
        """Where each begins and ends."""

    def keep(self, data: bytes) -> str:
        entry = FILES + hashlib.sha256(data).hexdigest()
        if entry not in self.entries:
            if len(self.entries) >= MAX_FILES:
                raise UnreadableArchive("The archive has too many files.")
            start = self._spool.tell()
            self._spool.write(data)
            self.entries[entry] = (start, self._spool.tell())
        return entry

    def chunks(self, entry: str) -> Iterator[bytes]:
        at, end = self.entries[entry]
        while at < end:
            self._spool.seek(at)
            chunk = self._spool.read(min(CHUNK_BYTES, end - at))
            at += len(chunk)
            yield chunk


def picture_in(address: str) -> tuple[bytes, str] | None:
    """The bytes of a `data:` address, and of which kind it calls them; None where it is no picture."""
    head = DATA.match(address)
    if head is None:
        return None
    try:
        return base64.b64decode(address[head.end() :], validate=True), head[1].lower().partition("+")[0]
    except (binascii.Error, ValueError):
        return None
