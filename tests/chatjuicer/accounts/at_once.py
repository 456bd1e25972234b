"""Requests that meet at the same rows."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from django.db import connection, connections, transaction
from django.db.models import QuerySet

from tests.harness.services import until

T = TypeVar("T")


def at_once(
    requests: Sequence[Callable[[], T]], rows: QuerySet[Any], meanwhile: Callable[[], object] = lambda: None
) -> list[T]:
    """What each gives. While the rows are held here, all of them come to wait for these; `meanwhile` is done then, by
    whoever holds them."""
    together = Barrier(len(requests) + 1)

    def ask(request: Callable[[], T]) -> T:
        together.wait()
        try:
            return request()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(requests)) as threads:
        with transaction.atomic():
            list(rows.select_for_update().order_by("pk"))
            asked = [threads.submit(ask, request) for request in requests]
            together.wait()
            if connection.vendor == "postgresql":
                until(lambda: waiting_for_a_lock() == len(requests), "all wait")
            meanwhile()
        return [answer.result() for answer in asked]


def waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
