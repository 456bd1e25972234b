"""Group commit for the log: one thread with one connection writes what all running answers of the process produce.

When it is idle, a token costs one commit. When it is busy, what arrives during a commit waits for the next one and is
joined by then (run_writer.py), so that no commit is made per token. A batch is put together on the event loop and
written in the thread. The two share nothing but the batch, so there are no locks.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import OperationalError, close_old_connections, connection, transaction

from chat_app.database import in_database, is_away, keep_connection
from chat_app.exceptions import LeaseLost, SessionPacked
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability.counters import counts
from chatjuicer.observability.seldom import SeldomLine
from sessions_app.models import ChatSession, together

from .entries import Fence, append_events, committed_after_all, write_entries
from .record import holding
from .run_writer import ClaimedRun, Entry, RunWriter, SendControl

logger = logging.getLogger(__name__)
_not_taken = SeldomLine(logger, "journal: batches and verbs that the database did not take", with_stack=True)
T = TypeVar("T")

RETRY_S = (0.01, 0.05, 0.2, 0.5, 1.0)  # between attempts to write a batch; the last one repeats
STOP_TIMEOUT_S = 10.0
# That a batch is tried of which the database does not take a part: a row of it is locked. While it takes nothing at
# all, nobody else can end the runs, so that what they have said is kept until it does.
GIVE_UP_AFTER_S = 60.0
PATIENCE_S = 3.0  # with a database that takes nothing; callers are then told to try again
# Between commits while several answers stream. A commit costs nearly the same for ten tokens as for one: at 50 streams
# of 50 tokens a second a pause of 6 ms took the processor time of a token from 203 to 108 µs, its p99 delay from 10 to
# 17 ms. An idle journal does not pause, and a verb neither waits for it nor begins one, so that the first words of an
# answer follow its start at once. Where a commit takes longer, because the database or the machine has much to do, the
# pause is as long: what is busy is asked less often for more.
REST_S = 0.005
MOST_REST_S = 0.015
CALL_TIMEOUT_S = 30.0  # that a call waits; its caller is then told to try again. And that it takes to be made
MAX_CALLS = 4  # of one batch: a verb takes milliseconds, and running answers must not wait for fifty of them
MAX_CALLS_BEHIND = 32  # where hundreds wait: what a batch costs by itself is then shared by more of them
# After which no verb is begun in a batch: where the database answers late, what is urgent would wait for all of them.
MAX_BATCH_S = 1.0
MAX_ENTRIES = 400  # of one batch; bounded by what one statement may carry


@dataclass(slots=True)
class Call:
    """A verb that a caller of `transact` waits for. If it names the session that it changes, it shares the transaction
    of a batch; else it runs after the batch and makes its own transactions."""

    verb: Callable[[], Any]
    answer: asyncio.Future[Any]
    session_pk: UUID | None = None
    after: RunWriter | None = None
    committed: Callable[[Any], None] | None = None
    urgent: bool = False
    patient: bool = False
    context: Context = field(default_factory=copy_context)  # of the caller
    handed_over: bool = False
    in_savepoint: bool = False
    result: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Batch:
    entries: list[Entry] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    alone: list[Call] = field(default_factory=list)
    left: list[Call] = field(default_factory=list)  # what there was no time for


class Journal:
    """Started and stopped with the process, on its event loop."""

    def __init__(
        self, fence: Fence, on_lost: Callable[[UUID], None], on_refused: Callable[[UUID], None] | None = None
    ) -> None:
        """`on_lost` is called, on the loop, for each run that this process may no longer write; in its place
        `on_refused`, if there is one, for each whose events the database does not take, so that somebody ends it."""
        self._fence, self._on_lost, self._on_refused = fence, on_lost, on_refused or on_lost
        self._loop = asyncio.get_running_loop()
        self._dirty: dict[RunWriter, None] = {}
        self._calls: list[Call] = []
        self._busy = False
        self._scheduled = False
        self._rest: asyncio.TimerHandle | None = None
        self._handed_over_at = self._said_at = 0.0  # the last commit of what answers have said
        self._rest_s = REST_S
        # Since when the oldest waits: of what is noted, and of the batch that was handed over.
        self._noted_at: float | None = None
        self._handed_at: float | None = None
        self._drained = asyncio.Event()
        self.is_cut_off = False  # the database takes nothing, and what was said waits for it; readable in any thread
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    def writer(
        self, run: ClaimedRun, session: ChatSession, send_control: SendControl = lambda session_pk, text: None
    ) -> RunWriter:
        """`send_control` is given the frames that go to the clients without being logged."""
        return RunWriter(run, session, self._note_dirty, send_control)

    async def transact(
        self,
        verb: Callable[[], T],
        session_pk: UUID | None = None,
        after: RunWriter | None = None,
        *,
        urgent: bool = False,
        patient: bool = False,
        committed: Callable[[T], None] | None = None,
    ) -> T:
        """The verb's result, once it is committed. Its own errors are raised here; Unavailable if it could not be
        committed at all. A verb that changes `session_pk`, and no other session, shares the commit of others. It may be
        tried more than once, and changes nothing but rows. One `after` a writer comes after all that this has written,
        and raises LeaseLost where that is never written. An `urgent` one comes before all that wait. A `patient` one
        keeps its place in the queue, however long that is. `committed` is given the result, on the loop and in the
        caller's context, even where the caller does not wait for it any more."""

        def call() -> Call:
            return Call(verb, self._loop.create_future(), session_pk, after, committed, urgent, patient)

        try:
            return cast(T, await self._made(call()))
        except SessionPacked as error:  # unpacking takes long, and everybody else's words would wait for it
            await in_database(error.session.unpack)
        return cast(T, await self._made(call()))

    async def _made(self, call: Call) -> Any:
        """A call whose caller is gone, or told to try again, is not made any more, unless it is being made already."""
        self._calls.insert(0 if call.urgent else len(self._calls), call)
        self._schedule()
        try:
            await asyncio.wait([call.answer], timeout=None if call.patient else CALL_TIMEOUT_S)
            if call.handed_over:  # who is refused now would be told no of what is then done
                await asyncio.wait([call.answer], timeout=CALL_TIMEOUT_S)
            if not call.answer.done():
                raise Unavailable
            return call.answer.result()
        finally:
            call.answer.cancel()

    @property
    def unwritten_s(self) -> float:
        """How long the oldest event or verb has waited for its commit; 0 if none waits. Readable in any thread."""
        waits = [at for at in (self._handed_at, self._noted_at) if at is not None]
        return max(0.0, self._loop.time() - min(waits)) if waits else 0.0

    async def stop(self) -> None:
        """Write what is left, then end the thread."""
        self._drained.clear()
        if not (self._busy or self._dirty or self._calls):
            self._drained.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), STOP_TIMEOUT_S)
        self._batches.put(None)
        await self._loop.run_in_executor(None, self._thread.join, STOP_TIMEOUT_S)

    # -- on the loop

    def _note_dirty(self, writer: RunWriter) -> None:
        self._dirty[writer] = None
        self._schedule()

    def _schedule(self) -> None:
        """Hand over now if the last commit is long enough ago, else when it will be, with all that comes until then."""
        if self._noted_at is None:
            self._noted_at = self._loop.time()
        if self._busy or self._scheduled:
            return
        rest_s = 0.0 if self._calls else self._said_at + self._rest_s - self._loop.time()
        if rest_s <= 0:
            self._stop_resting()
            self._scheduled = True
            # One turn of the loop later: an answer that ends with its first words is one transaction with its end.
            self._loop.call_soon(self._loop.call_soon, self._hand_over)
        elif self._rest is None:
            self._rest = self._loop.call_later(rest_s, self._hand_over)

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _hand_over(self) -> None:
        self._stop_resting()
        self._scheduled = False
        batch = Batch()
        sessions: set[UUID] = set()
        for writer in list(self._dirty):
            if writer.lost:
                del self._dirty[writer]
            # One writer of a session per batch: the numbering statement may name a session once.
            elif writer.session_pk not in sessions and len(sessions) < MAX_ENTRIES:
                sessions.add(writer.session_pk)
                del self._dirty[writer]
                batch.entries.append(writer.take_batch())
        self._calls = [call for call in self._calls if not call.answer.done()]  # nobody waits for the others any more
        most = min(max(MAX_CALLS, len(self._calls) // 8), MAX_CALLS_BEHIND)
        ready = [call for call in self._calls if call.after not in self._dirty][:most]
        for call in ready:
            (batch.alone if call.session_pk is None else batch.calls).append(call)
            self._calls.remove(call)
            call.handed_over = True
        if batch.entries or batch.calls or batch.alone:
            self._busy = True
            self._handed_at = self._noted_at
            self._handed_over_at = self._loop.time()
            self._batches.put(batch)
        self._noted_at = self._loop.time() if self._dirty or self._calls else None

    def _committed(self, batch: Batch, lost: list[RunWriter]) -> None:
        self._busy = False
        self._handed_at = None
        if batch.entries:
            self._said_at = self._loop.time()
            self._rest_s = min(max(REST_S, self._said_at - self._handed_over_at), MOST_REST_S)
        for writer in lost:
            writer.lost = True
            (self._on_refused if writer.refused else self._on_lost)(writer.run_id)
        for call in batch.left:
            call.handed_over = False
        urgent = sum(call.urgent for call in self._calls)  # which stand first
        self._calls[urgent:urgent] = batch.left
        for entry in batch.entries:
            entry.writer.written(entry.upto)
        for call in [*batch.calls, *batch.alone]:
            if not call.handed_over:
                continue
            if call.error is None and call.committed is not None:
                call.context.run(call.committed, call.result)
            if call.answer.done():
                continue
            if call.error is not None:
                call.answer.set_exception(call.error)
            else:
                call.answer.set_result(call.result)
        if self._dirty or self._calls:
            self._schedule()
        else:
            self._drained.set()

    # -- in the thread

    def _write_all(self) -> None:
        keep_connection()
        while (batch := self._batches.get()) is not None:
            lost = self._write(batch, time.monotonic()) if batch.entries or batch.calls else []
            for call in batch.alone:
                self._make_alone(call)
            self._loop.call_soon_threadsafe(self._committed, batch, lost)
        connection.close()

    def _write(self, batch: Batch, began: float) -> list[RunWriter]:
        """The writers whose runs are lost. Repeats a batch that the database could not take, until it can."""
        attempt = 0
        while True:
            try:
                close_old_connections()
                lost = committed_after_all(batch.entries) if attempt else None
                if lost is None:
                    lost = self._write_once(batch)
                self.is_cut_off = False
                return lost
            except OperationalError as error:
                counts.commit_failures += 1
                _not_taken.tell(error)
                connection.close()
                self.is_cut_off = is_away(error)
                # Callers get an error now. The answers' events are kept, and written when the database is back.
                self._fail_calls(batch)
            except Exception as error:
                if len(batch.entries) + len(batch.calls) > 1:
                    return self._write_apart(batch, began)
                logger.exception("journal: a batch could not be written")
                self._fail_calls(batch, error)
                for entry in batch.entries:
                    entry.writer.refused = True
                return [entry.writer for entry in batch.entries]
            if not batch.entries:
                return []
            waited_s = time.monotonic() - began
            if not self.is_cut_off and waited_s > GIVE_UP_AFTER_S:
                if len(batch.entries) > 1:
                    return self._write_apart(batch, began)
                return [entry.writer for entry in batch.entries]
            if self.is_cut_off and waited_s > PATIENCE_S:
                self._loop.call_soon_threadsafe(self._refuse_waiting)
            time.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    def _write_apart(self, batch: Batch, began: float) -> list[RunWriter]:
        """So that an event that the database refuses, or a row that is locked, costs no run but its own, and no verb;
        and a verb that it refuses at the commit, no other."""
        parts = [Batch([entry]) for entry in batch.entries] + [Batch(calls=[call]) for call in batch.calls]
        lost = [writer for part in parts for writer in self._write(part, began)]
        batch.left[:0] = [call for part in parts for call in part.left]
        return lost

    def _fail_calls(self, batch: Batch, error: Exception | None = None) -> None:
        for call in batch.calls:
            if call.error is None:
                call.error = error or Unavailable()
        failed, batch.calls = batch.calls, []
        self._loop.call_soon_threadsafe(self._refuse, failed)

    def _refuse_waiting(self) -> None:
        """Those that stand in the queue, where they would wait for CALL_TIMEOUT_S."""
        self._refuse([call for call in self._calls if not call.patient])

    def _refuse(self, calls: list[Call]) -> None:
        for call in calls:
            if not call.answer.done():
                call.answer.set_exception(call.error or Unavailable())

    def _write_once(self, batch: Batch) -> list[RunWriter]:
        began = time.monotonic()
        try:
            if fits_one_statement(batch):
                lost = append_events(batch.entries, self._fence)
            else:
                lost = self._write_in_transaction(batch)
        except VerbFailed:
            return self._write_without_failed(batch)
        counts.commit_s.observe(time.monotonic() - began)
        counts.batch_events.observe(sum(len(entry.events) for entry in batch.entries) + len(batch.calls))
        return lost

    def _write_in_transaction(self, batch: Batch) -> list[RunWriter]:
        began = time.monotonic()
        for call in batch.calls:
            call.result = call.error = None
        of_entries = {entry.writer.session_pk for entry in batch.entries}
        of_calls = {call.session_pk for call in batch.calls if call.session_pk}
        # The fence locks its own, and a verb its one; where there are more, all are locked before, in one order.
        sessions = of_entries | of_calls
        at_first = sessions if len(sessions) > 1 and of_calls - of_entries else set()
        with transaction.atomic(), holding(at_first), together():
            lost = write_entries(batch.entries, self._fence) if batch.entries else []
            for number, call in enumerate(batch.calls):
                if number and time.monotonic() - began > MAX_BATCH_S:
                    batch.calls, batch.left = batch.calls[:number], batch.calls[number:] + batch.left
                    break
                self._make(call)
                if call.error is not None and not call.in_savepoint:
                    raise VerbFailed
        return lost

    def _write_without_failed(self, batch: Batch) -> list[RunWriter]:
        """Again, with a savepoint for each verb: most batches need none, and each is two statements."""
        if batch.entries or len(batch.calls) > 1:
            for call in batch.calls:
                call.in_savepoint = True
            return self._write_once(batch)
        return []

    def _make_alone(self, call: Call) -> None:
        """On SQLite in one transaction, which is one lock of the database. On PostgreSQL the verb makes its own: a
        transaction around several sessions' rows could wait for another process that waits for it."""
        try:
            close_old_connections()
            with nullcontext() if connection.features.has_select_for_update else transaction.atomic():
                call.result = call.verb()
        except OperationalError as error:
            _not_taken.tell(error)
            connection.close()
            call.error = Unavailable()
        except DatabaseError as error:
            logger.exception("journal: a verb failed")
            call.error = error
        except Exception as error:
            call.error = error

    def _make(self, call: Call) -> None:
        try:
            if call.after is not None and (call.after.lost or call.after.refused):
                raise LeaseLost
            with transaction.atomic() if call.in_savepoint else nullcontext(), together():
                call.result = call.verb()
        except OperationalError:
            raise
        except DatabaseError as error:
            logger.exception("journal: a verb failed")
            call.error = error
        except Exception as error:
            call.error = error


class VerbFailed(Exception):
    """Undoes the transaction, which has no savepoint."""


def fits_one_statement(batch: Batch) -> bool:
    """Most batches only say more of the same. On PostgreSQL that is one statement, which is a transaction by itself."""
    only_events = all(entry.events and not entry.has_rows for entry in batch.entries)
    return connection.vendor == "postgresql" and only_events and not batch.calls
