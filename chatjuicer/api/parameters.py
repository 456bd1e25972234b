"""Query parameters: read strictly, and described for OpenAPI in the same place."""

import re
from collections.abc import Mapping
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

MAX_NUMBER = 2**31 - 1
NUMBER = re.compile(r"[0-9]{1,10}")


def number(query: Mapping[str, str], name: str, default: int, low: int = 0, high: int = MAX_NUMBER) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise ValidationError({name: f"A whole number from {low} to {high} is expected."})
    return int(text)


def text(query: Mapping[str, str], name: str, max_length: int) -> str:
    value = query.get(name, "")
    if len(value) > max_length:
        raise ValidationError({name: f"At most {max_length} characters are expected."})
    # A lone surrogate comes from a query that is not UTF-8.
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValidationError({name: "NUL characters and broken UTF-8 are not allowed."})
    return value


def identifier(query: Mapping[str, str], name: str) -> UUID | None:
    """None when it is not given."""
    if not (value := query.get(name)):
        return None
    try:
        return UUID(value)
    except ValueError:
        raise ValidationError({name: "A UUID is expected."}) from None


def flag(query: Mapping[str, str], name: str) -> bool | None:
    """None when it is not given."""
    value = query.get(name)
    if value not in (None, "true", "false"):
        raise ValidationError({name: "true or false is expected."})
    return None if value is None else value == "true"


def number_parameter(
    name: str, description: str, default: int | None = None, low: int = 0, high: int = MAX_NUMBER
) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": low, "maximum": high}
    if default is not None:
        schema["default"] = default
    return OpenApiParameter(name, schema, description=description)


def text_parameter(name: str, description: str, max_length: int) -> OpenApiParameter:
    schema = {"type": "string", "maxLength": max_length, "pattern": "^[^\\x00]*$"}
    return OpenApiParameter(name, schema, description=description)


OFFSET = number_parameter("offset", "How many to pass over.", 0)
LIMIT = number_parameter("limit", "How many to give at most.", 50, 1, 100)


def offset_and_limit(query: Mapping[str, str]) -> tuple[int, int]:
    """The `offset` and the `limit` that OFFSET and LIMIT describe. Raises ValidationError."""
    return number(query, "offset", 0), number(query, "limit", 50, 1, 100)
