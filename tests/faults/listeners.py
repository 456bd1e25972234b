"""Clients that say nothing and stay connected, at each process: what they get of a run that lives at another one comes
by the layer, or else by the poll."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tests.faults.figures import Figures
from tests.faults.ledger import Fold, folded
from tests.faults.talkers import GONE, sign_in
from tests.harness.client import Frame, socket
from tests.harness.server import Server, Site

HEARD_S = 10.0  # after all is quiet, until who stayed connected has all of it: a few polls
LOOK_S = 0.02


class Listener:
    def __init__(self, server: Server, session_id: str) -> None:
        self.server, self.session_id = server, session_id
        self.log = Fold()
        self.returns = 0

    async def listen(self) -> None:
        """For ever. It connects again only where its socket was closed."""
        while True:
            with suppress(*GONE):
                await self._read()
            self.returns += 1
            await asyncio.sleep(10 * LOOK_S)

    async def _read(self) -> None:
        query = f"?after={self.log.last_seq}"
        async with socket(self.server.url, self.session_id, query, open_timeout=5, close_timeout=2) as chat:
            while chat.close_code is None or chat.frames:
                frames, chat.frames = chat.frames, []  # they are many, and nobody reads them again
                self.log.add(frame for frame in frames if "seq" in frame)
                await asyncio.sleep(LOOK_S)

    async def judge(self, events: list[Frame], figures: Figures) -> None:
        """Against the server's log of the session, in which nothing happens any more."""
        began = time.monotonic()
        while self.log.last_seq < events[-1]["seq"] and time.monotonic() - began < HEARD_S:
            await asyncio.sleep(LOOK_S)
        figures.add_time("heard by who stayed", time.monotonic() - began)
        figures.done["listeners came back"] += self.returns
        if self.log.digest != folded(events):
            has = f"{self.log.last_seq} of {events[-1]['seq']}, in {self.log.count} frames"
            figures.found("missing", f"{self.session_id}: who stayed at {self.server.url} has {has}")


@asynccontextmanager
async def listening(site: Site, figures: Figures) -> AsyncIterator[Callable[[Iterable[str]], None]]:
    """Yields what begins to listen to sessions, at each process; who does is judged after the block, when nothing
    happens in them any more."""
    listeners: list[Listener] = []
    tasks: list[asyncio.Task[None]] = []

    def listen(sessions: Iterable[str]) -> None:
        listeners.extend(Listener(server, name) for name in sessions for server in site.servers)
        tasks.extend(asyncio.create_task(listener.listen()) for listener in listeners[len(tasks) :])

    client = None
    try:
        yield listen
        client = await sign_in(site)
        events = {name: await client.events(name) for name in {listener.session_id for listener in listeners}}
        await asyncio.gather(*(listener.judge(events[listener.session_id], figures) for listener in listeners))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if client is not None:
            await client.close()
