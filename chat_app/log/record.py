"""Writing to a session's log, in the transaction of the change that the events tell of.

Events are numbered from the session's row. All of them go through `record`, except the many small ones of a running
answer: the journal numbers those in batches and uses `insert` below.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from chat_app.exceptions import SessionGone, SessionPacked
from chat_app.protocol import Event as LogEvent
from chat_app.protocol import Record, encode
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import seal
from sessions_app.models import AccountEvent, Addition, ChatSession, Writes
from sessions_app.models.sessions import KNOWN
from sessions_app.models.statements import (
    MOST_PARAMS,
    arrays_of,
    as_param,
    columns_of,
    loaded,
    rows_of,
    rows_of_second,
    update_returning,
)

from .commit_hooks import commit_hooks
from .event import Event

_held = threading.local()


@contextmanager
def holding(sessions: Collection[UUID]) -> Iterator[None]:
    """For a transaction in which several sessions change: their rows are locked at once and in one order, for two
    processes whose transactions have the same sessions would otherwise wait for each other."""
    _lock(sorted(sessions))
    _held.sessions = set(sessions)
    try:
        yield
    finally:
        del _held.sessions


def note_locked(sessions: Iterable[UUID]) -> None:
    """By a statement of the same transaction, in that order."""
    if hasattr(_held, "sessions"):
        _held.sessions.update(sessions)


def lock_session(session_pk: UUID) -> ChatSession:
    """The session's row, locked until the transaction ends, so that what happens in a session happens in one order.

    Raises SessionGone; and SessionPacked in a transaction that others share, who would wait until it is unpacked.
    """
    rows = rows_once_held(session_pk, SESSION, [as_param(ChatSession, session_pk)])
    return of_row(rows[0] if rows else None)


def verb_transaction() -> transaction.Atomic:
    """All of a verb or nothing. In a transaction that others share, whoever has begun it undoes a verb that failed."""
    return transaction.atomic(savepoint=not hasattr(_held, "sessions"))


def hold(session_pk: UUID) -> bool:
    """Locks the session's row, unless the transaction has locked it; False if there is none."""
    return _is_held(session_pk) or _lock([session_pk])


def rows_once_held(session_pk: UUID, statement: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What the statement, which reads that session, finds once its row is locked: nothing if there is none."""
    if _is_held(session_pk):
        return rows_of(statement, params)
    return rows_of_second((LOCK.format(places="%s"), [as_param(ChatSession, session_pk)]), (statement, params))


def of_row(row: Sequence[Any] | None) -> ChatSession:
    """The session of a row that begins with all its columns. Raises as lock_session does."""
    if row is None:
        raise SessionGone()
    session = loaded(ChatSession, row)
    if session.packed:
        if hasattr(_held, "sessions"):
            raise SessionPacked(session)
        session.unpack()
    return session


def _is_held(session_pk: UUID) -> bool:
    """SQLite has one lock, which the transaction holds."""
    return not connection.features.has_select_for_update or session_pk in getattr(_held, "sessions", ())


def _lock(sessions: Sequence[UUID]) -> bool:
    if not connection.features.has_select_for_update or not sessions:
        return True
    places = ",".join(["%s"] * len(sessions))
    return bool(rows_of(LOCK.format(places=places), [as_param(ChatSession, pk) for pk in sessions]))


SESSIONS = f'"{ChatSession._meta.db_table}"'
LOCK = f"SELECT 1 FROM {SESSIONS} WHERE id IN ({{places}}) ORDER BY id FOR UPDATE"  # noqa: S608
SESSION = f"""
SELECT {columns_of(ChatSession, "session")} FROM {SESSIONS} session WHERE id = %s AND {KNOWN}
"""  # noqa: S608


def add_events(addition: Addition, events: Iterable[LogEvent], run_id: UUID | None = None) -> list[Record]:
    """Number the events among what is added to a session; clients are notified after the commit."""
    events, session, at = list(events), addition.session, rfc3339(addition.now)
    records = [
        Record(session.pk, session.public_id, seq, run_id, tag(event), encode(event), at)
        for seq, event in enumerate(events, addition.number(len(events)))
    ]
    insert(addition.writes, records, addition.now)
    transaction.on_commit(lambda: commit_hooks.events_committed(records))
    return records


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
    writes = Writes()
    insert(writes, records, now)
    writes.make()
    transaction.on_commit(lambda: commit_hooks.events_committed(records))
    return records


def insert(writes: Writes, records: list[Record], now: datetime) -> None:
    """The rows of numbered records, without model instances: every delta passes here."""
    if not records:
        return
    moment = AT.get_db_prep_value(now, connection)
    keys = {r.session_pk: as_param(ChatSession, r.session_pk) for r in records}
    runs = {r.run_id: RUN_ID.get_db_prep_value(r.run_id, connection) for r in records}
    rows = [(keys[r.session_pk], r.seq, runs[r.run_id], r.type, seal(r.payload)) for r in records]
    if connection.vendor == "postgresql":
        writes.add(INSERT_ALL, [moment, *arrays_of(rows)])
        return
    for start in range(0, len(rows), ROWS_PER_INSERT):
        part = rows[start : start + ROWS_PER_INSERT]
        params = [value for row in part for value in (*row, moment)]
        values = ",".join(["(%s,%s,%s,%s,%s,%s)"] * len(part))
        writes.add(f"INSERT INTO {EVENTS} (session_id,seq,run_id,type,payload,at) VALUES {values}", params)  # noqa: S608


def give_out(writes: Writes, last_seq: Mapping[UUID, int]) -> None:
    """The sessions, which are locked, get the numbers of their last events."""
    rows = [(as_param(ChatSession, pk), seq) for pk, seq in last_seq.items()]
    if connection.vendor == "postgresql":
        writes.add(GIVE_OUT_ALL, arrays_of(rows))
        return
    values = ",".join(["(%s,%s)"] * len(rows))
    writes.add(GIVE_OUT.format(values=values), [value for row in rows for value in row])


# SQLite calls the columns of VALUES so.
GIVE_OUT = f"UPDATE {SESSIONS} SET last_seq=given.column2 FROM (VALUES {{values}}) AS given WHERE id=given.column1"  # noqa: S608
EVENTS = f'"{Event._meta.db_table}"'
GIVE_OUT_ALL = f"""
UPDATE {SESSIONS} SET last_seq = given.seq FROM unnest(%s::uuid[], %s::bigint[]) AS given(pk, seq) WHERE id = given.pk
"""  # noqa: S608
INSERT_ALL = f"""
INSERT INTO {EVENTS} (at, session_id, seq, run_id, type, payload)
SELECT %s, * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::text[], %s::text[])
"""  # noqa: S608
AT, RUN_ID = Event._meta.get_field("at"), Event._meta.get_field("run_id")
ROWS_PER_INSERT = MOST_PARAMS // 6


def tag(event: LogEvent) -> str:
    """The wire's name of an event's type."""
    return str(type(event).__struct_config__.tag)
