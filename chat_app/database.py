"""Calls of the ORM from the event loop: a few long-lived threads, each with a connection of its own."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from chatjuicer.api.exceptions import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

KEEP_S = 30.0
KEEPING_POOL = 16
"""Connections of a pool at least half of which are left, where the threads that keep one have it."""

_thread = threading.local()


def keep_connection() -> None:
    """In a thread that asks all the time, of which a process has eight: it keeps a connection of the pool for KEEP_S.
    To take one and to give it back after each call costs as much as the statement in between."""
    _thread.keeps = settings.DATABASE_POOL_MAX >= KEEPING_POOL


@receiver(connection_created)
def _prolong(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.close_at is not None and getattr(_thread, "keeps", False):
        connection.close_at = time.monotonic() + KEEP_S


THREADS = 4
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database", initializer=keep_connection)
_own_thread = ThreadPoolExecutor(1, thread_name_prefix="leases", initializer=keep_connection)


def with_fresh_connection(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """For calls in long-lived threads, where no request ends: a connection that is broken or too old is closed before
    and after the call."""
    close_old_connections()
    try:
        return call(*args, **kwargs)
    finally:
        close_old_connections()


def is_away(error: OperationalError) -> bool:
    """Whether the database can take nothing at all at present: it is gone or stopping, has no room, or (SQLite)
    somebody else writes. Else it has answered, and what it was asked is what it does not take: a row is locked, a
    statement takes too long, a limit is reached."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    state = getattr(cause, "sqlstate", None)
    return state is None or (state[:2] in AWAY and state != STATEMENT_TIMEOUT)


AWAY = ("08", "53", "57", "58")  # classes of PostgreSQL's errors: connections, resources, operators, the system
STATEMENT_TIMEOUT = "57014"


async def in_database(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a synchronous call that uses the ORM.

    asgiref's `sync_to_async` would put every such call of the process on one thread, and `asyncio.to_thread` would open
    a connection for each of its threads and never close it. Raises Unavailable if the database does not answer.
    """
    return await _in(_threads, lambda: call(*args, **kwargs))


async def beside_all(call: Callable[[], T]) -> T:
    """As `in_database`, for what must not wait behind calls that wait for locks."""
    return await _in(_own_thread, call)


async def _in(threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, with_fresh_connection, call)
    except (OperationalError, InterfaceError) as error:
        raise Unavailable() from error
