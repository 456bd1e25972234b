"""All of an account as one zip, written while it is sent: nothing of it is kept in memory or on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec
from django.utils import timezone

from chatjuicer.accounts.models import User
from chatjuicer.api.times import rfc3339
from files_app.exceptions import FileDamaged, NoSuchFile
from files_app.models import File
from files_app.opened import checked_chunks_of

from .lines import lines_of_account
from .records import FILES, FORMAT, LINES, MANIFEST, VERSION, VERSION_OF_AGENTS, VERSION_OF_SESSIONS, encode

PIECE_BYTES = 64 * 1024
# Pictures and documents are compressed already.
TEXTS = ("text/", "application/json", "application/xml")


class Pieces:
    """What the zip is written to, until somebody takes it."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        self._held.append(bytes(data))
        self.size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do: no file lies behind it."""

    def take(self) -> bytes:
        taken = b"".join(self._held)
        self._held, self.size_bytes = [], 0
        return taken


def archive(user: User) -> Iterator[bytes]:
    """Of everything as it is when it is read; each session by itself is of one moment's messages at least."""
    pieces, files = Pieces(), dict[str, tuple[UUID, bool]]()
    with ZipFile(pieces, "w", ZIP_DEFLATED) as zipped:  # type: ignore[call-overload]  # needs no more than this
        zipped.writestr(entry(MANIFEST), manifest(user))
        with zipped.open(entry(LINES), "w", force_zip64=True) as lines:
            for line, file in lines_of_account(user):
                if file is not None:
                    files[file.sha256] = (file.pk, file.content_type.startswith(TEXTS))
                lines.write(encode(line) + b"\n")
                if pieces.size_bytes >= PIECE_BYTES:
                    yield pieces.take()
        for sha256, (pk, is_text) in files.items():
            try:
                stored = checked_chunks_of(File.objects.get(pk=pk, sha256=sha256))
                first = next(stored, b"")
            except (File.DoesNotExist, NoSuchFile, FileDamaged):
                continue  # deleted meanwhile, or lost: the others are worth having
            with zipped.open(entry(FILES + sha256, compressed=is_text), "w", force_zip64=True) as bytes_of:
                bytes_of.write(first)
                for chunk in stored:
                    bytes_of.write(chunk)
                    yield pieces.take()
    yield pieces.take()


def manifest(user: User) -> bytes:
    said = {
        "format": FORMAT,
        "version": version_of(user),
        "exported_at": rfc3339(timezone.now()),
        "account": {"email": user.email, "display_name": user.display_name},
    }
    return msgspec.json.format(msgspec.json.encode(said))


def version_of(user: User) -> int:
    """The first that knows all that the archive has."""
    if user.mcp_servers.exists() or File.objects.filter(agent__owner=user).exists():
        return VERSION
    return VERSION_OF_AGENTS if user.agents.exists() or user.prompts.exists() else VERSION_OF_SESSIONS


def entry(name: str, *, compressed: bool = True) -> ZipInfo:
    """Without a time: the same content is the same bytes."""
    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED if compressed else ZIP_STORED
    return info
