"""The owner of running runs: claims what is queued, executes each as one task, renews the leases, ends the orphans."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

from django.conf import settings

from chat_app import protocol
from chat_app.agent.answer import answer
from chat_app.agent.titles import title_from
from chat_app.delivery.hub import Hub
from chat_app.log.journal import Journal
from chat_app.models import Run
from chat_app.models.queue import Started
from chat_app.models.status import RunStatus
from chat_app.protocol import Record
from chat_app.runs.owner import OWNER, is_dead
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability.context import run_context
from chatjuicer.observability.counters import counts
from chatjuicer.observability.tracing import note_failure, run_span

from .contract import Answered, LeaseLost, Outcome, RunError, RunRequest

logger = logging.getLogger(__name__)

POLL_S = 2.0  # for runs whose ring was lost
CLAIM_AT_ONCE = 20  # by one transaction
CLAIMED_S = 5.0  # until a claim that is under way has been answered
SURELY_S = 60.0  # that the end of a run is tried to be written
AGAIN_S = 0.5
MAX_RUNS = 500  # of this process at once; others wait in the queue
ENDINGS = {"error": RunStatus.FAILED, "interrupted": RunStatus.INTERRUPTED}


class Supervisor:
    def __init__(self, journal: Journal, hub: Hub) -> None:
        self._journal, self._hub = journal, hub
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._since: dict[UUID, int] = {}  # number of the latest stream_start of each
        self._sessions: dict[UUID, UUID] = {}  # of each run
        self._per_user: Counter[UUID] = Counter()
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._renewed_at = time.monotonic()
        self._stopping = False
        hub.watch(self._see)

    def owner_for(self, user_id: UUID) -> str:
        """The name to claim a new run of that user by at once; empty when this process takes no more of them now."""
        full = len(self._tasks) >= MAX_RUNS or self._per_user[user_id] >= settings.MAX_RUNS_PER_USER
        return "" if self._stopping or full else OWNER

    @property
    def active(self) -> int:
        return len(self._tasks)

    @property
    def sessions(self) -> set[UUID]:
        """Those in which a run goes on here."""
        return set(self._sessions.values())

    def start(self) -> None:
        self._loops = [asyncio.create_task(self._claim_queued()), asyncio.create_task(self._keep_leases())]

    async def stop(self, grace_s: float, hurried: Callable[[], bool] = lambda: False) -> None:
        """Let running runs finish within the grace time, or until `hurried`; end the rest with what they said."""
        self._stopping = True
        self._wake.set()
        claiming, _ = self._loops
        # What is being claimed in our name at this moment is still ours to execute, and to end.
        await asyncio.wait([claiming, asyncio.ensure_future(self._journal.transact(lambda: None))], timeout=CLAIMED_S)
        deadline = time.monotonic() + grace_s
        while self._tasks and time.monotonic() < deadline and not hurried():  # their leases are renewed meanwhile
            await asyncio.wait(list(self._tasks.values()), timeout=0.1)
        for loop in self._loops:
            loop.cancel()
        for run_id, task in list(self._tasks.items()):
            task.cancel("shutdown")
            with suppress(asyncio.CancelledError):
                await task
            error = protocol.Error("shutdown", "The server was shut down during the answer.", retryable=True)
            await self._journal.transact(partial(self._end_in_database, run_id, Outcome("error"), error))

    def wake(self) -> None:
        """Something may wait to be claimed. From any thread."""
        with suppress(RuntimeError):  # the loop is closed: the next process finds it
            self._loop.call_soon_threadsafe(self._wake.set)

    def adopt(self, started: Started) -> None:
        """Execute a run that was claimed in our name."""
        run_id = started.run.pk
        task = asyncio.create_task(self._execute(started), name=f"run {run_id}")
        self._tasks[run_id] = task
        self._since[run_id] = started.run.first_seq or 0
        self._sessions[run_id] = started.session.pk
        user_id = started.session.owner_id
        self._per_user[user_id] += 1
        task.add_done_callback(lambda _: self._forget(run_id, user_id, task))

    def drop(self, run_id: UUID) -> None:
        """The run has been ended or taken over; nothing of it is written any more."""
        task = self._tasks.get(run_id)
        if task is not None and not task.cancelling():
            counts.leases_lost += time.monotonic() - self._renewed_at > settings.LEASE_S
            task.cancel("dropped")

    def _forget(self, run_id: UUID, user_id: UUID, task: asyncio.Task[None]) -> None:
        self._per_user[user_id] -= 1
        if not self._per_user[user_id]:
            del self._per_user[user_id]
        if self._tasks.get(run_id) is task:  # and not the one that goes on after an approval
            del self._tasks[run_id], self._since[run_id], self._sessions[run_id]
        self._wake.set()

    def _see(self, record: Record) -> None:
        # The end of an earlier part of the run, before an approval, may be heard late.
        if record.type == "stream_end" and record.run_id in self._tasks and record.seq > self._since[record.run_id]:
            self.drop(record.run_id)

    # -- one run

    async def _execute(self, started: Started) -> None:
        run, session = started.run, started.session
        with (
            run_context(session.public_id, run.pk),
            run_span(run_id=str(run.pk), session_id=session.public_id, model=run.model) as span,
        ):
            # The channel is held open so that a stop from another process is heard here.
            async with self._hub.channel(session.pk, session.public_id):
                writer = self._journal.writer(run, session)
                writer.go_on(started.open_calls)
                first_turn = session.last_context_position == len(started.context)
                request = RunRequest(
                    run_id=run.pk,
                    session_pk=session.pk,
                    public_id=session.public_id,
                    user_id=session.owner_id,
                    model=run.model,
                    reasoning_effort=run.reasoning_effort,
                    agent_name=session.agent_name,
                    mcp_config=session.mcp_config,
                    history=started.context if first_turn and started.context else None,
                    state=run.state,
                    answers=tuple(Answered(a.call_id, a.approved, a.reason) for a in started.answers),
                    always_allowed=frozenset(started.always_allowed),
                )
                try:
                    outcome = await answer(request, writer)
                    await writer.flush()
                except LeaseLost:
                    return
                except asyncio.CancelledError:
                    logger.info("the run was stopped")
                    raise
                except Exception:
                    logger.exception("the run failed")
                    outcome = Outcome("error", error=RunError("internal", "Something went wrong on the server."))
                failure = outcome.error
                span.set_attribute("chatjuicer.finish_reason", outcome.finish_reason)
                if failure:
                    note_failure(span, failure.code)
                error = protocol.Error(failure.code, failure.message, failure.retryable) if failure else None
                if outcome.finish_reason == "awaiting_approval":
                    pause = partial(run.pause, run.epoch, outcome.asked, outcome.state, outcome.usage)
                    await asyncio.shield(self._surely(pause, session.pk))
                    return
                title = "" if session.is_named else title_from(started.first_words)
                # From here on nothing cancels: the end is written once, by us or by who was faster.
                end = partial(self._end_in_database, run.pk, outcome, error, run.epoch, title)
                await asyncio.shield(self._surely(end, session.pk))

    async def _surely(self, verb: Callable[[], object], session_pk: UUID) -> None:
        """Again until the database has taken it, or others have ended the run because its lease ran out."""
        deadline = time.monotonic() + SURELY_S
        while True:
            try:
                await self._journal.transact(verb, session_pk)
                return
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(AGAIN_S)

    def _end_in_database(
        self,
        run_id: UUID,
        outcome: Outcome,
        error: protocol.Error | None,
        epoch: int | None = None,
        title: str = "",
    ) -> None:
        status = ENDINGS.get(outcome.finish_reason, RunStatus.COMPLETED)
        run = Run.objects.filter(pk=run_id).first()
        if run is not None:
            run.end(status, outcome.finish_reason, epoch=epoch, usage=outcome.usage, error=error, title=title)

    # -- all runs

    async def _claim_queued(self) -> None:
        while not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)
            self._wake.clear()
            room = MAX_RUNS - len(self._tasks)
            if room <= 0 or self._stopping:
                continue
            try:
                claim = partial(Run.objects.claim, OWNER, min(room, CLAIM_AT_ONCE), dict(self._per_user))
                claimed = await self._journal.transact(claim)
            except Exception:
                logger.warning("queued runs could not be claimed; trying again", exc_info=True)
                continue
            for started in claimed:
                self.adopt(started)
            if claimed:
                self._wake.set()

    async def _keep_leases(self) -> None:
        while True:
            try:
                began = list(self._tasks)
                # Only what is executed: a claim whose answer was lost runs out, and is ended as an orphan.
                mine = await self._journal.transact(partial(Run.objects.all().renew, OWNER, began))
                for run_id in set(began) - mine:
                    logger.warning("run %s is not ours any more", run_id)
                    self.drop(run_id)
                was_away = time.monotonic() - self._renewed_at > settings.LEASE_S
                self._renewed_at = time.monotonic()
                if not was_away:  # if the database was, the others have yet to renew theirs
                    await self._end_orphans()
            except Exception:
                logger.warning("leases could not be renewed; trying again", exc_info=True)
            await asyncio.sleep(settings.LEASE_S / 3)

    async def _end_orphans(self) -> None:
        error = protocol.Error("process_lost", "The server process that was answering is gone.", retryable=True)

        def end_all() -> int:
            # What we execute is none, even if the database was away for longer than a lease.
            orphans = [run for run in Run.objects.all().orphans(is_dead) if run.pk not in self._tasks]
            return sum(run.end(RunStatus.FAILED, "error", epoch=run.epoch, error=error) for run in orphans)

        ended = await self._journal.transact(end_all)
        counts.orphans_ended += ended
        if ended:
            logger.warning("ended %d orphaned runs", ended)
