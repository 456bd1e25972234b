"""What an exchange takes on the disk, indexes included, and what is left of it later."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tests.benchmarks.stand import Stand
from tests.benchmarks.storage import housekeep, prose
from tests.benchmarks.streams import Stream
from tests.benchmarks.table import Row, Table

SESSIONS, EACH = 20, 10
ANSWER_CHARS = 1_500
PACE = 100  # pieces a second, as models of today give them


async def disk(stand: Stand) -> Table:
    table = Table(
        f"An exchange on the disk, of a question and an answer of {ANSWER_CHARS:,} characters in {EACH} of a session",
        ["state", "kB each", "times its text"],
    )
    empty = await asyncio.to_thread(size_bytes, stand)
    streams = [
        await Stream().open(stand.socket_url(await stand.create_session()), stand.token) for _ in range(SESSIONS)
    ]
    text = prose()
    said_bytes = 0
    for number in range(EACH):
        for at, stream in enumerate(streams):
            start = (number * 131 + at * 17) % 4_000
            stream.say(f"pace {PACE}; echo {text[start : start + ANSWER_CHARS]}")
        await asyncio.wait_for(asyncio.gather(*(stream.ended.wait() for stream in streams)), 120)
        said_bytes += 2 * sum(len(stream.text.encode()) for stream in streams)
    for stream in streams:
        stream.socket.close()
    for state, settings in (
        ("just said", None),
        ("folded, after ten minutes", {"FOLD_AFTER_S": "0"}),
        ("archived, after ARCHIVE_AFTER_DAYS", {"FOLD_AFTER_S": "0", "ARCHIVE_AFTER_DAYS": "0.00001"}),
    ):
        if settings:
            await asyncio.to_thread(housekeep, stand, settings)
        taken_bytes = await asyncio.to_thread(size_bytes, stand) - empty
        each_kb = taken_bytes / SESSIONS / EACH / 1000
        table.rows.append(Row([state, f"{each_kb:.1f}", f"{taken_bytes / said_bytes:.1f}"]))
    return table


def size_bytes(stand: Stand) -> int:
    """Of the whole database, without what deleted rows have left free."""
    if stand.site.database_url:
        with psycopg.connect(stand.site.database_url, autocommit=True) as database:
            database.execute("VACUUM (FULL)")
            row = database.execute("SELECT pg_database_size(current_database())").fetchone()
            assert row is not None
            return int(row[0])
    path = Path(stand.site.environment["DATA_DIR"]) / "app.db"
    with closing(sqlite3.connect(path, timeout=60)) as database:
        free, pages, page_bytes = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count", "page_size")
        )
        return int((pages - free) * page_bytes)
