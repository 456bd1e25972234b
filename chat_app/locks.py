"""Rows of PostgreSQL that another transaction has locked: how long is waited for them, and how that is noticed.

SQLite has one lock, of the whole database.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

BRIEF_S = 0.05


@contextmanager
def waiting_briefly() -> Iterator[None]:
    """A transaction that gives up where a row is locked for longer than BRIEF_S."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {round(BRIEF_S * 1000)}")
        yield


def is_locked(error: OperationalError) -> bool:
    """Whether it says that a row is locked by somebody else."""
    return isinstance(error.__cause__, LockNotAvailable)
