"""The owner of running runs: claims queued runs, and executes each as one task."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from chat_app import protocol
from chat_app.database import in_database
from chat_app.delivery.hub import Hub
from chat_app.delivery.logs import SessionLog
from chat_app.exceptions import BudgetSpent, LeaseLost
from chat_app.fair_share import may_take_another
from chat_app.log.journal import Journal
from chat_app.log.run_writer import RunWriter
from chat_app.model_calls import CallRecord
from chat_app.models import Approval, CallUsage, Run, Started
from chat_app.models.budget import has_budgets, require_budget
from chat_app.models.status import RunStatus
from chat_app.protocol import Record
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability.context import run_context
from chatjuicer.observability.counters import counts
from chatjuicer.observability.seldom import SeldomLine
from chatjuicer.observability.tracing import note_failure, run_span
from sessions_app.models import ChatSession
from sessions_app.providers.served import plays_again

from .contract import INTERNAL, Agent, Outcome, RunRequest, TitleRequest
from .leases import Leases
from .owner import OWNER
from .titles import title_from

logger = logging.getLogger(__name__)
_unclaimed = SeldomLine(logger, "claims of queued runs that failed", with_stack=True)

POLL_S = 2.0  # for queued runs whose announcement was lost
CLAIM_AT_ONCE = 8  # runs, at most, by one verb, behind which words wait
CLAIM_TIMEOUT_S = 5.0  # that the end of the process waits for a claim that is under way
WRITE_END_FOR_S = 60.0  # how long the end of a run is tried to be written to a database that takes other things
WRITE_END_PAUSE_S = 0.5  # between two tries
MAX_RUNS = 500  # of this process at once; others wait in the queue
SHUTDOWN = protocol.Error("shutdown", "The server was shut down during the answer.", retryable=True)
UNSTORABLE = protocol.Error("unstorable", "A part of the answer could not be stored.")
ENDINGS = {"error": RunStatus.FAILED, "interrupted": RunStatus.INTERRUPTED}


class Supervisor:
    def __init__(self, journal: Journal, hub: Hub, agent: asyncio.Future[Agent]) -> None:
        """The `agent` may still be being loaded: until it is done, runs are left in the queue, from which whoever has
        one takes them."""
        self._journal, self._hub, self._agent = journal, hub, agent
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._started: dict[UUID, Started] = {}
        self._dropped: dict[UUID, str] = {}  # runs that others have ended: the finish_reason
        self._per_user: Counter[UUID] = Counter()  # runs, and places that are kept for those that are being started
        self._promised = 0
        self._closing: set[UUID] = set()  # runs that have said all, and of which the end is being written
        self._ending: set[asyncio.Task[None]] = set()  # what is written of runs, whether they still have a task or not
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._leases = Leases(journal, self._tasks.keys(), self._closing, self.drop)
        self._stopping = False
        hub.watch(self._drop_ended)

    @contextmanager
    def place_for(self, user_id: UUID) -> Iterator[str]:
        """The name under which a new run of that user is claimed at once, in the meantime; empty while this process
        takes no more."""
        if not self._may_take(user_id):
            yield ""
            return
        self._promised += 1
        self._per_user[user_id] += 1
        try:
            yield OWNER
        finally:
            was_full = not self._may_take(user_id)
            self._promised -= 1
            self._release(user_id)
            if was_full:
                self._wake.set()

    def _may_take(self, user_id: UUID) -> bool:
        own, taken = self._per_user[user_id], len(self._tasks) + self._promised
        has_room = may_take_another(own, taken, MAX_RUNS, settings.MAX_RUNS_PER_USER)
        return has_room and self._has_agent and not self._stopping

    @property
    def _has_agent(self) -> bool:
        return self._agent.done() and not self._agent.cancelled() and self._agent.exception() is None

    @property
    def active(self) -> int:
        return len(self._tasks)

    @property
    def sessions(self) -> set[UUID]:
        """Those in which a run goes on here."""
        return {started.session.pk for started in self._started.values()}

    def start(self) -> None:
        self._loops = [asyncio.create_task(self._claim_queued()), asyncio.create_task(self._leases.keep())]
        self._loops.append(asyncio.create_task(self._finish_removals()))
        self._agent.add_done_callback(lambda _: self._wake.set())

    async def stop(self, grace_s: float, hurried: Callable[[], bool] = lambda: False) -> None:
        """Let running runs finish within the grace time, or until `hurried`; end the others with their text so far."""
        self._stopping = True
        self._wake.set()
        claiming = self._loops[0]
        # A claim that is under way may still make runs ours, which must then be executed or ended here.
        await asyncio.wait(
            [claiming, asyncio.ensure_future(self._journal.transact(lambda: None))], timeout=CLAIM_TIMEOUT_S
        )
        deadline = time.monotonic() + grace_s
        while self._tasks and time.monotonic() < deadline and not hurried():  # their leases are renewed meanwhile
            await asyncio.wait(list(self._tasks.values()), timeout=0.1)
        for loop in self._loops:
            loop.cancel()
        runs = {run_id: started.run for run_id, started in self._started.items()}
        for run_id, task in list(self._tasks.items()):
            self._dropped[run_id] = "error"
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            end = partial(_end_run, runs[run_id], Outcome("error"), SHUTDOWN)
            try:
                await self._journal.transact(end)
            except Exception:
                logger.exception("run %s could not be ended", run_id)

    def wake(self) -> None:
        """A run may wait to be claimed. From any thread."""
        with suppress(RuntimeError):  # the loop is closed: another process claims the run
            self._loop.call_soon_threadsafe(self._wake.set)

    def adopt(self, started: Started) -> None:
        """Execute a run that was claimed under our name."""
        run_id = started.run.pk
        task = asyncio.create_task(self._execute(started), name=f"run {run_id}")
        self._tasks[run_id] = task
        self._started[run_id] = started
        self._closing.discard(run_id)
        user_id = started.session.owner_id
        self._per_user[user_id] += 1
        task.add_done_callback(lambda _: self._forget(run_id, user_id, task))

    def drop(self, run_id: UUID, finish_reason: str = "lost") -> None:
        """Stop executing a run that was ended or taken over; nothing more of it can be written."""
        task = self._tasks.get(run_id)
        if task is not None and not task.cancelling():
            counts.leases_lost += self._leases.have_run_out
            self._dropped[run_id] = finish_reason
            task.cancel()

    def refuse(self, run_id: UUID) -> None:
        """The database takes nothing more of what the run writes: end it at once, with what it has said."""
        started = self._started.get(run_id)
        if started is None:
            return
        self.drop(run_id, "error")
        end = partial(_end_run, started.run, Outcome("error"), UNSTORABLE)
        self._keep(self._write_end(end, started.session.pk), f"refused run {run_id}")

    def adopt_claimed(self, started: Started) -> None:
        if started.claimed:
            self.adopt(started)

    def _adopt_all(self, claimed: Sequence[Started]) -> None:
        for started in claimed:
            self.adopt(started)

    def _release(self, user_id: UUID) -> None:
        self._per_user[user_id] -= 1
        if not self._per_user[user_id]:
            del self._per_user[user_id]

    def _forget(self, run_id: UUID, user_id: UUID, task: asyncio.Task[None]) -> None:
        was_full = not self._may_take(user_id)
        self._release(user_id)
        if self._tasks.get(run_id) is task:  # it is another one if the run was resumed after an approval
            del self._tasks[run_id], self._started[run_id]
            self._dropped.pop(run_id, None)
            self._closing.discard(run_id)
        if was_full:
            self._wake.set()

    def _drop_ended(self, record: Record) -> None:
        # A `stream_end` with a lower number is of the run's part before an approval, and came late.
        started = self._started.get(record.run_id) if record.run_id and record.type == "stream_end" else None
        if started and record.run_id and record.seq > (started.run.first_seq or 0):
            self.drop(record.run_id, msgspec.json.decode(record.payload)["finish_reason"])

    # -- one run

    async def _execute(self, started: Started) -> None:
        run, session = started.run, started.session
        with (
            run_context(session.public_id, run.pk),
            run_span(run_id=str(run.pk), session_id=session.public_id, model=run.model) as span,
        ):
            # The channel is open while the run is executed, so that a stop by another process is seen here.
            async with self._hub.channel(SessionLog(session.pk, session.public_id)):
                logger.info("run started: model %s, epoch %d", run.model, run.epoch)
                began = time.monotonic()
                finish_reason = ""
                if wants_title(started):
                    self._keep(self._find_title(started), f"title of {session.public_id}")
                try:
                    writer = self._journal.writer(run, session, self._hub.send_control)
                    outcome = await self._answer(started, writer)
                    span.set_attribute("chatjuicer.finish_reason", outcome.finish_reason)
                    if outcome.error:
                        note_failure(span, outcome.error.code)
                    # From here on nothing cancels: the end is written once, by us or by whoever was first.
                    self._closing.add(run.pk)
                    await asyncio.shield(self._keep(self._write_own_end(started, outcome, writer), f"end of {run.pk}"))
                    finish_reason = outcome.finish_reason
                except LeaseLost:
                    pass
                finally:
                    finish_reason = finish_reason or self._dropped.get(run.pk, "lost")
                    logger.info(
                        "run ended: finish_reason %s, %.0f ms", finish_reason, (time.monotonic() - began) * 1000
                    )

    async def _answer(self, started: Started, writer: RunWriter) -> Outcome:
        """The agent's outcome, or an error in its place. Raises LeaseLost and CancelledError."""
        writer.resume(started.open_calls)
        if started.continued:
            writer.go_on(*started.continued)
        try:
            return await self._agent.result().answer(request_of(started), writer)
        except LeaseLost:
            raise
        except Exception:
            logger.exception("the run failed")
            return Outcome("error", error=INTERNAL)
        finally:
            if writer.cut_calls:
                self._note_cut(started, writer.cut_calls)

    def _note_cut(self, started: Started, calls: list[CallRecord]) -> None:
        run, session = started.run, started.session
        note = partial(CallUsage.objects.note, session.owner_id, session.pk, run.pk, calls)
        self._keep(self._write_end(note, session.pk), f"usage of {run.pk}")

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Work that goes on when whoever began it does not."""
        task = asyncio.create_task(work, name=name)
        self._ending.add(task)
        task.add_done_callback(self._kept)
        return task

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, LeaseLost):  # which says that somebody else was first
            logger.warning("%s could not be written", task.get_name(), exc_info=error)

    async def _find_title(self, started: Started) -> None:
        """While the first answer is being written. A person's own title stays, whenever it is set."""
        asked = TitleRequest(settings.TITLE_MODEL, started.first_words)
        try:
            if has_budgets():
                await in_database(require_budget, started.session.owner_id)
            title = await self._agent.result().title(asked)
            if title:
                started.titled = True
                await self._journal.transact(partial(started.session.suggest_title, title), started.session.pk)
        except BudgetSpent:
            pass  # the first words will do
        except Exception:
            logger.exception("a title could not be found")
        finally:
            if asked.calls:
                self._note_cut(started, asked.calls)

    async def _write_own_end(self, started: Started, outcome: Outcome, writer: RunWriter) -> None:
        """In the transaction of the answer's last words, where these are not written yet."""
        run, session = started.run, started.session
        try:
            await self._write_end(partial(self._end, started, outcome), session.pk, writer)
        except (Unavailable, LeaseLost):
            raise
        except Exception:
            logger.exception("the run's outcome cannot be stored")
            end = partial(_end_run, run, Outcome("error"), UNSTORABLE)
            await self._write_end(end, session.pk)

    async def _write_end(self, verb: Callable[[], object], session_pk: UUID, after: RunWriter | None = None) -> None:
        """Repeated until the database has taken it. Raises Unavailable if it did not for long, and takes other things:
        by then the lease has run out, and another process ends the run."""
        deadline = time.monotonic() + WRITE_END_FOR_S
        while True:
            try:
                await self._journal.transact(verb, session_pk, after, patient=True)
                return
            except Unavailable:
                if time.monotonic() > deadline and not self._journal.is_cut_off:
                    raise
                await asyncio.sleep(WRITE_END_PAUSE_S)

    def _end(self, started: Started, outcome: Outcome) -> None:
        run, failure = started.run, outcome.error
        if outcome.finish_reason == "awaiting_approval":
            Approval.objects.ask(run, outcome.asked, outcome.state, outcome.usage)
            return
        error = protocol.Error(failure.code, failure.message, failure.retryable) if failure else None
        title = "" if started.session.is_named or started.titled else title_from(started.first_words)
        _end_run(run, outcome, error, title)

    # -- all runs

    async def _claim_queued(self) -> None:
        while not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)
            self._wake.clear()
            if self._stopping or not self._has_agent:
                continue
            try:
                claimed = await self._journal.transact(self._claim, patient=True, committed=self._adopt_all)
            except Exception as error:
                _unclaimed.tell(error)
                continue
            if claimed:
                self._wake.set()

    def _claim(self) -> list[Started]:
        """In the journal's thread: what has been started since this was asked for counts, too."""
        room = MAX_RUNS - len(self._tasks) - self._promised
        if room <= 0:
            return []
        return Run.objects.claim(OWNER, min(room, CLAIM_AT_ONCE), dict(self._per_user), MAX_RUNS)

    async def _finish_removals(self) -> None:
        """What a crash has left of sessions that were being deleted or cleared."""
        try:
            if left := await in_database(ChatSession.objects.finish_removals):
                logger.warning("deleted what was left of %d sessions", left)
            if left := await in_database(ChatSession.objects.finish_clearings):
                logger.warning("cleared what was left of %d sessions", left)
        except Exception:
            logger.exception("the deletion of sessions could not be finished; the next start tries again")


