"""Numbers for a running run's events, given out only while its process still owns the run.

A process that has lost a run, without knowing it yet, must not write to the session's log any more. The check for that
(the fence) and the numbering are one statement, so that nothing can happen between them.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from sessions_app.models import ChatSession

from .run import Run


def number(wanted: dict[UUID, tuple[UUID, int, int]]) -> dict[UUID, int]:
    """Reserve the next numbers of each session: {session pk: its new last_seq}.

    `wanted` is {session pk: (run id, epoch, how many)}. A session whose run is not running in that epoch any more is
    missing from the result.
    """
    key = ChatSession._meta.pk
    rows = []
    for session_pk, (run_id, epoch, count) in sorted(wanted.items()):
        rows += [
            key.get_db_prep_value(session_pk, connection),
            key.get_db_prep_value(run_id, connection),
            epoch,
            count,
        ]
    with connection.cursor() as cursor:
        values = ",".join(["(%s,%s,%s,%s)"] * len(wanted))
        cursor.execute(NUMBER.format(values=values), rows)
        return {key.to_python(pk): last_seq for pk, last_seq in cursor.fetchall()}


# `{values}` becomes placeholders; the other names are the tables' own.
NUMBER = f"""
WITH wanted(session_pk, run_pk, epoch, n) AS (VALUES {{values}})
UPDATE "{ChatSession._meta.db_table}" AS session SET last_seq = session.last_seq + wanted.n FROM wanted
WHERE session.id = wanted.session_pk AND EXISTS (
  SELECT 1 FROM "{Run._meta.db_table}" AS run
  WHERE run.id = wanted.run_pk AND run.epoch = wanted.epoch AND run.status = 'running')
RETURNING id, last_seq
"""  # noqa: S608
