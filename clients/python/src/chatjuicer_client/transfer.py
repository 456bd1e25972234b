"""Bytes from and to files of this machine, with progress."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

import httpx

from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.rest import Rest, answer_to
from chatjuicer_client.retry import BackOff
from chatjuicer_client.shapes import FileEntry

CHUNK_BYTES = 256 * 1024
ASK_AGAIN_S = 0.5
WITHOUT_END = httpx.Timeout(30, read=None)  # of what the server works on for as long as it takes

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and, where it is known, with how many they will be."""


async def upload(rest: Rest, path: str, source: Path, name: str, folder: str, progress: Progress | None) -> FileEntry:
    """Asks for an address, puts the bytes there, and makes a file of them; each step can be repeated."""
    size = (await asyncio.to_thread(source.stat)).st_size
    wanted = {"filename": name, "size": size, "folder": folder}
    announced = await rest.call("POST", f"{path}/presign-upload", json=wanted)
    address = urljoin(f"{rest.http.base_url}", announced["upload_url"])
    with source.open("rb") as file:

        def put() -> httpx.Request:
            # With a length: object stores take no chunked bodies.
            return rest.http.build_request(
                "PUT",
                address,
                content=_chunks(file, size, progress),
                headers={"Content-Length": str(size)},
                timeout=WITHOUT_END,
            )

        response = await answer_to(rest.http, put, BackOff(rest.patience_s))
    if not response.is_success:
        raise ChatJuicerError.of(response)
    return FileEntry.of(await rest.call("POST", f"{path}/confirm", json={"file_key": announced["file_key"]}))


class Sent:
    """A file that says how much of it was read."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self._size = os.fstat(file.fileno()).st_size
        self.fileno, self.seek, self.tell = file.fileno, file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        if chunk:
            self._progress(self._file.tell(), self._size)
        return chunk


async def _chunks(file: BinaryIO, size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    file.seek(0)
    sent = 0
    while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield chunk
        sent += len(chunk)
        if progress:
            progress(sent, size)


async def download(rest: Rest, path: str, target: Path, params: Mapping[str, Any], progress: Progress | None) -> Path:
    """What is there already of the same bytes (by the entity tag, which is their SHA-256) is not fetched again after a
    lost connection. The target appears when all of it is here and has that hash."""
    part = _beside(target)
    back_off = BackOff(rest.patience_s)
    try:
        with part.open("w+b") as file:
            bytes_ = _Partial(file, back_off)
            while not await bytes_.fetch(rest, path, params, progress):
                await back_off.wait(ChatJuicerError.unreachable("the connection was lost"))
        if await asyncio.to_thread(_digest, part) != bytes_.tag.strip('"'):
            raise ChatJuicerError("incomplete_download", "The bytes that came are not the file's.")
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return target


class _Partial:
    """As much of a file as has come."""

    def __init__(self, file: BinaryIO, back_off: BackOff) -> None:
        self.file, self.back_off = file, back_off
        self.tag = ""

    async def fetch(self, rest: Rest, path: str, params: Mapping[str, Any], progress: Progress | None) -> bool:
        """Appends what is missing; False where the connection was lost meanwhile."""
        headers = {"Accept-Encoding": "identity"}
        if self.tag and self.file.tell():
            headers |= {"Range": f"bytes={self.file.tell()}-", "If-Range": self.tag}
        async with rest.stream("GET", path, params=params, headers=headers) as response:
            if response.status_code != 206:
                self.file.seek(0)
                self.file.truncate()
            self.tag = response.headers.get("ETag", "")
            length = response.headers.get("Content-Length")
            total = self.file.tell() + int(length) if length else None
            try:
                async for chunk in response.aiter_raw(CHUNK_BYTES):
                    self.file.write(chunk)
                    self.back_off.succeeded()
                    if progress:
                        progress(self.file.tell(), total)
            except httpx.TransportError:
                return False
        return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def save(rest: Rest, path: str, target: Path, params: Mapping[str, Any], progress: Progress | None) -> Path:
    """What the server makes while it sends: it begins anew after a lost connection. The target appears when it is
    whole."""
    part = _beside(target)
    back_off = BackOff(rest.patience_s)
    try:
        while True:
            try:
                async with rest.stream("GET", path, params=params, timeout=WITHOUT_END) as response:
                    with part.open("wb") as file:
                        async for chunk in response.aiter_bytes(CHUNK_BYTES):
                            file.write(chunk)
                            if progress:
                                progress(file.tell(), None)
                break
            except httpx.TransportError as error:
                await back_off.wait(ChatJuicerError.unreachable(error))
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return target


async def prepare(rest: Rest, path: str) -> str:
    """Where an export lies, once the server has made it. One that failed, because its server did, is asked for again as
    long as our patience lasts."""
    back_off = BackOff(rest.patience_s)
    while True:
        export = await rest.call("POST", path)
        while export["state"] == "making":
            await asyncio.sleep(ASK_AGAIN_S)
            export = await rest.call("GET", f"{path}/{export['id']}")
        if export["state"] == "ready":
            return f"{path}/{export['id']}"
        await back_off.wait(ChatJuicerError("export_failed", "The server could not make the export."))


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")
