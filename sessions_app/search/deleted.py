"""Of deleted rows SQLite's FTS5 notes only that they are gone, beside their words, which go when all parts of an index
were merged into one. PostgreSQL's vacuum does that by itself.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection

PAGES_AT_ONCE = 64
"""Of 4 kB, which a step writes: for so long nobody else does."""

MOST = 2**31 - 1  # of what SQLite keeps as `user_version`, of which nobody else makes anything


def forget_words(indexes: dict[str, str]) -> Iterator[int]:
    """`indexes` are FTS5's tables, with those that they index. First 0 for each step, in the end of how many rows the
    words went; nothing if no row was deleted or changed since it last came to its end."""
    deleted = sum(deletions(index, table) for index, table in indexes.items()) & MOST
    (known,) = row("PRAGMA user_version")
    if deleted == known:
        return
    for index in indexes:
        yield from merged(index)
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA user_version = {deleted}")
    yield max(deleted - known, 0)


def deletions(index: str, table: str) -> int:
    """Ever made: a key is given once, also to what takes the place of another row, and FTS5 counts what is there."""
    (given,) = row("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", table)
    (averages,) = row(f"SELECT block FROM {index}_data WHERE id = 1")  # noqa: S608 (the names are our own)
    return int(given) - varint(bytes(averages))


def varint(data: bytes) -> int:
    """The first number, as SQLite writes it, big-endian, seven bits of each byte."""
    number = 0
    for byte in data[:8]:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return number


def merged(index: str) -> Iterator[int]:
    """0 for each step, until there is one part, as https://sqlite.org/fts5.html#the_merge_command has it."""
    pages = -PAGES_AT_ONCE
    while merge(index, pages) >= 2:
        yield 0
        pages = PAGES_AT_ONCE


def merge(index: str, pages: int) -> int:
    """How many rows of FTS5's were changed: fewer than two if there was nothing to do."""
    with connection.cursor() as cursor:
        before: int = connection.connection.total_changes
        cursor.execute(f"INSERT INTO {index}({index}, rank) VALUES ('merge', %s)", [pages])  # noqa: S608
        return connection.connection.total_changes - before


def row(statement: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()
