"""A WebSocket client that costs little, so that a thousand of them fit beside what is measured."""

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
# Called with the time of arrival (time.monotonic_ns) and the frame's bytes.
OnText = Callable[[int, bytes], None]


class FastSocket(asyncio.Protocol):
    def __init__(self, on_text: OnText, head: bytes) -> None:
        self.on_text, self.head = on_text, head
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self._buffer = b""
        self._parts: list[bytes] = []

    @classmethod
    async def open(cls, url: str, on_text: OnText, token: str = "") -> "FastSocket":
        address = urlsplit(url)
        lines = [
            f"GET {address.path}{'?' + address.query if address.query else ''} HTTP/1.1",
            f"Host: {address.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            *([f"Authorization: Bearer {token}"] if token else []),
        ]
        head = "\r\n".join([*lines, "", ""]).encode()
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: cls(on_text, head), str(address.hostname), address.port or 80)
        await asyncio.wait_for(socket.opened, 30)
        return socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.head)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("refused"))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        buffer = self._buffer + data if self._buffer else data
        at = 0
        if not self.opened.done():
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(buffer[:100].decode("latin-1")))
                return
            self.opened.set_result(None)
            at = end + 4
        size = len(buffer)
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                if size < start:
                    break
                length = int.from_bytes(buffer[at + 2 : start], "big")
            if size < start + length:
                break
            self._frame(now, buffer[at], buffer[start : start + length])
            at = start + length
        self._buffer = buffer[at:]

    def _frame(self, now: int, first: int, payload: bytes) -> None:
        opcode = first & 15
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE:
            self.closed = True
            self.transport.close()
        elif first & 128 and not self._parts:
            self.on_text(now, payload)
        else:
            self._parts.append(payload)
            if first & 128:
                self.on_text(now, b"".join(self._parts))
                self._parts = []

    def send(self, text: bytes) -> None:
        self._write(TEXT, text)

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
        # A mask of zeros leaves the payload as it is.
        self.transport.write(bytes([128 | opcode]) + length + b"\0\0\0\0" + payload)

    def close(self) -> None:
        self._write(CLOSE, b"\x03\xe8")
        self.transport.close()
