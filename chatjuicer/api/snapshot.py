"""Several reads that see one state of the database, without taking SQLite's write lock."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Reads inside see one committed state; writing inside is a mistake that PostgreSQL refuses.

    Inside a transaction of the caller it is that transaction.
    """
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor != "sqlite":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    connection.ensure_connection()  # sets the mode: a first one has none before, one made anew would lose ours
    # atomic() begins with the connection's mode, which is IMMEDIATE: a reader would queue behind the writers.
    mode = connection.transaction_mode  # type: ignore[attr-defined]
    connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        block = transaction.atomic()
        block.__enter__()
    finally:
        connection.transaction_mode = mode  # type: ignore[attr-defined]
    with _closing(block):
        yield


@contextmanager
def _closing(block: transaction.Atomic) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        block.__exit__(type(error), error, error.__traceback__)
        raise
    block.__exit__(None, None, None)
