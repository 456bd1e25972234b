"""What a serving process has one of, started and stopped together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal
from uuid import UUID

from chat_app.delivery.connections import Sockets
from chat_app.delivery.hub import Hub
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.journal import Journal
from chat_app.models import fence
from chat_app.notices.notifier import Notifier
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability.counters import counts

from .contract import Agent
from .supervisor import Supervisor

logger = logging.getLogger(__name__)

AgentState = Literal["ok", "loading", "unavailable"]

LOOK_S = 0.1  # how often a shutdown looks for sessions whose runs have ended
LAST_WORD_S = 1.0
"""After an end, for what its client has kept to be said then: into a socket that closes it would be lost."""


class Process:
    """The journal, the hub, the sockets, the notifier, the agent and, where it executes runs, the supervisor."""

    journal: Journal
    hub: Hub
    sockets: Sockets
    notifier: Notifier
    agent: asyncio.Future[Agent]  # done once it is loaded
    supervisor: Supervisor | None

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.supervisor = None
        self._lag: asyncio.Task[None] | None = None

    async def start(self, agent: Awaitable[Agent], *, execute_runs: bool) -> None:
        """Once per process, on its loop, before it serves. It may serve before the `agent` is there: runs are queued
        until then. With `execute_runs` false, runs are left to other processes and the agent only summarizes."""
        self.agent = asyncio.ensure_future(agent)
        self.loop = asyncio.get_running_loop()
        self.hub = Hub()
        self.journal = Journal(fence, on_lost=self._drop, on_refused=self._refuse)
        self.sockets = Sockets()
        await self.hub.start()
        self.sockets.start()
        self._lag = asyncio.create_task(counts.watch_lag())
        commit_hooks.on_run_queued = self._announce_queued
        self.hub.layer.on_queue = self._wake_supervisor
        self.notifier = Notifier(self.hub.is_watched)
        commit_hooks.on_notices_written = self.notifier.wake
        commit_hooks.on_grant_given_up = self._revoke
        self.notifier.start()
        if execute_runs:
            self.supervisor = Supervisor(self.journal, self.hub, self.agent)
            self.supervisor.start()

    async def stop(self, grace_s: float = 0.0, hurried: Callable[[], bool] = lambda: False) -> None:
        """Sockets close at once, so that clients go on elsewhere, but for those whose clients could not; answers that
        are being given have the grace time, or until `hurried`."""
        if self.loop is None:
            return
        if self.supervisor is not None:
            over_at, all_closed = time.monotonic() + grace_s, asyncio.Event()
            closing = asyncio.create_task(self._close_as_runs_end(self.supervisor, all_closed))
            await self.supervisor.stop(grace_s, hurried)
            with suppress(TimeoutError):
                await asyncio.wait_for(all_closed.wait(), 0 if hurried() else over_at - time.monotonic())
            closing.cancel()
        self.sockets.close_all(1001, "shutting down")
        await self.sockets.stop()
        await self.journal.stop()
        await self.notifier.stop()
        await self.hub.stop()
        if self._lag is not None:
            self._lag.cancel()
        self.agent.cancel()
        commit_hooks.on_run_queued = commit_hooks.on_notices_written = commit_hooks.on_grant_given_up = None
        self.loop = self.supervisor = None

    async def loaded_agent(self) -> Agent:
        """Raises Unavailable if it could not be loaded."""
        await asyncio.wait({self.agent})  # which goes on being loaded if who waits here is cancelled
        if self.agent_state != "ok":
            raise Unavailable()
        return self.agent.result()

    @property
    def agent_state(self) -> AgentState:
        if self.loop is None or not self.agent.done():
            return "loading"
        return "unavailable" if self.agent.cancelled() or self.agent.exception() else "ok"

    @property
    def unwritten_s(self) -> float:
        """How long the oldest event or verb of the journal has waited for its commit; 0 if none waits."""
        return self.journal.unwritten_s if self.loop is not None else 0.0

    async def _close_as_runs_end(self, supervisor: Supervisor, all_closed: asyncio.Event) -> None:
        went_on_at: dict[UUID, float] = {}
        while True:
            now = time.monotonic()
            went_on_at |= dict.fromkeys(supervisor.sessions, now)
            listening = {session for session, at in went_on_at.items() if now - at < LAST_WORD_S}
            if self.sockets.close_all(1001, "shutting down", but_last_of=listening):
                all_closed.set()
            await asyncio.sleep(LOOK_S)

    def _drop(self, run_id: UUID) -> None:
        if self.supervisor is not None:
            self.supervisor.drop(run_id)

    def _refuse(self, run_id: UUID) -> None:
        if self.supervisor is not None:
            self.supervisor.refuse(run_id)

    def _announce_queued(self) -> None:
        """After a commit that left a run waiting, from any thread."""
        if self.supervisor is not None:
            self.supervisor.wake()
        elif self.loop is not None:
            self.loop.call_soon_threadsafe(self.hub.layer.announce_queued)

    def _revoke(self, url: str, grant: str) -> None:
        """From any thread; nobody waits for it, and a shutdown cuts it short."""

        async def revoked() -> None:
            try:
                await (await self.loaded_agent()).servers.revoke(url, grant)
            except Unavailable:
                logger.warning("There is no agent that could revoke a grant")

        if self.loop is not None:
            asyncio.run_coroutine_threadsafe(revoked(), self.loop)

    def _wake_supervisor(self) -> None:
        if self.supervisor is not None:
            self.supervisor.wake()


process = Process()
