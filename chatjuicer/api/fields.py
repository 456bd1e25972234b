"""Serializer fields that accept their own JSON type and convert nothing: no number for a text, no "true" for true."""

import re
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

import orjson
from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from chatjuicer.api.times import moment_of

MAX_METADATA_BYTES = 64 * 1024
MAX_DOLLARS = 10_000_000
MILLIONTH = Decimal("0.000001")


class Text(serializers.CharField):
    """A string as it is: numbers are not made into one and spaces stay."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)
        if not any(isinstance(validator, RegexValidator) for validator in self.validators):
            # CharField refuses NUL in any case; a pattern also stands in the OpenAPI document.
            self.validators.append(RegexValidator(r"^[^\x00]*$", "Null characters are not allowed."))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class OneLine(Text, serializers.RegexField):
    """That is not blank."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(regex=re.compile(r"^[^\x00\r\n]*[^\x00\s][^\x00\r\n]*\Z"), **kwargs)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Number(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():  # JSON has one kind of numbers, and 5.0 is an integer there
            data = int(data)
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Dollars(serializers.FloatField):
    """An amount of money, as a Decimal; parts of a millionth count as a whole one, so that little is not nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_DOLLARS, **kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        amount = super().run_validation(data)
        return Decimal(str(amount)).quantize(MILLIONTH, ROUND_CEILING) if isinstance(amount, float) else amount

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        return float(max(-1, min(data, MAX_DOLLARS + 1)))  # of an integer that no float can hold, too


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return str(super().to_internal_value(data))


@extend_schema_field({"type": "object", "additionalProperties": {}})
class Metadata(serializers.Field):
    """Any JSON object of at most 64 KiB."""

    default_error_messages = {
        "invalid": "An object is expected.",
        "too_large": f"At most {MAX_METADATA_BYTES} bytes are expected.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(orjson.dumps(data)) > MAX_METADATA_BYTES:
            self.fail("too_large")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


def given(attrs: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that are null, for a form in which null means the same as a missing field."""
    return {name: value for name, value in attrs.items() if value is not None}


DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAY_OR_TIME = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}


class DayOrTime(serializers.Field[date, str, str, Any]):
    """A date, or a datetime."""

    default_error_messages = {"invalid": "A day such as 2026-01-31, or a time as in RFC 3339, is expected."}

    def to_internal_value(self, data: str) -> date:
        try:
            return date.fromisoformat(data) if DAY.fullmatch(data) else moment_of(data)
        except ValueError:
            self.fail("invalid")
