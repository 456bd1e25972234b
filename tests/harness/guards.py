"""The audit log as whoever owns the database may treat it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TABLE = "accounts_auditentry"


@contextmanager
def unguarded() -> Iterator[None]:
    """Inside, lines are changed and deleted. To be used in a transaction."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
            yield
            cursor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
        guards = cursor.fetchall()
        for name, _ in guards:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, made in guards:
            cursor.execute(made)
