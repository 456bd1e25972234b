"""The client's timers, and a laptop that sleeps: nothing is due while it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Times:
    """The constants of the client, in seconds, multiplied for simulations that have less time than people."""

    reconnect_s: float = 2.0  # Electron, forever
    reconnect_when_full_s: float = 4.0  # after 4503
    browser_first_s: float = 1.0  # doubled each time
    browser_tries: int = 5
    browser_look_s: float = 0.1  # whether the socket is open, so that a text can be sent
    refresh_before_s: float = 60.0  # before the access token expires
    refresh_at_least_s: float = 10.0
    process_queue_s: float = 0.1  # after the end of an answer
    way_s: float = 0.05  # a request's to the server, who is not next door; never scaled, as it decides who meets whom
    command_s: float = 5.0  # after which a command is given up; never scaled, servers are not faster for a test

    def scaled(self, network: float, tokens: float) -> Times:
        return Times(
            reconnect_s=self.reconnect_s * network,
            reconnect_when_full_s=self.reconnect_when_full_s * network,
            browser_first_s=self.browser_first_s * network,
            browser_look_s=self.browser_look_s * network,
            refresh_before_s=self.refresh_before_s * tokens,
            refresh_at_least_s=self.refresh_at_least_s * tokens,
            process_queue_s=self.process_queue_s * network,
        )


class Clock:
    """Runs what is due, except while the machine sleeps; then all that became due runs at once on waking."""

    def __init__(self) -> None:
        self._awake = asyncio.Event()
        self._awake.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        """What a part of the client did not expect: a fault of the simulation."""

    @property
    def asleep(self) -> bool:
        return not self._awake.is_set()

    def sleep(self) -> None:
        self._awake.clear()

    def wake(self) -> None:
        self._awake.set()

    def later(self, seconds: float, act: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def wait_and_act() -> None:
            await asyncio.sleep(seconds)
            await self._awake.wait()
            await act()

        return self.start(wait_and_act())

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
