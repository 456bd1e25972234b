"""What Django's DATABASES has to say of each kind of database."""

from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict


def sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
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
            ),
        },
    }


def postgresql(url: str, pool: dict[str, Any] | bool) -> dict[str, Any]:
    """`pool` is what psycopg_pool is made with; False: no pool. Raises psycopg.ProgrammingError for a bad `url`."""
    parts: dict[str, Any] = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**parts, "pool": pool},
    }
