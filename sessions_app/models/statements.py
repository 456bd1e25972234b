"""Statements the ORM has no word for, and text that every database takes."""

import json
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery


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


def storable(text: str) -> str:
    """`text` without what no database column takes: NUL and lone surrogates, which a model may well say."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class ShortNumbers(json.JSONDecoder):
    """PostgreSQL writes 1e30 out as an integer, and no encoder of ours takes one of more than 64 bits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_int=short, **options)


def short(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)
