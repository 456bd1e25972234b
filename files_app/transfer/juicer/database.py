"""The original's database, which is only read: as it was at one moment, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from files_app.transfer.records import MAX_TEXT

ROWS = 20  # of one read: a row may hold pictures
CONNECT_TIMEOUT_S = 10

Row = dict[str, str | None]
"""Every column as text; those of younger versions are missing in databases of older ones."""

NEEDED = {
    "users": {"id", "email", "password_hash"},
    "sessions": {"id", "user_id", "session_id", "title", "created_at", "last_used_at"},
    "messages": {"id", "session_id", "role", "content", "created_at"},
    "llm_context": {"id", "session_id", "content", "created_at"},
}


class SourceUnreadable(Exception):
    """There is no such database, or it is not one of an original Chat Juicer. Its text is for the operator."""


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Raises SourceUnreadable."""
    try:
        connection = psycopg.connect(url, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_S)
    except psycopg.ProgrammingError:
        raise SourceUnreadable("The address of the PostgreSQL database cannot be read.") from None
    except psycopg.Error as error:
        raise SourceUnreadable(f"The original's database cannot be opened: {error}") from None
    with connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'; SET statement_timeout = 0")
        yield Database(connection)


class Database:
    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """Raises SourceUnreadable."""
        self._connection = connection
        self._names = count()
        self._columns: dict[str, list[str]] = {}
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = ANY (current_schemas(false)) ORDER BY ordinal_position"
        )
        for row in found:
            self._columns.setdefault(row["table_name"], []).append(row["column_name"])
        for table, columns in NEEDED.items():
            if missing := columns.difference(self._columns.get(table, ())):
                raise SourceUnreadable(
                    f"This is no database of an original Chat Juicer: {table} has no {', '.join(sorted(missing))}."
                )

    def rows(self, table: str, where: str = "true", *values: object, order: str) -> Iterator[Row]:
        """None of a table that there is not. No text is longer than a character more than what is taken in."""
        if table not in self._columns:
            return
        columns = [
            sql.SQL("left({name}::text, {most}) AS {name}").format(name=sql.Identifier(name), most=MAX_TEXT + 1)
            for name in self._columns[table]
        ]
        query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(
            sql.SQL(", ").join(columns),
            sql.Identifier(table),
            sql.SQL(where),  # written by us
            sql.SQL(order),
        )
        with self._connection.cursor(f"rows_{next(self._names)}") as cursor:
            cursor.itersize = ROWS
            yield from cursor.execute(query, values)

    def count(self, table: str) -> int:
        if table not in self._columns:
            return 0
        found = self._connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(table)))
        return int(found.fetchone()["rows"])  # type: ignore[index]  # it is one row

    def order_of_context(self) -> str:
        """The first version had no numbers."""
        return "seq" if "seq" in self._columns["llm_context"] else "created_at, ctid"

    def names_of_several(self) -> set[str]:
        """Sessions of several users may have the same name, and then have the same folder."""
        query = "SELECT session_id FROM sessions GROUP BY session_id HAVING count(*) > 1"
        return {row["session_id"] for row in self._connection.execute(query)}

    def has_user(self, id: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM users WHERE id::text = %s", (id,))
        return found.fetchone() is not None

    def has_session(self, name: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM sessions WHERE session_id = %s", (name,))
        return found.fetchone() is not None
