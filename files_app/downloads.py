"""Answers that carry a file's bytes, all or a range: read in threads of their own, sent by the event loop."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date, quote_etag

from files_app import kinds
from files_app.envelope import Reader
from files_app.exceptions import OutOfRange
from files_app.incoming import CHUNK_BYTES
from files_app.links import disposition
from files_app.models import Export, File
from files_app.opened import as_it_is_now, reader_of
from files_app.sealed import Unsealed

logger = logging.getLogger(__name__)

RANGE = re.compile(r"bytes=([0-9]{0,99})-([0-9]{0,99})")

# A read from a bucket may take long; none is done by the event loop.
_readers = ThreadPoolExecutor(8, thread_name_prefix="files")


def download(request: HttpRequest, file: File | Export) -> HttpResponseBase:
    """All of it, or the range that is asked for."""
    return as_it_is_now(file, partial(answer_with, request))


def answer_with(request: HttpRequest, file: File | Export) -> HttpResponseBase:
    etag = quote_etag(file.sha256)
    headers = {
        "ETag": etag,
        "Last-Modified": http_date(file.modified_at.timestamp()),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(file),
        "Content-Type": kinds.harmless(file.content_type),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if matches(request.headers.get("If-None-Match", ""), etag):
        return HttpResponse(status=304, headers=headers)

    start, end, status = 0, file.size_bytes, 200
    wanted = RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    # If-Range with another ETag: the part that the client has is of an older file, and it needs all of this one.
    if wanted and any(wanted.groups()) and request.headers.get("If-Range", etag) == etag:
        start, end = part(wanted[1], wanted[2], file.size_bytes)
        if start >= end:
            raise OutOfRange(file.size_bytes)
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD" or start == end:
        return HttpResponse(status=status, headers=headers)
    reader = reader_of(file, start)
    if isinstance(file, Export):
        reader = Unsealed(reader, file.key, start)
    return StreamingHttpResponse(Chunks(reader, end - start), status=status, headers=headers)


def part(first: str, last: str, size_bytes: int) -> tuple[int, int]:
    """Offsets of the range: first, and one past the last; an empty range if it lies beyond the end."""
    if not first:
        return max(0, size_bytes - int(last)), size_bytes
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    return int(first), end


def matches(header: str, etag: str) -> bool:
    candidates = [candidate.strip().removeprefix("W/") for candidate in header.split(",")]
    return etag in candidates or "*" in candidates


class Chunks:
    """The next `size_bytes` of `reader`. Whoever does not read to the end closes it."""

    def __init__(self, reader: Reader, size_bytes: int) -> None:
        self._reader = reader
        self._left_bytes = size_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        while self._left_bytes:
            size = min(CHUNK_BYTES, self._left_bytes)
            chunk = await loop.run_in_executor(_readers, self._reader.read, size)
            if not chunk:
                raise OSError("a stored file is shorter than it was")
            self._left_bytes -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._reader.close()
