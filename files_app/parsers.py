"""A multipart body whose file goes straight into an Incoming."""

import re
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.parsers import BaseParser

from files_app.incoming import CHUNK_BYTES, Incoming

FIELD = "file"


class UploadParser(BaseParser):
    """`request.data` has the form's fields as text, and `file`, an Incoming that the view has to close."""

    media_type = "multipart/form-data"

    @property
    def limit_bytes(self) -> int:
        return int(settings.MAX_FILE_SIZE)

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        meta = (parser_context or {})["request"].META.copy()
        meta["CONTENT_TYPE"] = media_type or ""
        body, handler = Ending(stream), OneFile(self.limit_bytes)
        try:
            form = Form(meta, body, [handler], "utf-8")
            fields, _ = form.parse()
            # A body that was cut short looks like a whole one to Django.
            if handler.incoming and not body.ends_with(form.boundary):
                raise MultiPartParserError("The body ends too early.")
        except BaseException:
            handler.close()
            raise
        data: dict[str, Any] = fields.dict()
        data.pop(FIELD, None)
        return data | ({FIELD: handler.incoming} if handler.incoming else {})


class ArchiveParser(UploadParser):
    @property
    def limit_bytes(self) -> int:
        return int(settings.MAX_IMPORT_SIZE)


class Form(MultiPartParser):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        found = re.search(r'boundary="?([^";]*)', args[0]["CONTENT_TYPE"], re.IGNORECASE)
        self.boundary = found[1].strip() if found else ""

    def sanitize_file_name(self, file_name: str) -> str:
        # Django would make "../a" into "a"; names.py refuses it.
        return file_name


class OneFile(FileUploadHandler):
    """Takes the first file of the field; the bytes of others are passed over."""

    chunk_size = CHUNK_BYTES

    def __init__(self, limit_bytes: int) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self.incoming: Incoming | None = None
        self._current: Incoming | None = None

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        self._current = None
        if field_name == FIELD and self.incoming is None:
            self.incoming = self._current = Incoming(self._limit_bytes, file_name)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._current:
            self._current.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        self._current = None

    def close(self) -> None:
        if self.incoming:
            self.incoming.close()


class Ending:
    """A stream that remembers the last of what was read."""

    KEPT_BYTES = 512

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._end = b""

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._end = (self._end + chunk)[-self.KEPT_BYTES :]
        return chunk

    def ends_with(self, boundary: str) -> bool:
        return f"--{boundary}--".encode() in self._end
