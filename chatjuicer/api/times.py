"""How a time looks in JSON."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """In UTC, with microseconds: 2026-01-31T09:00:00.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
