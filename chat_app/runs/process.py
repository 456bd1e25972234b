"""What a serving process has one of, started and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from chat_app.compaction import Summarizer
from chat_app.delivery.connections import Sockets
from chat_app.delivery.hub import Hub
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.journal import Journal
from chat_app.models.fence import number
from chatjuicer.observability.counters import counts

if TYPE_CHECKING:
    from .supervisor import Supervisor

logger = logging.getLogger(__name__)

LOOK_S = 0.1  # how often a shutdown looks for sessions whose runs have ended


class Process:
    """The journal, the hub, the sockets and, where this process executes runs, the supervisor."""

    journal: Journal
    hub: Hub
    sockets: Sockets
    supervisor: Supervisor | None
    summarize: Summarizer

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.supervisor = None
        self._lag: asyncio.Task[None] | None = None

    async def start(self, supervisor_of: type[Supervisor] | None, summarize: Summarizer) -> None:
        """Once per process, on its loop, before it serves; without a supervisor, the runs are left to other processes.
        Both are given by the caller: to import the runtime takes a second, which every other command would pay, too."""
        self.summarize = summarize
        self.loop = asyncio.get_running_loop()
        self.hub = Hub()
        self.journal = Journal(number, on_lost=self._lost)
        self.sockets = Sockets()
        await self.hub.start()
        self.sockets.start()
        self._lag = asyncio.create_task(counts.watch_lag())
        commit_hooks.on_run_queued = self._queue_grew
        self.hub.layer.on_queue = self._queue_rang
        if supervisor_of is not None:
            self.supervisor = supervisor_of(self.journal, self.hub)
            self.supervisor.start()

    async def stop(self, grace_s: float = 0.0, hurried: Callable[[], bool] = lambda: False) -> None:
        """Sockets close at once, so that clients go on elsewhere, but for those whose clients could not; answers that
        are being given have the grace time, or until `hurried`."""
        if self.loop is None:
            return
        if self.supervisor is not None:
            closing = asyncio.create_task(self._close_as_runs_end(self.supervisor))
            await self.supervisor.stop(grace_s, hurried)
            closing.cancel()
        self.sockets.close_all(1001, "shutting down")
        await self.sockets.stop()
        await self.journal.stop()
        await self.hub.stop()
        if self._lag is not None:
            self._lag.cancel()
        commit_hooks.on_run_queued = None
        self.loop = self.supervisor = None

    async def _close_as_runs_end(self, supervisor: Supervisor) -> None:
        while True:
            self.sockets.close_all(1001, "shutting down", but_last_of=supervisor.sessions)
            await asyncio.sleep(LOOK_S)

    def _lost(self, run_id: object) -> None:
        if self.supervisor is not None:
            self.supervisor.drop(run_id)  # type: ignore[arg-type]

    def _queue_grew(self) -> None:
        """After a commit that left a run waiting, from any thread."""
        if self.supervisor is not None:
            self.supervisor.wake()
        elif self.loop is not None:
            self.loop.call_soon_threadsafe(self.hub.layer.announce_queued)

    def _queue_rang(self) -> None:
        if self.supervisor is not None:
            self.supervisor.wake()


process = Process()
