"""uvicorn's WebSocket protocol with a short way for text: a frame that goes to many sockets is encoded once."""

import struct
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

TEXT = 0x81  # a whole message in one frame; see RFC 6455, 5.2
SHORT_BYTES, LONG_BYTES = 126, 65536


class SharedFrames(WebSocketsSansIOProtocol):
    async def send(self, message: Any) -> None:
        text = message.get("text")
        if text is None or message["type"] != "websocket.send" or not self._takes_frames():
            await super().send(message)
        else:
            self.transport.write(frame_of(text))

    def _takes_frames(self) -> bool:
        """Whether it is open, reads what it is sent, and has agreed on no extension that would change a frame."""
        return (
            self.handshake_complete
            and not (self.close_sent or self.disconnected)
            and self.writable.is_set()
            and self.conn.state is State.OPEN
            and not self.conn.extensions
        )


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
