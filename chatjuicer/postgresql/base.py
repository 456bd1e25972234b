"""Django's backend for PostgreSQL, which does not wait for a database that is away.

psycopg_pool lets each caller wait for the whole of its `timeout`, and tries to connect after 1, 2, 4, … 256 s: a
database that had been away for a minute and a half cost each request 10 to 30 s, and the process was not ready before
25 s after it had come back. Here a short absence is waited out; in a long one a caller in RETRY_S asks again, and all
others are refused at once.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any, Self, TypeVar, cast

from django.conf import settings
from django.db import DatabaseError
from django.db import OperationalError as DjangoOperationalError
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor, OperationalError, errors
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout
from psycopg.pq import ConnStatus
from psycopg_pool import ConnectionPool

T = TypeVar("T")

PATIENCE_S = 3.0  # for which callers wait: as long as a restart takes
RETRY_S = 1.0
# Added to the bound of a statement, which the database keeps itself: one that is silent for longer is gone.
GRACE_S = 2.0


class DatabaseAway(OperationalError):
    pass


class Absence:
    """Of the database: it has refused a connection, and has answered nothing in this process since. A server that has
    no more connections to give answers those that it gave."""

    def __init__(self) -> None:
        self.since: float | None = None  # of the monotonic clock
        self.refuses = False  # the last that asked for a connection had none
        self._lock = Lock()
        self._asked_at = float("-inf")
        self._asking = False

    @property
    def is_long(self) -> bool:
        since = self.since
        return since is not None and time.monotonic() - since >= PATIENCE_S

    def refused(self) -> None:
        self.refuses = True
        with self._lock:
            if self.since is None:
                self.since = time.monotonic()

    def heard(self) -> None:
        self.since = None

    @contextmanager
    def asking_again(self) -> Iterator[None]:
        """For a connection. Raises DatabaseAway where somebody else does, or has just done so."""
        with self._lock:
            if self._asking or time.monotonic() - self._asked_at < RETRY_S:
                raise DatabaseAway("the database is away")
            self._asking = True
        try:
            yield
        finally:
            self._asked_at, self._asking = time.monotonic(), False


absence = Absence()


class PunctualConnection(Connection[Any]):
    """Gives up on a database that says nothing. The kernel notices a machine that is gone; a proxy that takes what it
    is sent and passes nothing on is noticed here alone."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> PunctualConnection:
        try:
            connection = super().connect(conninfo, **kwargs)
        except OperationalError:
            absence.refused()
            raise
        absence.refuses = False
        absence.heard()
        return connection

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        most_s = settings.DATABASE_STATEMENT_TIMEOUT_S
        if timeout is not None or not most_s:
            answer = super().wait(gen, interval, timeout)
        else:
            try:
                answer = super().wait(gen, interval, most_s + GRACE_S)
            except _WaitTimeout:
                self.pgconn.finish()
                raise OperationalError(f"the database said nothing for {most_s + GRACE_S:g} s") from None
        if absence.since is not None and not was_ended(self):
            absence.heard()
        return answer


def was_ended(connection: Connection[Any]) -> bool:
    """By the other end, from which hardly anything else comes where nothing was asked."""
    if connection.pgconn.status != ConnStatus.OK:
        return True
    unread = select.poll()
    unread.register(connection.pgconn.socket, select.POLLIN)
    return bool(unread.poll(0))


def refuse_waiting(pool: ConnectionPool[Any]) -> None:
    """For a pool that has tried to connect for PATIENCE_S. Whoever waits in it would wait for its `timeout`."""
    if not absence.is_long:
        return  # connections are there, which may be given back
    with pool._lock:  # noqa: SLF001  as its close() does it
        waiting = list(pool._waiting)  # noqa: SLF001
        pool._waiting.clear()  # noqa: SLF001
    for place in waiting:
        place.fail(DatabaseAway("the database is away"))


