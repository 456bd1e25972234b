"""Numbers for a running run's events, given out only while its process still owns the run.

A process that has lost a run, without knowing it yet, must not write to the session's log any more. The check for that
(the fence) is in the statement that gives out, or reads, the numbers. The sessions are locked before it: while it
waited for a session's row, the run could be ended, and PostgreSQL would look again at that row but not at the run's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS

from chat_app.log.run_writer import Entry
from sessions_app.models import ChatSession
from sessions_app.models.statements import as_param, rows_of

from .run import Run

KEY = ChatSession._meta.pk
KEYS = ("id", "owner_id", "leaf_id")


def number(entries: Iterable[Entry]) -> dict[UUID, int]:
    """Reserve the next numbers for the events of each: {session pk: its new last_seq}. Each session appears once.

    Those whose run is not running in that epoch any more are missing.
    """
    wanted = [(*_of_run(entry), len(entry.events)) for entry in entries]
    rows = rows_of(NUMBER.format(values=_places(wanted)), [value for row in wanted for value in row])
    return {KEY.to_python(pk): last_seq for pk, last_seq in rows}


def sessions_of(entries: Iterable[Entry]) -> dict[UUID, ChatSession]:
    """The session of each, with what has been given out by now and no other fields; missing as with `number`."""
    wanted = [_of_run(entry) for entry in entries]
    rows = rows_of(GIVEN_OUT.format(values=_places(wanted)), [value for row in wanted for value in row])
    sessions = [ChatSession.from_db(DEFAULT_DB_ALIAS, FIELDS, _values(row)) for row in rows]
    return {session.pk: session for session in sessions}


def _values(row: tuple[Any, ...]) -> list[Any]:
    return [KEY.to_python(value) if name in KEYS else value for name, value in zip(FIELDS, row, strict=True)]


def _of_run(entry: Entry) -> tuple[Any, ...]:
    writer = entry.writer
    return as_param(ChatSession, writer.session_pk), as_param(Run, writer.run_id), writer.epoch


def _places(rows: list[tuple[Any, ...]]) -> str:
    return ",".join(["(" + ",".join(["%s"] * len(rows[0])) + ")"] * len(rows))


# In the order of the model, as `from_db` wants them.
FIELDS = (
    "id", "owner_id", "public_id", "message_count", "last_position", "leaf_id", "last_context_position", "last_seq",
)  # fmt: skip
COLUMNS = "id, owner_id, session_id, message_count, last_position, leaf_id, last_context_position, last_seq"
FENCE = f"""EXISTS (
  SELECT 1 FROM "{Run._meta.db_table}" AS run
  WHERE run.id = wanted.run_pk AND run.epoch = wanted.epoch AND run.status = 'running')"""  # noqa: S608
# `{values}` becomes placeholders; the other names are the tables' own.
NUMBER = f"""
WITH wanted(session_pk, run_pk, epoch, n) AS (VALUES {{values}})
UPDATE "{ChatSession._meta.db_table}" AS session SET last_seq = session.last_seq + wanted.n FROM wanted
WHERE session.id = wanted.session_pk AND {FENCE}
RETURNING id, last_seq
"""  # noqa: S608
GIVEN_OUT = f"""
WITH wanted(session_pk, run_pk, epoch) AS (VALUES {{values}})
SELECT {COLUMNS}
FROM "{ChatSession._meta.db_table}" AS session JOIN wanted ON session.id = wanted.session_pk AND {FENCE}
"""  # noqa: S608
