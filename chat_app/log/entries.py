"""What the run writers give to one commit, as statements: events numbered and inserted, rows changed.

Only of runs that this process still owns: the fence (chat_app/models/fence.py) is in the statement that says which
numbers have been given out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from django.db import transaction

from chat_app.protocol import Record, encode
from chatjuicer.api.times import rfc3339
from sessions_app.models import Addition, ChatSession, ContextItem, Writes

from .commit_hooks import commit_hooks
from .event import Event
from .record import add_events, give_out, insert, note_locked, tag
from .run_writer import Entry, RunWriter

Line = tuple[str, str]  # an event's type, and its JSON


class Held(Protocol):
    """A session that is locked: the highest number given out, and the session with what an Addition needs."""

    @property
    def last_seq(self) -> int: ...

    @property
    def session(self) -> ChatSession: ...


class Fence(Protocol):
    """What the journal asks of the runs' rows. Sessions whose run is lost are missing in what it answers."""

    def hold(self, entries: Iterable[Entry]) -> Mapping[UUID, Held]: ...

    def append(self, said: Sequence[tuple[Entry, Sequence[Line]]], now: datetime) -> Mapping[UUID, int]: ...


def write_entries(entries: Sequence[Entry], fence: Fence) -> list[RunWriter]:
    """Number the events, change the rows and insert the events, in the current transaction. The writers whose runs are
    lost are returned. Each session appears once."""
    writes = Writes()
    sessions = fence.hold(entries)
    note_locked(sessions)
    lost: list[RunWriter] = []
    others: list[tuple[Entry, int]] = []
    for entry in entries:
        session = sessions.get(entry.writer.session_pk)
        if session is None:
            lost.append(entry.writer)
        elif entry.has_rows:
            addition = Addition(session.session, writes)
            entry.context_before = addition.session.last_context_position
            entry.add_rows(addition)
            add_events(addition, entry.events, entry.writer.run_id)
            entry.upto = addition.session.last_seq
            addition.gather()
        else:
            others.append((entry, session.last_seq))
    if others:
        write_events(others, writes)
    writes.make()
    return lost


def write_events(entries: Iterable[tuple[Entry, int]], writes: Writes) -> None:
    """Of runs that have said more of the same, each with the highest number given out so far."""
    now = datetime.now(UTC)
    records = [record for entry, last_seq in entries for record in numbered(entry, lines_of(entry), last_seq, now)]
    if records:
        give_out(writes, {record.session_pk: record.seq for record in records})
        insert(writes, records, now)
        transaction.on_commit(lambda: commit_hooks.events_committed(records))


def append_events(entries: Sequence[Entry], fence: Fence) -> list[RunWriter]:
    """As write_entries, of entries that have events and change no row: by one statement of PostgreSQL, which is a
    transaction of its own."""
    now = datetime.now(UTC)
    said = [(entry, lines_of(entry)) for entry in entries]
    given_out = fence.append(said, now)
    records: list[Record] = []
    lost: list[RunWriter] = []
    for entry, lines in said:
        last_seq = given_out.get(entry.writer.session_pk)
        if last_seq is None:
            lost.append(entry.writer)
        else:
            records += numbered(entry, lines, last_seq, now)
    if records:
        commit_hooks.events_committed(records)
    return lost


def committed_after_all(entries: Iterable[Entry]) -> list[RunWriter] | None:
    """Of entries whose commit has failed: None if none of them is there, so that they are to be written again. All are
    if the answer to the commit was lost, and not the commit; then the writers whose runs are lost."""
    committed: list[Record] = []
    lost: list[RunWriter] = []
    are_there = False
    for entry in entries:
        if records := in_log(entry):
            entry.upto = records[-1].seq
            committed += records
        elif in_context(entry):
            are_there = True
        elif entry.events or entry.items:
            lost.append(entry.writer)
    if not committed and not are_there:
        return None
    commit_hooks.events_committed(committed)
    return lost


def in_log(entry: Entry) -> list[Record]:
    """The entry's events, if the run has written these, and not others, since the last one that its writer knows."""
    writer, lines = entry.writer, lines_of(entry)
    since = Event.objects.filter(session_id=writer.session_pk, run_id=writer.run_id).after(entry.after)
    records = list(since[: len(lines)].records(writer.session_pk, writer.public_id))
    return records if [(record.type, record.payload) for record in records] == lines else []


def in_context(entry: Entry) -> bool:
    """Whether the model's context has the items of an entry without events. Nobody but the run adds to it meanwhile."""
    if entry.events or not entry.items or entry.context_before is None:
        return False
    added = ContextItem.objects.filter(session_id=entry.writer.session_pk, run_id=entry.writer.run_id)
    return added.filter(position__gt=entry.context_before).exists()


def lines_of(entry: Entry) -> list[Line]:
    return [(tag(event), encode(event)) for event in entry.events]


def numbered(entry: Entry, lines: Sequence[Line], last_seq: int, now: datetime) -> list[Record]:
    """The entry's lines as records, after the highest number given out so far."""
    at, writer = rfc3339(now), entry.writer
    entry.upto = last_seq + len(lines)
    return [
        Record(writer.session_pk, writer.public_id, seq, writer.run_id, type, payload, at)
        for seq, (type, payload) in enumerate(lines, last_seq + 1)
    ]