class RepeatingCursor(base.CursorMixin, Cursor[Any]):
    """Asks the same again and again. PostgreSQL keeps what it has made of a statement, for its connection, and is sent
    the values beside it. psycopg keeps the hundred that were asked last, and none after a ROLLBACK."""

    def execute(self, *args: Any, **kwargs: Any) -> Self:
        # For this statement alone: psycopg would remember the texts of all others, and what people have said in them.
        is_direct = cast(Any, self.connection).is_direct
        self.connection.prepare_threshold = PREPARED_AFTER if is_direct else None
        try:
            return super().execute(*args, **kwargs)
        finally:
            self.connection.prepare_threshold = None


PREPARED_AFTER = 2
# A column has another type since; or somebody has thrown all statements of the connection away.
OUTDATED = (errors.FeatureNotSupported, errors.InvalidSqlStatementName)


# What a pool is made with where clients are served.
PUNCTUAL = {
    "connection_class": PunctualConnection,
    "reconnect_timeout": PATIENCE_S,
    "reconnect_failed": refuse_waiting,
}


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """Of a prepared statement psycopg does not say it."""
        return super().last_executed_query(cursor, sql, params) or sql


class DatabaseWrapper(base.DatabaseWrapper):
    """After a restart of the database nobody is given one of the connections from before, and where it gives no more
    of them nobody keeps one."""

    ops_class = DatabaseOperations

    def bound(self) -> None:
        """Gives bounds to every connection that this process makes from now on."""
        self.close()
        self.close_pool()
        bounds = {
            "statement_timeout": settings.DATABASE_STATEMENT_TIMEOUT_S,
            "lock_timeout": settings.DATABASE_LOCK_TIMEOUT_S,
            "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_TRANSACTION_TIMEOUT_S,
        }
        # What a search may cost is not known before, and compiling its plan takes longer than following it.
        said = ["-c jit=off", *(f"-c {name}={round(seconds * 1000)}" for name, seconds in bounds.items())]
        options = self.settings_dict["OPTIONS"]
        # The last of two wins, and what DATABASE_URL says comes last.
        options["options"] = " ".join([*said, options.get("options", "")]).rstrip()
        options["pool"] = {**options["pool"], **PUNCTUAL}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        while True:
            is_away = absence.is_long and not self.pool.get_stats()["pool_available"]
            with absence.asking_again() if is_away else nullcontext():
                given = super().get_new_connection(conn_params)
            if not self.pool or not was_ended(given):
                return given
            given.close()
            self.pool.putconn(given)

    @contextmanager
    def repeating(self) -> Iterator[CursorWrapper]:
        """A cursor for statements that are few, and asked all the time. Raises OperationalError, for which a new
        connection is the cure, where what the database has kept of one is of no use any more."""
        self.ensure_connection()
        try:
            made = RepeatingCursor(self.connection)
            with cast(Any, self)._prepare_cursor(made) as cursor:  # noqa: SLF001  as it does with all its cursors
                yield cursor
        except DatabaseError as error:
            if not isinstance(error.__cause__, OUTDATED):
                raise
            self.connection.close()
            raise DjangoOperationalError("a prepared statement is outdated") from error.__cause__

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is asked is sent together, and answered when an answer is fetched."""
        self.ensure_connection()
        with self.wrap_database_errors, self.connection.pipeline():
            yield

    def init_connection_state(self) -> None:
        """Behind a pooler that gives one connection to many, whose statements have the same names, none may be
        prepared. It says another number of the process that serves the connection than that says itself."""
        super().init_connection_state()
        given = cast(Any, self.connection)
        if not hasattr(given, "is_direct"):
            (pid,) = given.execute("SELECT pg_backend_pid()").fetchone()
            given.is_direct = pid == given.info.backend_pid

    def close_if_unusable_or_obsolete(self) -> None:
        if self.connection is not None and not self.in_atomic_block:
            if was_ended(self.connection):
                self.connection.close()
                self.close()
            elif absence.refuses:
                self.close()
        super().close_if_unusable_or_obsolete()
