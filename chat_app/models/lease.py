"""How long a process owns a run without renewing its claim."""

from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models.functions import Now


def lease_end() -> Any:
    """LEASE_S from now by the database's clock, which all processes share."""
    return _lease_end(settings.LEASE_S)


@cache
def _lease_end(seconds: float) -> Any:
    """One expression, of which the statement is made once."""
    return Now() + timedelta(seconds=seconds)
