"""How long a process owns a run without renewing its claim."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now


def lease_end() -> Any:
    """LEASE_S from now by the database's clock, which all processes share."""
    return Now() + timedelta(seconds=settings.LEASE_S)
