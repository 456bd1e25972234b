"""Statements the ORM has no word for, and numbers that every database takes."""

import json
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery
from django.utils import timezone


def update_returning(rows: QuerySet[Any], returning: tuple[str, ...], **changes: Any) -> list[tuple[Any, ...]]:
    """`rows.update(**changes)` that answers the new values of `returning`, in one statement.

    So a number given out by `F("last") + 1` is read by whoever took it and by nobody else. Values come as the
    driver gives them: name columns of plain types.
    """
    query: UpdateQuery = rows.query.chain(UpdateQuery)  # type: ignore[assignment]
    query.add_update_values(changes)
    connection = connections[rows.db]
    statement, params = query.get_compiler(connection=connection).as_sql()
    columns = ", ".join(connection.ops.quote_name(rows.model._meta.get_field(name).column) for name in returning)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {columns}", params)
        return cursor.fetchall()


class ShortNumbers(json.JSONDecoder):
    """PostgreSQL writes 1e30 out as an integer, and no encoder of ours takes one of more than 64 bits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_int=short, **options)


def short(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


MAX_COUNT = 2**31 - 1


def countable(number: int) -> int:
    """`number` within what a positive integer column takes, which on PostgreSQL ends at MAX_COUNT."""
    return min(max(number, 0), MAX_COUNT)


def elapsed_ms(since: datetime) -> int:
    """Milliseconds since then, by a clock that may have been set back, or be another machine's; at most 25 days."""
    return countable(int((timezone.now() - since).total_seconds() * 1000))
