"""How much one page of an answer holds: a number of rows, and MAX_PAGE_BYTES of what was said in them.

A page that is full before its limit ends as if the limit had been smaller; the first row is on it whatever its size.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.conf import settings
from django.db.models import F, Func, IntegerField, Model, QuerySet
from django.db.models.expressions import Combinable

R = TypeVar("R")
M = TypeVar("M", bound=Model)


def fill(rows: Iterable[R], limit: int, size_of: Callable[[R], int], share: float = 1) -> tuple[list[R], bool]:
    """The first rows, as many as fit, and whether there are more. `share`: the part of the page's bytes that they may
    take. No more rows are read than one that does not fit."""
    found: list[R] = []
    left = settings.MAX_PAGE_BYTES * share
    for row in rows:
        left -= size_of(row)
        if found and (left < 0 or len(found) >= limit):
            return found, True
        found.append(row)
    return found, False


def read(rows: "QuerySet[M]", limit: int, *texts: str, offset: int = 0, share: float = 1) -> tuple[list[M], bool]:
    """The same of a query, which has an order: `texts` are the columns whose bytes count. What does not fit is not
    brought from the database, which is asked for the sizes first."""
    sizes = rows.annotate(page_bytes=bytes_of(*texts)).values_list("page_bytes", flat=True)
    kept, more = fill(sizes[offset : offset + limit + 1], limit, int, share)
    return list(rows[offset : offset + len(kept)]) if kept else [], more


def bytes_of(*texts: str) -> Combinable:
    """Together, as they are stored; a name that stands twice counts twice."""
    total: Combinable = Bytes(F(texts[0]))
    for text in texts[1:]:
        total += Bytes(F(text))
    return total


class Bytes(Func):
    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def as_sqlite(self, compiler, connection, **context):  # type: ignore[no-untyped-def]
        """SQLite has the function from 3.43 on."""
        return self.as_sql(compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))", **context)
