"""A way to a server that can be cut at a chosen moment, and led to another server."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 64 * 1024


class Relay:
    def __init__(self, target: str) -> None:
        self.target = target
        """The server's address, for connections that are made from now on."""
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()
        self._swallowed: tuple[bytes, int, Callable[[], None]] = (b"", 0, lambda: None)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def swallow(self, text: str, times: int = 1, then: Callable[[], None] = lambda: None) -> None:
        """The next `times` that a server says `text`, nobody hears it, and all connections are cut."""
        self._swallowed = (text.encode(), times, then)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.add(asyncio.current_task())
        self._writers.add(writer)
        address = urlsplit(self.target)
        try:
            with suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection(address.hostname, address.port)
                self._writers.add(server_writer)
                up = asyncio.create_task(self._pump(reader, server_writer))
                await self._pump(server_reader, writer, heard=True)
                server_writer.transport.abort()
                self._writers.discard(server_writer)
                writer.close()  # once all that the server has said is sent
                await up
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._serving.discard(asyncio.current_task())

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, heard: bool = False) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                text, times, then = self._swallowed
                if heard and times and text in data:
                    self._swallowed = (text, times - 1, then)
                    then()
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
