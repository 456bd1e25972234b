"""A server that answers byte by byte as a test wants, on the test's own loop: what no framework would send."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@asynccontextmanager
async def answering(answer: Callable[[str], AsyncIterator[bytes]]) -> AsyncIterator[str]:
    """Its address. Each request is answered with the pieces for its path, head and all, and ends its connection."""
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            under_way.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(found[1]) if (found := LENGTH.search(head)) else 0)
                async for piece in answer(head.decode().split()[1]):
                    writer.write(piece)
                    await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
