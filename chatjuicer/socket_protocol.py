"""uvicorn's WebSocket protocol with a fast path for text: a frame that goes to many sockets is encoded once. And with
less that an idle socket holds."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from chat_app.delivery.wire import WIRE

TEXT = 0x81  # a whole message in one frame; see RFC 6455, 5.2
SHORT_BYTES, LONG_BYTES = 126, 65536


class SharedFrames(WebSocketsSansIOProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = Inbox()  # type: ignore[assignment]
        self.leave_seat: Callable[[], None] | None = None
        """Gives up the connection's place among those of its address."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.leave_seat is not None:
            self.leave_seat()
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if (scope := getattr(self, "scope", None)) is not None:  # else the handshake was refused
            scope[WIRE] = self

    async def send(self, message: Any) -> None:
        text = message.get("text")
        if text is not None and message["type"] == "websocket.send" and self.takes_frames():
            self.write_text(text)
            return
        await super().send(message)
        if message["type"] == "websocket.accept":
            cast(dict[str, Any], self.scope).pop(WIRE, None)  # so that no circle of objects stays behind
            # The parser holds the request as long as it lives. All that is used of it is in the scope.
            self.request.headers.clear()
            self.response.headers.clear()

    def write_text(self, text: str) -> None:
        self.transport.write(frame_of(text))

    def takes_frames(self) -> bool:
        """Whether it is open, reads what it is sent, and has agreed on no extension that would change a frame."""
        return (
            self.handshake_complete
            and not (self.close_sent or self.disconnected)
            and self.writable.is_set()
            and self.conn.state is State.OPEN
            and not self.conn.extensions
        )


class Inbox:
    """As much of an asyncio.Queue as one reader needs, who is mostly waiting: that one has four deques, of 760 bytes
    each while they are empty."""

    __slots__ = ("_messages", "_waiting")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._waiting: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> Any:
        while not self._messages:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._messages.pop(0)


def frame_of(text: str) -> bytes:
    """From a server, so without a mask. A channel's sockets are written to one after the other, with one and the same
    text: the last frame is kept."""
    global _last
    if text is not _last[0]:
        payload = text.encode()
        _last = text, _head(len(payload)) + payload
    return _last[1]


_last: tuple[str, bytes] = ("", b"\x81\x00")


def _head(size: int) -> bytes:
    if size < SHORT_BYTES:
        return bytes((TEXT, size))
    if size < LONG_BYTES:
        return struct.pack("!BBH", TEXT, 126, size)
    return struct.pack("!BBQ", TEXT, 127, size)
