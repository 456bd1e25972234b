"""What a browser keeps as a file, in pieces as they are made."""

from collections.abc import Iterable

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase


def streamed_download(pieces: Iterable[bytes], content_type: str, name: str) -> HttpResponseBase:
    response = StreamingHttpResponse(pieces, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
