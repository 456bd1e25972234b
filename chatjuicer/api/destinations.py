"""Addresses that others name for this server to send to, as far as they can be judged before one is tried. Where a
connection may go judges the fence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.core.validators import RegexValidator
from rest_framework.exceptions import ValidationError

from .fields import Text

MAX_URL_CHARS = 2_000


def address(**options: Any) -> Text:
    validators = [RegexValidator(r"^https?://[^\s\x00-\x20]+$", "An address that begins with https:// is expected.")]
    return Text(max_length=MAX_URL_CHARS, validators=validators, **options)


def require_sendable(url: str, networks: Sequence[str]) -> str:
    """`networks` are the operator's for this purpose, where http will do. Raises ValidationError."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable:
        raise ValidationError("An address with a host, and without a user, is expected.")
    if parts.scheme != "https" and not networks:
        raise ValidationError("https is expected.")
    return url
