"""What one client has yet to be sent: bounded, in order, merged only while a send is pending.

Where nothing waits, it is sent at once."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable

from chat_app.protocol import Record, merged
from chatjuicer.observability.counters import counts

# What the frames that wait take in memory: a character takes one byte or, as soon as one of its text needs them, two or
# four. Where others have been sent them already, their texts for the wire come on top, so that it is 1 MiB at most; and
# so do the sockets' own buffers.
MAX_BACKLOG_BYTES = 512 * 1024
MAX_FRAME_BYTES = 64 * 1024  # of a merged frame
RECORD_BYTES = 200  # besides its text


class Outbox:
    """A client's place in the stream. `put` never waits; what was put is taken oldest first, by iterating or, where
    nobody is to wait in between, by `take` whenever `on_filled` is called.

    Iteration ends when the outbox is closed, with `close_code` saying why (None: the reader left by itself).
    """

    __slots__ = (
        "_backlog_bytes",
        "_frames",
        "_ready",
        "after",
        "close_code",
        "close_reason",
        "closed",
        "on_filled",
        "send_now",
    )

    def __init__(self) -> None:
        self.closed = False
        self.after = 0  # the client has the events up to this number
        self.close_code: int | None = None
        self.close_reason = ""
        self.on_filled: Callable[[], None] | None = None  # at each `put` that queues, and when it is closed
        # Is asked where nothing is queued. False: a frame before it is still on its way, or the client does not read.
        self.send_now: Callable[[Record | str], bool] | None = None
        self._frames: deque[Record | str] | None = None  # made with the first: an empty one takes 760 bytes
        self._backlog_bytes = 0
        self._ready: asyncio.Future[None] | None = None

    def put(self, frame: Record | str) -> None:
        """A numbered record of the log, or a control frame's text."""
        if self.closed or (isinstance(frame, Record) and frame.seq <= self.after):
            return
        if not self._frames and self.send_now is not None and self.send_now(frame):
            return
        if self._frames is None:
            self._frames = deque()
        self._frames.append(frame)
        self._backlog_bytes += _size(frame)
        # The oldest is on its way, and may by itself be as large as a message may be.
        if self._backlog_bytes - _size(self._frames[0]) > MAX_BACKLOG_BYTES:
            self._frames.clear()
            counts.too_slow += 1
            self.close(4408, "too slow")
            return
        self.wake()

    def close(self, code: int | None = None, reason: str = "") -> None:
        """What was put before is still sent."""
        if not self.closed:
            self.closed, self.close_code, self.close_reason = True, code, reason
            self.wake()

    @property
    def backlog_bytes(self) -> int:
        return self._backlog_bytes

    @property
    def idle(self) -> bool:
        return not self._frames

    def wake(self) -> None:
        """Have the reader look at what there is to do."""
        if self.on_filled is not None:
            self.on_filled()
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    async def frames(self) -> AsyncIterator[Record | str]:
        while True:
            while (frame := self.take()) is not None:
                yield frame
            if self.closed:
                return
            self._ready = asyncio.get_running_loop().create_future()
            try:
                await self._ready
            finally:
                self._ready = None

    def take(self) -> Record | str | None:
        """The oldest frame, with those that follow merged into it as far as they can be; None if there is none."""
        if not self._frames:
            self._frames = None
            return None
        first = self._frames.popleft()
        size = _size(first)
        self._backlog_bytes -= size
        if not isinstance(first, Record) or not self._frames:
            return first
        together = [first]
        while self._frames and size < MAX_FRAME_BYTES:
            later = self._frames[0]
            if not isinstance(later, Record) or not first.joins(later):
                break
            self._frames.popleft()
            self._backlog_bytes -= _size(later)
            size += _size(later)
            together.append(later)
        return merged(together)


def _size(frame: Record | str) -> int:
    return sys.getsizeof(frame) if isinstance(frame, str) else sys.getsizeof(frame.payload) + RECORD_BYTES
