"""Who has a document read, and in which order: one may take 20 seconds, and few are read at once for everybody."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from files_app import extract

T = TypeVar("T")


class FairPool:
    """So many at once, and one of each user. What is free goes to the user who has waited longest since their last one.

    Used on the event loop.
    """

    def __init__(self, places: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(places, thread_name_prefix=name)
        self._free = places
        self._served: set[UUID] = set()
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}  # whose turn is next stands first

    async def do(self, user_id: UUID, call: Callable[[], T]) -> T:
        """What the call returns, in a thread. Whoever is cancelled meanwhile does not end it: it has its place until it
        returns."""
        await self._wait(user_id)
        doing = asyncio.get_running_loop().run_in_executor(self._threads, call)
        doing.add_done_callback(partial(self._done, user_id))
        return await asyncio.shield(doing)

    def _done(self, user_id: UUID, doing: asyncio.Future[Any]) -> None:
        self._give_back(user_id)
        if not doing.cancelled():
            doing.exception()  # nobody may be there any more to be told

    async def _wait(self, user_id: UUID) -> None:
        if self._free and user_id not in self._served:
            self._take(user_id)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(user_id)
            raise

    def _take(self, user_id: UUID) -> None:
        self._free -= 1
        self._served.add(user_id)

    def _give_back(self, user_id: UUID) -> None:
        self._free += 1
        self._served.discard(user_id)
        for waiting in list(self._waiting):
            if self._free and waiting not in self._served:
                self._let_in(waiting)

    def _let_in(self, user_id: UUID) -> None:
        turns = self._waiting.pop(user_id)
        while turns:
            turn = turns.popleft()
            if not turn.done():  # nor was given up
                self._take(user_id)
                turn.set_result(None)
                break
        if turns:
            self._waiting[user_id] = turns


document_readers = FairPool(extract.PROCESSES, "document")
