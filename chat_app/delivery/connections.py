"""The sockets of this process: how many there may be, whether their credentials still hold, and their pings."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from django.conf import settings

from chat_app.database import in_database
from chat_app.fair_share import may_take_another
from chat_app.protocol import Ping, encode
from chatjuicer.accounts.authentication import Credentials, ended
from chatjuicer.observability.seldom import SeldomLine

from .outbox import Outbox

logger = logging.getLogger(__name__)
_unchecked = SeldomLine(logger, "sockets: checks of credentials that failed", with_stack=True)

CREDENTIALS_CHECK_S = 2.0  # a logout closes sockets within 5 s
PING_S = 20.0
GOODBYE_S = 2.0
GIVE_WAY_S = 1.0  # of a client that is still there, a closed socket takes no time
COMES_BACK_S = 60.0
"""How long a client that has lost its socket, or its server, keeps trying to reconnect."""
ENDED_BY_ITSELF = {1000, 1001}  # close codes of a client that does not come back; uvicorn calls a loss 1005

# The log, the user and the device of sockets that give way.
Way: TypeAlias = tuple[UUID, UUID, str]


@dataclass(slots=True, eq=False)
class Socket:
    credentials: Credentials
    outbox: Outbox
    log_key: UUID  # of its session, or its account
    opened_at: float
    # At a shutdown, when no run of its session goes on here: its client cannot resume what it has seen begin.
    closes_last: bool = False
    way: Way | None = None  # of one that may have to give way
    came_back: bool = False  # perhaps in place of a lost one: a newer one supersedes it
    superseded: asyncio.Event | None = None  # by a newer one: its reader closes it; set when that is done
    predecessors: Sequence[Socket] = ()
    last_end: int = 0
    """The number of the last end that its client has been told for certain: set when the client has closed it, too."""

    def give_way(self) -> None:
        self.superseded = self.superseded or asyncio.Event()
        self.outbox.wake()

    async def wait_for_predecessors(self) -> int:
        """What they told last comes before what this one tells first. Returns the number of the last end of theirs:
        what comes before that, the client need not be told again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_WAY_S):
                for older in self.predecessors:
                    if older.superseded is not None:
                        await older.superseded.wait()
        return max((older.last_end for older in self.predecessors), default=0)


class Sockets:
    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._per_user: Counter[UUID] = Counter()
        self._ways: defaultdict[Way, list[Socket]] = defaultdict(list)  # the oldest first
        self._lost_at: dict[Way, float] = {}
        self._started_at = time.monotonic()
        self._emptied = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._sockets)

    @property
    def outboxes(self) -> list[Outbox]:
        return [socket.outbox for socket in list(self._sockets)]

    def start(self) -> None:
        self._watch = asyncio.create_task(self._watch_all())

    async def stop(self) -> None:
        """Waits until the sockets have been closed: the server would close the others with a code of its own."""
        if self._watch is not None:
            self._watch.cancel()
        if self._sockets:
            self._emptied.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), GOODBYE_S)

    def has_room(self, user_id: UUID) -> bool:
        own, taken = self._per_user[user_id], len(self._sockets)
        return may_take_another(own, taken, settings.MAX_SOCKETS, settings.MAX_SOCKETS_PER_USER)

    def add(
        self,
        credentials: Credentials,
        outbox: Outbox,
        log_key: UUID,
        *,
        closes_last: bool = False,
        device: str = "",
    ) -> Socket:
        """`device` tells the devices of a user apart whose older sockets give way to newer ones; empty: this socket's
        do not."""
        way = (log_key, credentials.user.pk, device) if device else None
        socket = Socket(credentials, outbox, log_key, time.monotonic(), closes_last, way)
        self._sockets.add(socket)
        self._per_user[credentials.user.pk] += 1
        if way is not None:
            lost_at = self._lost_at.get(way, self._started_at)
            socket.came_back = socket.opened_at - lost_at < COMES_BACK_S
            self._ways[way].append(socket)
            socket.predecessors = self._make_way(way)
        return socket

    def _make_way(self, way: Way) -> list[Socket]:
        """For the newest. Windows that have lost nothing keep their sockets beside each other."""
        older = [socket for socket in self._ways[way][:-1] if socket.came_back]
        for socket in older:
            socket.give_way()
        return older

    def remove(self, socket: Socket, code: int = 1000, last_end: int = 0) -> None:
        """`code` is the one that it was closed with, `last_end` the number of the last end that it was sent."""
        self._sockets.discard(socket)
        if socket.way is not None:
            self._ways[socket.way].remove(socket)
            if code in ENDED_BY_ITSELF:
                socket.last_end = last_end
            else:
                self._note_lost(socket, socket.way)
            if not self._ways[socket.way]:
                del self._ways[socket.way]
        if socket.superseded is not None:
            socket.superseded.set()
        user_id = socket.credentials.user.pk
        self._per_user[user_id] -= 1
        if self._per_user[user_id] <= 0:
            del self._per_user[user_id]
        if not self._sockets:
            self._emptied.set()

    def _note_lost(self, socket: Socket, way: Way) -> None:
        """Its client may have noticed long before, and opened other sockets since."""
        self._lost_at[way] = time.monotonic()
        for newer in self._ways[way]:
            newer.came_back = newer.came_back or newer.opened_at > socket.opened_at
        self._make_way(way)

    def close_all(self, code: int, reason: str, *, but_last_of: Collection[UUID] = ()) -> bool:
        """But those that close last, of the sessions in `but_last_of`; whether there were none of them."""
        closing = [socket for socket in self._sockets if not (socket.closes_last and socket.log_key in but_last_of)]
        for socket in closing:
            socket.outbox.close(code, reason)
        return len(closing) == len(self._sockets)

    async def _watch_all(self) -> None:
        """Close what has no credentials any more; ping each socket every PING_S after it was opened."""
        ping = encode(Ping())
        last = time.monotonic()
        while True:
            await asyncio.sleep(CREDENTIALS_CHECK_S)
            now = time.monotonic()
            for socket in self._sockets:
                if int((now - socket.opened_at) / PING_S) > int((last - socket.opened_at) / PING_S):
                    socket.outbox.put(ping)
            last = now
            self._lost_at = {way: at for way, at in self._lost_at.items() if now - at < COMES_BACK_S}
            try:
                await self._check_credentials()
            except Exception as error:
                _unchecked.tell(error)

    async def _check_credentials(self) -> None:
        held = {socket.credentials for socket in self._sockets}
        over = await in_database(ended, held) if held else set()
        for socket in self._sockets:
            if socket.credentials in over:
                socket.outbox.close(4401, "credentials ended")
