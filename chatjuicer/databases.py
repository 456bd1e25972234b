"""What DATABASES says of each kind of database, and how long the database may take to answer."""

from pathlib import Path
from typing import Any, cast

from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from psycopg import ProgrammingError, _queries
from psycopg.conninfo import conninfo_to_dict

# Given up after that: a connection that is not made, and one whose other end acknowledges nothing.
CONNECT_TIMEOUT_S = 5
SILENT_TIMEOUT_S = 10
POSTGRESQL_URL = "postgresql://user:password@host:port/name"
POSTGRESQL_MOST_S = 2**31 // 1000  # it counts milliseconds in 32 bits


def sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "chatjuicer.sqlite",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA busy_timeout=20000;"
                "PRAGMA journal_mode=WAL;"
                "PRAGMA synchronous=FULL;"
                "PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-16000;"
                "PRAGMA journal_size_limit=67108864;"
                # While answers are written, a checkpoint each second in place of four, each within somebody's commit.
                "PRAGMA wal_autocheckpoint=4000;"
            ),
        },
    }


def postgresql(url: str, pool: dict[str, Any] | bool) -> dict[str, Any]:
    """`pool` is what psycopg_pool is made with; False: no pool. Raises ValueError, which says what is expected.

    What the `url` says of time-outs and keepalives wins over what is said here.
    """
    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError(POSTGRESQL_URL) from None
    if not all(port.isdecimal() or not port for port in parts.get("port", "").split(",")):
        raise ValueError(POSTGRESQL_URL)
    # psycopg takes a statement apart anew each time, in Python, where it has more places or is longer than that. Those
    # that begin and end a run have up to 300 places, and are the same each time.
    _queries.MAX_CACHED_STATEMENT_PARAMS = 300
    _queries.MAX_CACHED_STATEMENT_LENGTH = 16_384
    alive = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": SILENT_TIMEOUT_S * 1000,
        "keepalives": 1,
        "keepalives_idle": SILENT_TIMEOUT_S,
        "keepalives_interval": 3,
        "keepalives_count": 3,
    }
    return {
        "ENGINE": "chatjuicer.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**alive, **parts, "pool": pool},
    }


def prepare_to_serve() -> None:
    """For what serves clients, before it does; no other thread may use the database meanwhile.

    Raises CommandError where nothing was ever migrated. From now on every connection of this process has bounds, which
    migrations and other commands have not: they may take as long as they need. SQLite has its own.
    """
    try:
        empty = not MigrationRecorder(connection).has_table()
    except DatabaseError:  # it may come later; until then the process is not ready
        empty = False
    if empty:
        raise CommandError("The database is empty: run `python manage.py migrate` first, or serve with --prepare.")
    if connection.vendor == "postgresql":
        cast(Any, connection).bound()
