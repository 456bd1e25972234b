"""The sessions of running runs, for what these write: locked, and only while the process still owns the run.

A process that has lost a run, without knowing it yet, must not write to the session's log any more. The check for that
(the fence) is in the statement that locks the session and says which numbers have been given out. It locks the run,
too: the run may end while the statement waits for the session's row, and after the wait PostgreSQL re-checks only rows
that it locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from chat_app.log.entries import Line
from chat_app.log.record import EVENTS, SESSIONS
from chat_app.log.run_writer import Entry
from chatjuicer.encryption import seal
from sessions_app.models import ChatSession
from sessions_app.models.statements import arrays_of, as_param, field_of, instance_of, rows_of

from .run import Run

KEY = ChatSession._meta.pk
KEYS = ("id", "owner_id", "leaf_id")


class Held(NamedTuple):
    row: tuple[Any, ...]  # of COLUMNS

    @property
    def last_seq(self) -> int:
        return int(self.row[-1])

    @property
    def session(self) -> ChatSession:
        """With these fields and no others."""
        values = [KEY.to_python(value) if name in KEYS else value for name, value in zip(FIELDS, self.row, strict=True)]
        return instance_of(ChatSession, FIELDS, values)


def hold(entries: Iterable[Entry]) -> dict[UUID, Held]:
    """The session of each, which appears once, by its key; locked until the transaction ends, in one order. Those whose
    run is not running in that epoch any more are missing, and not locked."""
    wanted = [_of_run(entry) for entry in entries]
    if connection.vendor == "postgresql":
        rows = rows_of(HOLD, arrays_of(wanted))
    else:
        places = ",".join(["(%s,%s,%s)"] * len(wanted))
        rows = rows_of(GIVEN_OUT.format(wanted=f"VALUES {places}"), [value for row in wanted for value in row])
    return {KEY.to_python(row[0]): Held(row) for row in rows}


def append(said: Sequence[tuple[Entry, Sequence[Line]]], now: datetime) -> dict[UUID, int]:
    """Numbers the lines and inserts them as events, all by one statement of PostgreSQL: the highest number that each
    session, which appears once, had given out before. Those whose run is not running in that epoch any more are
    missing, and nothing is written of them."""
    wanted = [(*_of_run(entry), len(lines)) for entry, lines in said]
    events = [
        (entry.writer.session_pk, number, type, seal(payload))
        for entry, lines in said
        for number, (type, payload) in enumerate(lines, 1)
    ]
    return dict(rows_of(APPEND, [*arrays_of(wanted), now, *arrays_of(events)]))


def _of_run(entry: Entry) -> tuple[Any, ...]:
    writer = entry.writer
    return as_param(ChatSession, writer.session_pk), as_param(Run, writer.run_id), writer.epoch


# In the order of the model, as `from_db` wants them.
FIELDS = (
    "id", "owner_id", "public_id", "message_count", "last_position", "leaf_id", "last_context_position", "last_seq",
)  # fmt: skip
COLUMNS = ", ".join(f"session.{field_of(ChatSession, name).column}" for name in FIELDS)
FENCE = "run.id = wanted.run_pk AND run.epoch = wanted.epoch AND run.status = 'running'"
FENCED = f"""
wanted JOIN {SESSIONS} AS session ON session.id = wanted.session_pk
JOIN "{Run._meta.db_table}" AS run ON {FENCE} ORDER BY session.id
"""
LOCKING = "FOR UPDATE OF session FOR NO KEY UPDATE OF run"
# `{wanted}` becomes rows; the other names are the tables' own.
GIVEN_OUT = f"""
WITH wanted(session_pk, run_pk, epoch) AS ({{wanted}})
SELECT {COLUMNS} FROM {FENCED}
"""  # noqa: S608
RUNS = "%s::uuid[], %s::uuid[], %s::bigint[]"
HOLD = GIVEN_OUT.format(wanted=f"SELECT * FROM unnest({RUNS})") + LOCKING  # noqa: S608
# What waited for a session's row finds it, and the run's, as they are by then, and not as they were at its beginning.
APPEND = f"""
WITH wanted(session_pk, run_pk, epoch, count) AS (SELECT * FROM unnest({RUNS}, %s::bigint[])),
held AS (SELECT session.id, session.last_seq, run.id AS run_pk, wanted.count FROM {FENCED} {LOCKING}),
given_out AS (
  UPDATE {SESSIONS} AS session SET last_seq = held.last_seq + held.count FROM held WHERE session.id = held.id
), added AS (
  INSERT INTO {EVENTS} (session_id, seq, run_id, type, payload, at)
  SELECT held.id, held.last_seq + event.number, held.run_pk, event.type, event.payload, %s
  FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[]) AS event(session_pk, number, type, payload)
  JOIN held ON held.id = event.session_pk
)
SELECT id, last_seq FROM held
"""  # noqa: S608
