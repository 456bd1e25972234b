"""The files of one session: what lies in the original's folder or bucket, and pictures that stand in its texts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from django.conf import settings

from files_app import names
from files_app.exceptions import InvalidName
from files_app.incoming import CHUNK_BYTES
from files_app.transfer.embedded import picture_in
from files_app.transfer.exceptions import UnreadableArchive
from files_app.transfer.records import FileLine

from .report import Report

MAX_DEPTH = 20


class Upload(NamedTuple):
    """What the database says of a file. `key` is its folder and name there, as in `input/notes.txt`."""

    key: str
    at: datetime


Uploads = Mapping[str, Upload]
"""By `here` of their keys: rows and folders need not say the same of the two names of one folder."""


def here(key: str) -> str:
    """Older versions said `sources`, younger ones `input`."""
    first, slash, rest = key.partition("/")
    return f"{names.ALIASES.get(first, first)}{slash}{rest}"


class Found(NamedTuple):
    """An object of the bucket; `name` is its folder and name, as in `input/notes.txt`."""

    name: str
    size_bytes: int
    at: datetime


class Withheld(Exception):
    """The bucket answers, and does not give this object. Its text is for the operator."""


class Objects(Protocol):
    """Where some originals keep their files, by session. Both raise UnreadableArchive where it does not answer."""

    def of(self, session: str) -> Iterator[Found]: ...

    def fetch(self, session: str, name: str, target: Path) -> None:
        """Raises Withheld."""


class SessionFiles:
    """`lines` are what an archive says of them, and `entries` where their bytes are. Gone with `scratch`."""

    def __init__(self, scratch: Path, report: Report, session: str) -> None:
        self.lines: list[FileLine] = []
        self.entries: dict[str, Path] = {}
        self._scratch, self._report, self._session = scratch, report, session
        self._taken: set[tuple[str, str]] = set()
        self._pictures: dict[str, str] = {}

    def chunks(self, name: str) -> Iterator[bytes]:
        """Raises UnreadableArchive."""
        try:
            with self.entries[name].open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except OSError:
            raise UnreadableArchive(f"The file {self.entries[name].name} cannot be read.") from None

    def add_folder(self, folder: Path, uploads: Uploads, *, only_known: bool) -> set[str]:
        """All that lies in it, or only what `uploads` name; what of that is there."""
        there = set()
        for path, name in self._below(folder, ""):
            upload = uploads.get(here(name))
            if only_known and upload is None:
                continue
            there.add(here(name))
            try:
                self._add_path(path, name, upload)
            except (InvalidName, OSError) as error:
                reason = error.message if isinstance(error, InvalidName) else "It cannot be read."
                self._report.leave("file", f"{self._session}/{name}", reason)
        return there

    def add_objects(self, bucket: Objects, uploads: Uploads, *, only_known: bool, but: set[str]) -> set[str]:
        """As `add_folder`, of what lies in the bucket; `but` names what was in the folder, which is written to first.
        Raises UnreadableArchive where the bucket does not answer: what is not had now would be missing for good."""
        there = set()
        for found in bucket.of(self._session):
            upload = uploads.get(here(found.name))
            if here(found.name) in but or is_hidden(found.name) or (only_known and upload is None):
                continue
            there.add(here(found.name))
            self._add_object(bucket, found, upload)
        return there

    def picture(self, address: str) -> str | None:
        """The file of a `data:` address; None where it is no picture."""
        picture = picture_in(address)
        if picture is None:
            return None
        data, kind = picture
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._pictures:
            self._pictures[digest] = self._same(data, digest) or self._add_picture(data, digest, kind)
        return self._pictures[digest]

    def _below(self, folder: Path, before: str) -> Iterator[tuple[Path, str]]:
        """Links lead anywhere: none is followed."""
        if before.count("/") > MAX_DEPTH or folder.is_symlink() or not folder.is_dir():
            return
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            self._report.leave("file", f"{self._session}/{before}", "The folder cannot be read.")
            return
        for entry in entries:
            name = f"{before}{entry.name}"
            if entry.name.startswith("."):
                continue  # the original shows none of them
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(Path(entry.path), f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path), name
            else:
                self._report.leave("file", f"{self._session}/{name}", "It is a link, or no file.")

    def _add_path(self, path: Path, name: str, upload: Upload | None) -> None:
        """Raises InvalidName and OSError."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
        if self._is_too_large(name, status.st_size):
            return
        modified_at = upload.at if upload else datetime.fromtimestamp(max(0, status.st_mtime), UTC)
        self._add(path, *self._place(name), modified_at)

    def _add_object(self, bucket: Objects, found: Found, upload: Upload | None) -> None:
        if self._is_too_large(found.name, found.size_bytes):
            return
        path = self._scratch / f"object-{len(self.lines) + 1}"  # nothing of its name is part of a path
        try:
            place = self._place(found.name)
            bucket.fetch(self._session, found.name, path)
        except (InvalidName, Withheld) as error:
            reason = error.message if isinstance(error, InvalidName) else str(error)
            self._report.leave("file", f"{self._session}/{found.name}", reason)
            return
        self._add(path, *place, upload.at if upload else found.at)

    def _is_too_large(self, name: str, size_bytes: int) -> bool:
        if size_bytes <= settings.MAX_FILE_SIZE:
            return False
        reason = f"It has {size_bytes} bytes, and a file at most {settings.MAX_FILE_SIZE} (MAX_FILE_SIZE)."
        self._report.leave("file", f"{self._session}/{name}", reason)
        return True

    def _place(self, name: str) -> tuple[str, str]:
        """Where a file goes that lies at `name` there. Raises InvalidName."""
        folder, slash, rest = here(name).partition("/")
        if not slash:
            place = (names.SOURCES, names.clean_name(name))
        elif folder in names.FOLDERS:
            place = (folder, names.clean_name(rest))
        else:
            place = (names.OUTPUT, names.clean_name(name))  # such as what a program of the agent's has written
        # Where a session has a file of one name in both folders that are one here, both stay.
        return place if place not in self._taken else (place[0], names.clean_name(name))

    def _add(self, path: Path, folder: str, name: str, modified_at: datetime) -> str:
        id = f"f{len(self.lines) + 1}"
        self._taken.add((folder, name))
        self.entries[id] = path
        self.lines.append(FileLine(id=id, folder=folder, name=name, modified_at=modified_at, entry=id))  # type: ignore[arg-type]
        return id

    def _same(self, data: bytes, digest: str) -> str | None:
        for id, path in self.entries.items():
            if path.stat().st_size == len(data):
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                        return id
        return None

    def _add_picture(self, data: bytes, digest: str, kind: str) -> str:
        path = self._scratch / digest
        path.write_bytes(data)
        name = f"picture-{digest[:12]}.{kind}"
        return self._add(path, names.SOURCES, name, datetime.now(UTC))


def is_hidden(name: str) -> bool:
    """The original shows none of these; a key that ends in a slash is a folder to some programs."""
    return name.endswith("/") or any(part.startswith(".") and part != ".." for part in name.split("/"))
