"""The process's fan-out: from what was committed, here or elsewhere, to each local client of a log.

Live and replay are one question: what comes after `seq`? A client first reads the log in pages until it has all that
its channel has, and joins the channel in the same step of the loop; from then on it is handed what comes. A channel
takes only the next number; where one is missing it reads the log. So nothing depends on a notification: neither on a
commit hook, nor on the channel layer, which may drop, repeat or reorder its messages. Notifications of account logs
carry no events: those logs are always read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from chat_app.database import in_database
from chat_app.log.commit_hooks import commit_hooks
from chat_app.protocol import Record, Resync, encode, merged
from chatjuicer.observability.seldom import SeldomLine

from .layer import Layer
from .logs import Log, bounds, bounds_of, page
from .outbox import Outbox

logger = logging.getLogger(__name__)
_unread = SeldomLine(logger, "hub: logs that could not be read, until the poll looks again", with_stack=True)
_failed_polls = SeldomLine(logger, "hub: polls that failed", with_stack=True)

POLL_S = 2.0  # finds events whose last notification was lost
FIRST_POLL_S = 0.3
KEPT_CONTROLS = 20  # for a client that is still sent what is in the log


class Channel:
    """A log as this process sees it: who listens, and the highest number that they were handed."""

    __slots__ = (
        "catching_up",
        "deleted",
        "forgotten",
        "head",
        "known",
        "listeners",
        "log",
        "members",
        "opened",
        "opening",
        "replaying",
    )

    def __init__(self, log: Log) -> None:
        self.log = log
        self.head = 0
        self.known = 0  # the highest number heard of
        self.forgotten = 0  # the number up to which events are gone, as its listeners know
        self.opened = False  # the head has been read
        self.opening = asyncio.Lock()
        self.members = 0  # who holds the channel open, joined or still replaying
        self.listeners: set[Outbox] = set()
        # Those that are still sent what is in the log: the control frames that came meanwhile, each with the head then.
        self.replaying: dict[Outbox, deque[tuple[int, str]]] = {}
        self.catching_up: asyncio.Task[None] | None = None
        self.deleted = False  # closes its listeners once they have what is being read for them

    def close(self) -> None:
        for outbox in self.listeners:
            outbox.close(*self.log.gone)


Watcher = Callable[[Record], None]


class Hub:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._channels: dict[UUID, Channel] = {}
        self._watchers: list[Watcher] = []
        self._layer = Layer(self)
        self._joined = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        commit_hooks.on_events_committed = self._after_commit
        commit_hooks.on_session_deleted = self._after_delete
        commit_hooks.on_log_forgotten = self._after_forgetting

    async def start(self) -> None:
        await self._layer.start()
        self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        commit_hooks.on_events_committed = commit_hooks.on_session_deleted = commit_hooks.on_log_forgotten = None
        if self._poller is not None:
            self._poller.cancel()
        await self._layer.stop()

    @property
    def layer(self) -> Layer:
        return self._layer

    def watch(self, watcher: Watcher) -> None:
        """`watcher` hears of every record of the channels that are open here, on the loop."""
        self._watchers.append(watcher)

    def close_all(self, code: int, reason: str) -> None:
        for channel in self._channels.values():
            for outbox in channel.listeners:
                outbox.close(code, reason)

    def send_control(self, key: UUID, text: str) -> None:
        """A control frame for the session's clients, here and elsewhere; who is not there does not miss it."""
        self.receive_control(key, text)
        self._layer.announce_control(key, text)

    def has_listeners(self, key: UUID) -> bool:
        """Whether a client of this process follows the log."""
        channel = self._channels.get(key)
        return channel is not None and bool(channel.listeners)

    async def is_watched(self, key: UUID) -> bool:
        """Whether a client of any process follows the log; one of a process that does not answer in time is missed."""
        return self.has_listeners(key) or await self._layer.is_watched(key)

    # -- joining

    @asynccontextmanager
    async def channel(self, log: Log) -> AsyncIterator[Channel]:
        """The log's channel, held open. What is committed after this line is entered reaches it."""
        channel = await self.enter(log)
        try:
            yield channel
        finally:
            await self.leave(channel)

    async def enter(self, log: Log) -> Channel:
        """The log's channel, which stays open until `leave`."""
        channel = self._channels.get(log.key)
        if channel is None:
            channel = self._channels[log.key] = Channel(log)
        channel.members += 1
        try:
            async with channel.opening:
                await self._open(channel)
        except BaseException:
            await self.leave(channel)
            raise
        return channel

    async def leave(self, channel: Channel) -> None:
        """Once for each `enter`."""
        channel.members -= 1
        if channel.members == 0:
            del self._channels[channel.log.key]
            if channel.catching_up is not None:
                channel.catching_up.cancel()
            await self._layer.leave(channel.log.key)

    async def _open(self, channel: Channel) -> None:
        if channel.opened:
            return
        # Join before reading the log: an event written in between is then heard of twice, not never.
        await self._layer.join(channel.log.key)
        channel.forgotten, channel.head = await in_database(bounds, channel.log)
        channel.opened = True
        self._look_for_missing(channel)
        self._joined.set()

    async def follow(self, channel: Channel, outbox: Outbox, after: int) -> AsyncGenerator[Record | str]:
        """Each event above `after` once, in order, first from the log and then live, until the outbox is closed."""
        try:
            async for frame in self.replay(channel, outbox, after):
                yield frame
            async for frame in outbox.frames():
                yield frame
        finally:
            channel.listeners.discard(outbox)

    async def replay(self, channel: Channel, outbox: Outbox, after: int) -> AsyncGenerator[Record | str]:
        """Each event above `after` once, in order, that is in the log. With its end the outbox is one of the channel's
        listeners, and is given what comes next.

        A cursor that the log cannot serve gives a `resync` and the live stream; so does a log that is forgotten while
        it is being read. Control frames that came meanwhile follow it, unless their run has ended since.
        """
        early = channel.replaying[outbox] = deque[tuple[int, str]](maxlen=KEPT_CONTROLS)
        ended = 0
        try:
            forgotten, last_seq = await in_database(bounds, channel.log)
            if not forgotten <= after <= last_seq:
                after = last_seq
                yield encode(Resync(last_seq))
            while (after < channel.head or forgotten < channel.forgotten) and not outbox.closed:
                found, gone = await in_database(page, channel.log, after)
                gone = max(gone, channel.forgotten)
                if channel.log.misses(after, forgotten, gone) or (not found and after < channel.head):
                    after = max(channel.head, gone)
                    yield encode(Resync(after))
                else:
                    for record in together(found):
                        ended = record.seq if record.type == "stream_end" else ended
                        yield record
                    after = found[-1].seq if found else after
                forgotten = gone
            # No await between the last look at the head and this line: nothing is handed out in between. Where the
            # client is ahead of the channel, which may still be reading, its outbox passes over what it has.
            outbox.after = after
            channel.listeners.add(outbox)
            for head, text in early:
                if head >= ended:
                    outbox.put(text)
        finally:
            channel.replaying.pop(outbox, None)

    # -- what comes

    def _after_commit(self, records: list[Record]) -> None:
        self._loop.call_soon_threadsafe(self._committed_here, records)

    def _after_delete(self, key: UUID) -> None:
        self._loop.call_soon_threadsafe(self._deleted_here, key)

    def _after_forgetting(self, key: UUID, up_to: int) -> None:
        self._loop.call_soon_threadsafe(self._forgotten_here, key, up_to)

    def _committed_here(self, records: list[Record]) -> None:
        self.receive_records(records)
        self._layer.announce(records)

    def _deleted_here(self, key: UUID) -> None:
        self.receive_deleted(key)
        self._layer.announce_deleted(key)

    def receive_records(self, records: list[Record]) -> None:
        for record in records:
            channel = self._channels.get(record.session_pk)
            if channel is None:
                continue
            channel.known = max(channel.known, record.seq)
            if channel.opened and channel.catching_up is None:
                if record.seq == channel.head + 1 and record.payload:
                    self._hand_out(channel, record)
                else:
                    self._look_for_missing(channel)

    def receive_deleted(self, key: UUID) -> None:
        if (channel := self._channels.get(key)) is None:
            return
        # The end of its run may have come before what another process wrote last, which is being read.
        channel.deleted = channel.catching_up is not None
        if not channel.deleted:
            channel.close()

    def _forgotten_here(self, key: UUID, up_to: int) -> None:
        self.receive_forgotten(key, up_to)
        self._layer.announce_forgotten(key, up_to)

    def receive_forgotten(self, key: UUID, up_to: int) -> None:
        """Clients show what is no longer there: have them load the session again, then go on. Once for each number,
        however often and by whatever way it is heard of."""
        channel = self._channels.get(key)
        if channel is None or not channel.opened or up_to <= channel.forgotten:
            return
        misses = channel.log.misses(channel.head, channel.forgotten, up_to)
        channel.forgotten = up_to
        channel.head, channel.known = max(channel.head, up_to), max(channel.known, up_to)
        if misses:
            for outbox in channel.listeners:
                outbox.put(encode(Resync(channel.head)))

    def receive_control(self, key: UUID, text: str) -> None:
        if channel := self._channels.get(key):
            for outbox in channel.listeners:
                outbox.put(text)
            for kept in channel.replaying.values():
                kept.append((channel.head, text))

    def _hand_out(self, channel: Channel, record: Record) -> None:
        channel.head = record.seq
        for outbox in channel.listeners:
            outbox.put(record)
        for watcher in self._watchers:
            watcher(record)

    def _look_for_missing(self, channel: Channel) -> None:
        if channel.head < channel.known and channel.catching_up is None:
            channel.catching_up = asyncio.create_task(self._read_on(channel))

    async def _read_on(self, channel: Channel) -> None:
        """Hand out from the log until the channel has all that it heard of."""
        try:
            while channel.head < channel.known:
                found, gone = await in_database(page, channel.log, channel.head)
                if gone > channel.forgotten:
                    self.receive_forgotten(channel.log.key, gone)
                    continue
                if not found and channel.deleted:
                    break
                if not found:  # gone, or kept by hand
                    channel.head = channel.known
                    for outbox in channel.listeners:
                        outbox.put(encode(Resync(channel.head)))
                for record in found:
                    self._hand_out(channel, record)
        except Exception as error:
            _unread.tell(error)
        finally:
            channel.catching_up = None
            if channel.deleted:
                channel.close()

    async def _poll(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._joined.wait(), POLL_S)
                # A channel layer may take a while to hear of a new member, and lose what comes until then.
                await asyncio.sleep(FIRST_POLL_S)
                self._joined.clear()
            except TimeoutError:
                pass
            logs = [channel.log for channel in self._channels.values()]
            try:
                now = await in_database(bounds_of, logs) if logs else {}
            except Exception as error:
                _failed_polls.tell(error)
                continue
            for log in logs:
                channel = self._channels.get(log.key)
                if channel is None or not channel.opened:
                    continue
                if log.key not in now:
                    self.receive_deleted(log.key)
                    continue
                forgotten, last_seq = now[log.key]
                self.receive_forgotten(log.key, forgotten)
                channel.known = max(channel.known, last_seq)
                self._look_for_missing(channel)


def together(page: list[Record]) -> list[Record]:
    """Consecutive pieces of one text as one record."""
    joined: list[Record] = []
    run: list[Record] = []
    for record in page:
        if run and not run[-1].joins(record):
            joined.append(merged(run))
            run = []
        run.append(record)
    if run:
        joined.append(merged(run))
    return joined
