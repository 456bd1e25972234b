"""Calls of the ORM from the event loop: a few long-lived threads, each with a connection of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from chatjuicer.api.exceptions import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")


def with_fresh_connection(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """For calls in long-lived threads, where no request ends: a connection that is broken or too old is closed before
    and after the call."""
    close_old_connections()
    try:
        return call(*args, **kwargs)
    finally:
        close_old_connections()


async def in_database(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a synchronous call that uses the ORM.

    asgiref's `sync_to_async` would put every such call of the process on one thread, and `asyncio.to_thread` would open
    a connection for each of its threads and never close it. Raises Unavailable if the database does not answer.
    """
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_threads, lambda: with_fresh_connection(call, *args, **kwargs))
    except (OperationalError, InterfaceError) as error:
        raise Unavailable() from error
