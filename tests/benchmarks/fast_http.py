"""An HTTP client that costs little, so that what is measured is the server: it can ask for four times what the fastest
answer."""

import asyncio
import re
import time
from typing import cast
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
AT_ONCE = 8  # connections


class FastHTTP(asyncio.Protocol):
    """One connection, which asks for one address after another until it is told to end."""

    def __init__(self, requests: list[bytes], first: int) -> None:
        self.requests, self.number = requests, first
        self.times_s: list[float] = []
        self.size = 0  # of the last body
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.until = float("inf")
        self._buffer = b""
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(ConnectionError("the server has closed the connection"))

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        self.transport.write(self.requests[self.number % len(self.requests)])
        self.number += AT_ONCE

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = LENGTH.search(self._buffer, 0, end + 2)
        if not self._buffer.startswith(b"HTTP/1.1 200") or length is None:
            self.ended.set_exception(ConnectionError(self._buffer[:200].decode("latin-1")))
            self.transport.close()
            return
        self.size = int(length[1])
        if len(self._buffer) < end + 4 + self.size:
            return
        now = time.perf_counter()
        self.times_s.append(now - self._asked_at)
        self._buffer = b""
        if now < self.until:
            self._ask()
        else:
            self.ended.set_result(None)
            self.transport.close()


async def rate(urls: list[str], token: str, seconds: float) -> tuple[float, float, int, int]:
    """Answers a second, their p99 in ms, the size of one in bytes, and how many there were."""
    address = urlsplit(urls[0])
    heads = [f"GET {urlsplit(url).path}?{urlsplit(url).query} HTTP/1.1\r\nHost: {address.netloc}\r\n" for url in urls]
    requests = [f"{head}Authorization: Bearer {token}\r\n\r\n".replace("? ", " ").encode() for head in heads]
    loop = asyncio.get_running_loop()
    since = time.perf_counter()
    clients = []
    for number in range(AT_ONCE):

        def client(number: int = number) -> FastHTTP:
            return FastHTTP(requests, number)

        _, made = await loop.create_connection(client, str(address.hostname), address.port or 80)
        made.until = since + seconds
        clients.append(made)
    await asyncio.wait_for(asyncio.gather(*(client.ended for client in clients)), seconds + 30)
    took_s = time.perf_counter() - since
    times_s = sorted(one for client in clients for one in client.times_s)
    return len(times_s) / took_s, times_s[int(len(times_s) * 0.99)] * 1000, clients[0].size, len(times_s)
