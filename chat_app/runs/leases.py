"""The process's right to the runs that it executes, which is renewed all the time, and the end of runs of others, whose
right has run out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Set
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection

from chat_app.database import beside_all
from chat_app.log.journal import Journal
from chat_app.models import Run
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability.counters import counts
from chatjuicer.observability.seldom import SeldomLine

from .owner import OWNER, is_dead

logger = logging.getLogger(__name__)
_unrenewed = SeldomLine(logger, "renewals of leases that failed", with_stack=True)

RETRY_S = 1.0


class Leases:
    def __init__(
        self, journal: Journal, executed: Set[UUID], closing: Set[UUID], on_lost: Callable[[UUID], None]
    ) -> None:
        """Of the runs that are `executed` here, as they change, those that are `closing` have said all, and their end
        is being written. `on_lost` is called for each that is not ours any more."""
        self._journal, self._executed, self._closing, self._on_lost = journal, executed, closing, on_lost
        self._renewed_at = time.monotonic()
        self._was_away = False  # the database, when it was last asked
        self._ending: asyncio.Task[None] | None = None  # of orphans

    @property
    def have_run_out(self) -> bool:
        """The process was stopped, or cut off from the database, for too long."""
        return time.monotonic() - self._renewed_at > settings.LEASE_S

    async def keep(self) -> None:
        try:
            while True:
                try:
                    await self._renew_all()
                except Exception as error:
                    _unrenewed.tell(error)
                    self._was_away = True
                pause_s = settings.LEASE_S / 3
                await asyncio.sleep(min(pause_s, RETRY_S) if self._was_away else pause_s)
        finally:
            if self._ending is not None:
                self._ending.cancel()

    async def _renew_all(self) -> None:
        began = set(self._executed)
        # Only runs that are executed here: a claim whose result was lost runs out, and is ended as an orphan.
        mine = await self._renew(list(began))
        # Whoever writes an end is told by that.
        for run_id in self._executed & began - mine - self._closing:
            logger.warning("run %s is not ours any more", run_id)
            self._on_lost(run_id)
        was_away, self._was_away = self._was_away or self.have_run_out, False
        self._renewed_at = time.monotonic()
        # After a break of the database the others have yet to renew their leases. And ours do not wait for it.
        if not was_away and (self._ending is None or self._ending.done()):
            self._ending = asyncio.create_task(self.end_orphans(), name="the end of orphaned runs")

    async def _renew(self, runs: list[UUID]) -> set[UUID]:
        """Not behind what the journal has to write, which may be hundreds of ends, nor behind the row for which it
        waits. SQLite has one lock, which the journal takes again and again: there, as its next verb."""
        renew = partial(Run.objects.all().renew, OWNER, runs)
        if connection.vendor == "sqlite":
            return await self._journal.transact(renew, urgent=True)
        return await beside_all(renew)

    async def end_orphans(self) -> None:
        """Each in a transaction of its own: one that cannot be ended keeps no other waiting."""
        ended = 0
        try:
            for run in await self._journal.transact(lambda: Run.objects.orphans(is_dead), patient=True):
                # What this process executes is no orphan, however long the database was away.
                ended += run.pk not in self._executed and await self._end(run)
        except Unavailable:
            logger.warning("orphaned runs could not be ended; trying again", exc_info=True)
        counts.orphans_ended += ended
        if ended:
            logger.warning("ended %d orphaned runs", ended)

    async def _end(self, run: Run) -> bool:
        try:
            return await self._journal.transact(run.end_orphaned, run.session_id, patient=True)
        except Unavailable:
            raise
        except Exception:
            logger.exception("orphaned run %s could not be ended", run.pk)
            return False
