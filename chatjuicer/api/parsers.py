from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from chatjuicer.api.exceptions import PayloadTooLarge

MAX_DEPTH = 64


class JSONParser(BaseParser):
    """Strict JSON. NaN, infinities, broken UTF-8 and lone surrogates are refused by orjson, the rest here."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.MAX_BODY_SIZE + 1)
        if len(body) > settings.MAX_BODY_SIZE:
            raise PayloadTooLarge()
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ParseError("The body is not valid JSON.") from None
        # Most bodies need no walk: they have few brackets and no escaped NUL.
        if b"\\u0000" in body or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
            refuse_unstorable(data)
        return data


def refuse_unstorable(data: Any) -> None:
    """Raise ParseError for text with NUL, which PostgreSQL cannot keep, and for nesting beyond MAX_DEPTH."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and "\x00" in value:
                raise ParseError("Text must not contain NUL characters.")
        if not below:
            return
        level = below
    raise ParseError(f"JSON must not be nested deeper than {MAX_DEPTH} levels.")
