"""Bugs, each the kind that a tool of tests/faults exists to find. A tool switches one on in a running server."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from chat_app.database import in_database
from chat_app.delivery import hub as hub_module
from chat_app.delivery import logs
from chat_app.delivery.hub import Channel, Hub
from chat_app.delivery.outbox import Outbox
from chat_app.log import journal as journal_module
from chat_app.log.journal import Call, Journal
from chat_app.models import fence as fence_module
from chat_app.models.run import RunManager
from chat_app.models.status import RunStatus
from chat_app.protocol import Record
from sessions_app.models import AccountEvent, ChatSession
from sessions_app.models.account_log import AccountEventManager

from . import leave_trace, path_of, replace

BUGS = (
    "drop-one-in-10000",
    "accept-before-commit",
    "late-write-not-fenced",
    "read-before-subscribe",
    "synchronous-off",
    "layer-is-believed",
    "names-are-forgotten",
    "questions-are-not-told",
)


# Django's stubs leave out what is private.
Wrapper: Any = BaseDatabaseWrapper


def planted(bug: str) -> bool:
    return os.path.exists(path_of(f"bug-{bug}"))


def install() -> None:
    drop_events()
    accept_before_commit()
    write_late()
    read_before_subscribing()
    believe_the_layer()
    turn_synchronous_off()
    forget_names()
    tell_no_questions()
    note_durability()


def drop_events() -> None:
    """One record in 10,000 of all that are read from the log for a client never arrives."""
    page, count = logs.page, itertools.count(1)

    def page_with_a_hole(*args: Any) -> tuple[list[Record], int]:
        records, forgotten = page(*args)
        if not planted("drop-one-in-10000"):
            return records, forgotten
        # Not the last of a page: the reader would take it for the head, and ask again.
        kept = [record for record in records[:-1] if next(count) % 10_000] + records[-1:]
        if len(kept) < len(records):
            leave_trace("drop-one-in-10000")
        return kept, forgotten

    replace(hub_module, "page", page_with_a_hole)


def accept_before_commit() -> None:
    make = Journal._make

    def make_and_tell(journal: Journal, call: Call) -> None:
        make(journal, call)
        if planted("accept-before-commit") and call.error is None:

            def tell() -> None:
                if not call.answer.done():
                    leave_trace("accept-before-commit")
                    call.answer.set_result(call.result)

            journal._loop.call_soon_threadsafe(tell)
            time.sleep(0.03)

    replace(Journal, "_make", make_and_tell)


def write_late() -> None:
    """The statements that give out the numbers ask neither for the run's epoch nor whether it still runs."""
    fenced = fence_module.GIVEN_OUT, fence_module.HOLD, fence_module.APPEND
    unfenced = [statement.replace(fence_module.FENCE, "run.id = wanted.run_pk") for statement in fenced]

    def unfenced_while_planted(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_all(*args: Any) -> Any:
            late = planted("late-write-not-fenced")
            fence_module.GIVEN_OUT, fence_module.HOLD, fence_module.APPEND = unfenced if late else fenced
            lost = write(*args)
            if late:
                leave_trace("late-write-not-fenced")
            return lost

        return write_all

    for name in ("write_entries", "append_events"):
        replace(journal_module, name, unfenced_while_planted(getattr(journal_module, name)))


def read_before_subscribing() -> None:
    replay = Hub.replay

    async def replay_late(hub: Hub, channel: Channel, outbox: Outbox, after: int) -> AsyncIterator[Record | str]:
        if planted("read-before-subscribe"):
            records, _ = await in_database(logs.page, channel.log, after)
            for record in records:
                yield record
            await asyncio.sleep(0.05)
            read = records[-1].seq if records else 0
            if channel.head > max(read, after):
                leave_trace("read-before-subscribe")
            after = max(channel.head, read)
        async for frame in replay(hub, channel, outbox, after):
            yield frame

    replace(Hub, "replay", replay_late)


def believe_the_layer() -> None:
    """What another process announces is handed out as it comes, and where a number is missing nobody looks."""
    hear, find = Hub.receive_records, Hub._look_for_missing

    def receive_and_believe(hub: Hub, records: list[Record]) -> None:
        if not planted("layer-is-believed"):
            hear(hub, records)
            return
        for record in records:
            channel = hub._channels.get(record.session_pk)
            if channel is not None and channel.opened and record.seq > channel.head:
                channel.known = max(channel.known, record.seq)
                hub._hand_out(channel, record)

    def find_or_not(hub: Hub, channel: Channel) -> None:
        if planted("layer-is-believed"):
            leave_trace("layer-is-believed")
        else:
            find(hub, channel)

    replace(Hub, "receive_records", receive_and_believe)
    replace(Hub, "_look_for_missing", find_or_not)


def forget_names() -> None:
    """What comes a second time under the name that its sender gave it is taken for something new."""
    find = RunManager.started_before

    def find_or_not(runs: RunManager, *said: Any) -> Any:
        found = find(runs, *said)
        if found is None or not planted("names-are-forgotten"):
            return found
        leave_trace("names-are-forgotten")
        return None

    replace(RunManager, "started_before", find_or_not)


def tell_no_questions() -> None:
    """The account's log says nothing of a session that begins to wait for its person."""
    note = AccountEventManager.note

    def note_or_not(events: AccountEventManager, session: ChatSession, type: AccountEvent.Type) -> None:
        if planted("questions-are-not-told") and session.state == RunStatus.AWAITING_APPROVAL:
            leave_trace("questions-are-not-told")
        else:
            note(events, session, type)

    replace(AccountEventManager, "note", note_or_not)


def turn_synchronous_off() -> None:
    """A connection is told when it is given out, and, as some are kept, between two uses: nothing, unless the bug is
    switched on, or off again. How the product sets it is what is looked at."""
    settle = Wrapper.close_if_unusable_or_obsolete
    told: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()

    def tell(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        off = planted("synchronous-off")
        one = connection.connection if connection.vendor == "postgresql" else connection  # of a pool, or its own
        if told.get(one, False) != off:
            connection.cursor().execute(SYNCHRONOUS[connection.vendor][off])
            told[one] = off
        if off:
            leave_trace("synchronous-off")

    def settle_and_tell(connection: BaseDatabaseWrapper) -> None:
        settle(connection)
        if connection.connection is not None:
            tell(connection)

    replace(Wrapper, "close_if_unusable_or_obsolete", settle_and_tell)
    connection_created.connect(tell, weak=False)


SYNCHRONOUS = {
    "sqlite": ("PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF"),
    "postgresql": ("SET synchronous_commit=on", "SET synchronous_commit=off"),
}
# SQLite syncs its log at each commit from FULL (2) upwards; PostgreSQL waits for the disk unless told not to.
DURABLE = {
    "sqlite": ("PRAGMA synchronous", {"2", "3"}),
    "postgresql": ("SHOW synchronous_commit", {"on", "remote_write", "remote_apply", "local"}),
}


def note_durability() -> None:
    """Notes, where a tool asks for it, how the connection of each commit was set when it committed."""
    commit = Wrapper._commit

    def note_and_commit(connection: BaseDatabaseWrapper) -> Any:
        if os.path.exists(path_of("watch-commits")):
            question, durable = DURABLE[connection.vendor]
            with connection.cursor() as cursor:
                cursor.execute(question)
                (answer,) = cursor.fetchone()
            with open(path_of("note-commits"), "a") as file:
                file.write(f"{'durable' if str(answer) in durable else 'not'} {question}={answer}\n")
        return commit(connection)

    replace(Wrapper, "_commit", note_and_commit)
