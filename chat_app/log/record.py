"""Writing to a session's log, in the transaction of the change that the events tell of.

Events are numbered from the session's row. All of them go through `record`, except the many small ones of a running
answer: the journal numbers those in batches and uses `insert` below.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from chat_app.exceptions import SessionGone
from chat_app.protocol import Event as LogEvent
from chat_app.protocol import Record, encode
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import seal
from sessions_app.models import AccountEvent, ChatSession
from sessions_app.models.statements import update_returning

from .commit_hooks import commit_hooks
from .event import Event


def lock_session(session_pk: UUID) -> ChatSession:
    """The session's row, locked until the transaction ends, so that what happens in a session happens in one order."""
    session = ChatSession.objects.select_for_update().filter(pk=session_pk).first()
    if session is None:
        raise SessionGone()
    if session.packed:
        session.unpack()
    return session


def record(
    session: ChatSession, events: Iterable[LogEvent], run_id: UUID | None = None, state: str | None = None
) -> list[Record]:
    """Number the events and insert them; clients are notified after the commit. Must run inside a transaction.

    `state`: what the session is in from now on, written by the statement that numbers the events.
    """
    events = list(events)
    rows = ChatSession.objects.filter(pk=session.pk)
    changes = {} if state is None else {"state": str(state)}
    numbered = update_returning(rows, ("last_seq", "packed"), last_seq=F("last_seq") + len(events), **changes)
    if not numbered:
        return []
    session.last_seq, packed = numbered[0]
    if state is not None:
        session.state = str(state)
        AccountEvent.objects.note(session, AccountEvent.Type.STATE)
    if packed:
        session.unpack()
    first = session.last_seq - len(events) + 1
    now = datetime.now(UTC)
    at = rfc3339(now)
    records = [
        Record(session.pk, session.public_id, first + n, run_id, tag(event), encode(event), at)
        for n, event in enumerate(events)
    ]
    insert(records, now)
    transaction.on_commit(lambda: commit_hooks.events_committed(records))
    return records


def insert(records: list[Record], now: datetime) -> None:
    """The rows of numbered records, by few statements and without model instances: every delta passes here."""
    session_field, run_field = Event._meta.get_field("session"), Event._meta.get_field("run_id")
    at_field = Event._meta.get_field("at")
    moment = at_field.get_db_prep_value(now, connection)
    rows: list[Any] = []
    for r in records:
        rows += (
            session_field.get_db_prep_value(r.session_pk, connection),
            r.seq,
            run_field.get_db_prep_value(r.run_id, connection),
            r.type,
            seal(r.payload),
            moment,
        )
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_PER_INSERT * 6):
            part = rows[start : start + ROWS_PER_INSERT * 6]
            values = ",".join(["(%s,%s,%s,%s,%s,%s)"] * (len(part) // 6))
            statement = f"INSERT INTO {EVENTS} (session_id,seq,run_id,type,payload,at) VALUES {values}"  # noqa: S608
            cursor.execute(statement, part)


EVENTS = f'"{Event._meta.db_table}"'
ROWS_PER_INSERT = 150  # 900 parameters: below SQLite's oldest limit of 999


def tag(event: LogEvent) -> str:
    """The wire's name of an event's type."""
    return str(type(event).__struct_config__.tag)
