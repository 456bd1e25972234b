"""What an answer takes in the database: all columns of all its rows, before and after its deltas are folded."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg

from tests.benchmarks.stand import Stand
from tests.benchmarks.streams import Stream
from tests.benchmarks.table import Row, Table
from tests.harness.server import ROOT

CHARS = 6_000
PACE = 200
LIMIT = 3  # times the text

EVENTS = "SELECT * FROM chat_app_event WHERE run_id = {run} AND type <> 'message_created'"
MESSAGES = "SELECT * FROM sessions_app_message WHERE run_id = {run} AND role <> 'user'"
CONTEXT = 'SELECT * FROM llm_context WHERE run_id = {run} AND item NOT LIKE \'%"role":"user"%\''


async def storage(stand: Stand) -> Table:
    table = Table(
        f"Storage of an answer of {CHARS:,} characters",
        ["state", "rows of the log", "log kB", "all kB", "times its text"],
    )
    session = await stand.create_session()
    stream = await Stream().open(stand.socket_url(session), stand.token)
    stream.say(f"pace {PACE}; echo {prose()}")
    await stream.ended.wait()
    run_id = (await stand.detail(session))["messages"][-1]["run_id"]
    text_bytes = len(stream.text.encode())
    for state in ("just said", "folded"):
        if state == "folded":
            await asyncio.to_thread(housekeep, stand, {"FOLD_AFTER_S": "0"})
        (rows, log_bytes), *others = [rows_of(stand, query, run_id) for query in (EVENTS, MESSAGES, CONTEXT)]
        all_bytes = log_bytes + sum(size_bytes for _, size_bytes in others)
        times = all_bytes / text_bytes
        row = Row([state, str(rows), f"{log_bytes / 1e3:.1f}", f"{all_bytes / 1e3:.1f}", f"{times:.1f}"])
        if state == "folded":
            row.expect(f"≤ {LIMIT}", times <= LIMIT)
        table.rows.append(row)
    return table


def prose() -> str:
    """Words of our own documents, which read like an answer."""
    words = re.findall(r"[A-Za-z]+[.,]?", (ROOT / "docs/operations.md").read_text())
    return " ".join(words)[:CHARS]


def housekeep(stand: Stand, settings: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "housekeep"],
        cwd=ROOT,
        env=stand.site.environment | settings,
        check=True,
        capture_output=True,
    )


def rows_of(stand: Stand, query: str, run_id: str) -> tuple[int, int]:
    """How many rows, and the bytes of what their columns hold."""
    rows = read(stand, query.format(run=f"'{UUID(run_id).hex}'"))
    return len(rows), sum(len(str(value).encode()) for row in rows for value in row if value is not None)


def read(stand: Stand, statement: str) -> list[tuple[object, ...]]:
    if stand.site.database_url:
        with psycopg.connect(stand.site.database_url) as database:
            return database.execute(statement.encode()).fetchall()
    with closing(sqlite3.connect(Path(stand.site.environment["DATA_DIR"]) / "app.db")) as database:
        return database.execute(statement).fetchall()
