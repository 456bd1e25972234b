"""Sends what waits to be told: in every process that serves or executes runs, each notice in one of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from chat_app.database import in_database
from chat_app.models import Notice
from chat_app.models.notice import Outcome
from chat_app.runs.owner import OWNER, is_dead
from chatjuicer.observability.seldom import SeldomLine

from .requests import SecretLost, request_of

logger = logging.getLogger(__name__)
_unclaimed = SeldomLine(logger, "notices: looks for them that failed", with_stack=True)

AT_ONCE = 32  # of one process
LOOK_S = 5.0  # for what other processes have left, and what is tried again


class Notifier:
    """`is_watched` tells whether a client of any process follows a session's log."""

    def __init__(self, is_watched: Callable[[UUID], Awaitable[bool]]) -> None:
        self._is_watched = is_watched
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.create_task(self._go_on())

    def wake(self) -> None:
        """After a commit, from any thread."""
        self._loop.call_soon_threadsafe(self._wanted.set)

    async def stop(self) -> None:
        """What is under way is cut off, and left to others, or to the next start."""
        tasks = [task for task in (self._work, *self._under_way) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await in_database(Notice.objects.give_back, OWNER)
        except Exception:
            logger.warning("notices: the database did not answer; the leases will run out", exc_info=True)

    async def _go_on(self) -> None:
        while True:
            self._wanted.clear()
            try:
                claimed, idle_s = await in_database(Notice.objects.claim, OWNER, AT_ONCE, is_dead)
            except Exception as error:
                _unclaimed.tell(error)
                claimed, idle_s = [], LOOK_S
            for notice in claimed:
                task = asyncio.create_task(self._deliver(notice))
                self._under_way.add(task)
                task.add_done_callback(self._delivered)
            if not claimed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), min(idle_s, LOOK_S))

    def _delivered(self, task: asyncio.Task[None]) -> None:
        """Looks again: what waits for the same receiver may be due now."""
        self._under_way.discard(task)
        self._wanted.set()

    async def _deliver(self, notice: Notice) -> None:
        try:
            outcome = await self._tried(notice)
            await in_database(notice.settle, outcome) if outcome else await in_database(notice.drop)
        except Exception:
            logger.exception("notices: %s could not be sent; it is tried again when its lease has run out", notice.pk)

    async def _tried(self, notice: Notice) -> Outcome | None:
        """What came of the request; None where nobody needs to be told any more."""
        try:
            request = await in_database(request_of, notice)
        except SecretLost:
            return Outcome(None, "secret_lost")
        if request is None or (request.looked_at and await self._is_watched(request.looked_at)):
            return None
        from .post import post  # noqa: PLC0415  with its client it is a tenth of a start, and few have receivers

        return await post(request)
