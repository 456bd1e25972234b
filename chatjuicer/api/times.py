"""How a time looks in JSON, and in what is asked."""

import re
from datetime import UTC, date, datetime, time

from django.db.models import Q
from django.utils.dateparse import parse_datetime

LEAP_SECOND = re.compile(r":60(\.[0-9]+)?")


def rfc3339(moment: datetime) -> str:
    """In UTC, with microseconds: 2026-01-31T09:00:00.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(said: str) -> datetime:
    """Of a time as in RFC 3339. Without a zone it is one of UTC; a `+` that came unescaped is a space. Raises
    ValueError."""
    said = LEAP_SECOND.sub(":59.999999", said.upper())  # which clocks here do not have
    try:
        found = parse_datetime(said.replace(" ", "+") if "T" in said else said)
        if found is None:
            raise ValueError
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError from None


def between(since: date | None, until: date | None, field: str = "created_at") -> Q:
    """Of these days, both included, in UTC, or from and to these very times."""
    chosen = Q()
    if since:
        first = since if isinstance(since, datetime) else datetime.combine(since, time.min, UTC)
        chosen &= Q((f"{field}__gte", first))
    if until:
        last = until if isinstance(until, datetime) else datetime.combine(until, time.max, UTC)
        chosen &= Q((f"{field}__lte", last))
    return chosen
