"""Archives that strangers made: read in bounded memory, and refused before anything comes of them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

import orjson

from chatjuicer.encryption import storable

from .exceptions import UnreadableArchive

MAX_DIRECTORY_BYTES = 16 * 1024 * 1024  # of the list of what is in a zip
MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_RATIO = 200  # unpacked to packed, of what is large
SMALL_BYTES = 16 * 1024 * 1024
MAX_ELEMENT_BYTES = 64 * 1024 * 1024  # one conversation
MAX_DEPTH = 900
CHUNK_BYTES = 256 * 1024
DRIVE = re.compile(r"[A-Za-z]:")
TOKEN = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


class NoLargeReads:
    """A zip says itself how large its list of entries is, and all of that is read at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, MAX_DIRECTORY_BYTES + 1) if size >= 0 else MAX_DIRECTORY_BYTES + 1)
        if len(data) > MAX_DIRECTORY_BYTES:
            raise UnreadableArchive("The archive has too many entries.")
        return data

    def seekable(self) -> bool:
        return True


class Zipped:
    """A zip whose entries are read by name alone: none becomes a path on a disk."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        try:
            self._zip = ZipFile(NoLargeReads(file))
        except (BadZipFile, LargeZipFile, OSError, ValueError, NotImplementedError):
            raise UnreadableArchive() from None
        self.entries = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        infos = self._zip.infolist()
        if len({info.filename for info in infos}) < len(infos):
            raise UnreadableArchive("The archive has two entries of one name.")
        for info in infos:
            require_harmless(info)
        total = sum(info.file_size for info in infos)
        if total > MAX_UNPACKED_BYTES or (total > SMALL_BYTES and total > size_bytes * MAX_RATIO):
            raise UnreadableArchive("The archive would be too large, unpacked.")

    def chunks(self, name: str) -> Iterator[bytes]:
        """Raises UnreadableArchive."""
        info = self.entries.get(name)
        if info is None:
            raise UnreadableArchive("The archive lacks something that it speaks of.")
        try:
            with self._zip.open(info) as entry:
                while chunk := entry.read(CHUNK_BYTES):
                    yield chunk
        except (BadZipFile, EOFError, OSError, zlib.error, RuntimeError, NotImplementedError, ValueError):
            raise UnreadableArchive() from None


def require_harmless(info: ZipInfo) -> None:
    name = info.filename
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts or "\x00" in info.orig_filename or DRIVE.match(name):
        raise UnreadableArchive("The archive names a path outside of itself.")
    if info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise UnreadableArchive("The archive is encrypted, or packed in a way that is not read here.")
    if info.file_size > SMALL_BYTES and info.file_size > info.compress_size * MAX_RATIO:
        raise UnreadableArchive("The archive would be too large, unpacked.")


def lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Those that are not blank. Raises UnreadableArchive where one is too long."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, map(bytes.strip, whole))
        if len(rest) > MAX_ELEMENT_BYTES:
            raise UnreadableArchive("A line of the archive is too long.")
    if rest.strip():
        yield rest.strip()


def elements(chunks: Iterator[bytes]) -> Iterator[Any]:
    """The objects in the list that a JSON text is, or the one object that it is, one after the other.

    Raises UnreadableArchive for what is no JSON, nested too deeply, or holds an object that is too large.
    """
    scanner = Scanner()
    for chunk in chunks:
        for text in scanner.feed(chunk):
            yield parsed(text)
    if not scanner.whole:
        raise UnreadableArchive()


class Scanner:
    """Cuts a JSON text where its elements begin and end; what they are, the parser says."""

    def __init__(self) -> None:
        self._depth = self._level = 0  # how deep we are, and the depth around an element
        self._in_string = False
        self._element: bytearray | None = None
        self._rest = b""
        self._began = False

    @property
    def whole(self) -> bool:
        return self._began and self._depth == 0 and not self._in_string

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        data = self._rest + (chunk if self._began else chunk.removeprefix(b"\xef\xbb\xbf"))
        # A backslash at the end belongs to what comes next.
        backslashes = len(data) - len(data.rstrip(b"\\"))
        self._rest = b"\\" if backslashes % 2 else b""
        data = data[: len(data) - len(self._rest)]
        start = 0
        for found in TOKEN.finditer(data):
            token = found[0]
            if token == b'"':
                self._in_string = not self._in_string
            elif self._in_string or token[0] == 0x5C:
                continue
            elif token in b"[{":
                if not self._began:
                    self._began, self._level = True, int(token == b"[")
                elif self._depth == 0:
                    raise UnreadableArchive()  # something follows
                if self._depth == self._level and token == b"{":
                    self._element, start = bytearray(), found.start()
                self._depth += 1
                if self._depth > MAX_DEPTH:
                    raise UnreadableArchive("The archive is nested too deeply.")
            else:
                self._depth -= 1
                if self._depth < 0:
                    raise UnreadableArchive()
                if self._depth == self._level and self._element is not None:
                    self._keep(data[start : found.end()])
                    yield bytes(self._element)
                    self._element = None
        if self._element is not None:
            self._keep(data[start:])

    def _keep(self, data: bytes) -> None:
        assert self._element is not None
        self._element += data
        if len(self._element) > MAX_ELEMENT_BYTES:
            raise UnreadableArchive("A conversation in the archive is too large.")


def parsed(text: bytes) -> Any:
    """Raises UnreadableArchive."""
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        # One half of a surrogate pair, which some exports have.
        said = json.dumps(json.loads(text, parse_constant=refuse), ensure_ascii=False)
        return json.loads(storable(said))
    except (ValueError, RecursionError):
        raise UnreadableArchive() from None


def refuse(word: str) -> Any:
    raise ValueError(word)