def _end_run(run: Run, outcome: Outcome, error: protocol.Error | None, title: str = "") -> None:
    """In the epoch of our claim: what others have claimed or resumed meanwhile is theirs."""
    status = ENDINGS.get(outcome.finish_reason, RunStatus.COMPLETED)
    run.end(status, outcome.finish_reason, epoch=run.epoch, usage=outcome.usage, error=error, title=title)


def wants_title(started: Started) -> bool:
    """Of a model: where nobody is asked for the answer, nobody is for the title."""
    run, session = started.run, started.session
    is_first = run.first_position == 1 and not session.is_named
    return bool(settings.TITLE_MODEL) and is_first and not plays_again(run.model)


def request_of(started: Started) -> RunRequest:
    run, session = started.run, started.session
    # Where the run's own messages are all of the context, the agent need not read it from the database.
    is_first = bool(started.context) and session.last_context_position == len(started.context)
    return RunRequest(
        run_id=run.pk,
        session_pk=session.pk,
        public_id=session.public_id,
        user_id=session.owner_id,
        model=run.model,
        reasoning_effort=run.reasoning_effort,
        agent_name=session.agent_name,
        mcp_config=session.mcp_config,
        disabled_tools=frozenset(session.disabled_tools),
        project_id=session.project_id,
        history=started.context if is_first else None,
        state=run.state,
        decisions=tuple(started.decisions),
        always_allowed=frozenset(started.always_allowed),
        instructions=started.instructions,
    )
