"""Clients that read a byte a second beside clients that keep up; sockets that come and go; requests cut at any byte.

    python -m tests.faults.storms --profile postgres -n 50

`n` is the number of slow readers; four times as many sockets and requests come and go.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket as sockets
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.faults import figures as command
from tests.faults.figures import Figures, Options, percentile
from tests.faults.ledger import folded
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import GONE
from tests.harness.client import Chat, Client, Frame
from tests.harness.server import Server

FAST = 8
PACED = "stamp 600; pace 100"
ROUNDS = 6
FLOOD = "say 120000 words"  # about a megabyte: twice what an outbox holds
BLOCKS = "blocks 32 of 65536"  # two megabytes in large frames
SMALL_BUFFER_BYTES = 4096
MIB = 1024 * 1024
GONE_TIMEOUT_S = 30


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(
    site: FaultySite,
    slow: int,
    seed: int,
    paced: str = PACED,
    flood: str = FLOOD,
    rounds: int = ROUNDS,
    times: int = 4,
) -> Figures:
    figures = Figures("storms", site.profile, seed)
    dice = random.Random(seed)
    client = await Client(site.url).login()
    await read_slowly(site.servers[0], client, slow, paced, flood, rounds, figures)
    await come_and_go(site.servers[0], client, times * slow, dice, figures)
    await cut_requests(site.servers[0], client, times * slow, dice, figures)
    await client.close()
    note_refusals(site, figures)
    return figures


# -- slow readers


async def read_slowly(
    server: Server, client: Client, slow: int, paced: str, flood: str, rounds: int, figures: Figures
) -> None:
    """The same words, in small frames and in frames of 64 KiB, to fast readers alone and to fast readers with slow ones
    beside them, each in a new session, so that the model is given the same.

    Delays are taken in turns, as one hiccup of the machine is more than a hundredth of a round; memory once more than
    it is counted, so that what every flood takes is taken."""
    await alone(server, client, flood, flood)
    took, floor = await alone(server, client, paced, flood)
    beside: list[float] = []
    for more in reversed(range(rounds)):
        session = await client.create_session()
        async with (
            fast_readers(client, session) as readers,
            slow_readers(server, client, session, slow) as crawlers,
        ):
            beside += await delays(readers, paced)
            if not more:
                peak = max([await peak_bytes(server, readers[0].ask(script)) for script in (flood, BLOCKS)])
                last = (await client.detail(session))["last_seq"]
                closed = Counter([await crawler.finish(last) for crawler in crawlers])
        if more:
            async with fast_readers(client, await client.create_session()) as readers:
                took += await delays(readers, paced)
    figures.took_s["fast alone"], figures.took_s["fast beside slow"] = took, beside
    per_socket = max(0, peak - floor) // slow
    figures.done["slow readers"] += slow
    figures.done["KiB per slow reader"] += per_socket // 1024
    figures.done["p99 grew by percent"] += round((percentile(beside, 99) / percentile(took, 99) - 1) * 100)
    for code, times in closed.items():
        figures.done[f"closed {code}" if code else "kept up"] += times
    figures.found("too much memory", f"{per_socket} bytes for each slow reader", per_socket > MIB)
    figures.found("stuck", "slow readers were neither sent all nor closed", closed[None])
    log = await client.events(session)
    for crawler in crawlers:
        await go_on(client, session, crawler, log, figures)


async def alone(server: Server, client: Client, paced: str, flood: str) -> tuple[list[float], int]:
    """Fast readers' delays, and the most memory that the server had in the flood."""
    session = await client.create_session()
    async with fast_readers(client, session) as readers:
        took = await delays(readers, paced)
        return took, max([await peak_bytes(server, readers[0].ask(script)) for script in (flood, BLOCKS)])


async def go_on(client: Client, session: str, crawler: Crawler, log: list[Frame], figures: Figures) -> None:
    """What the slow reader had, and what it gets when it comes back, is the log."""
    had = [frame for frame in crawler.frames if "seq" in frame]
    after = had[-1]["seq"] if had else crawler.head
    async with client.chat(session, after=after) as chat:
        if after < log[-1]["seq"]:
            await chat.wait_seq(log[-1]["seq"])
        rest = chat.log
    expected = [event for event in log if event["seq"] > crawler.head]
    figures.found("missing", "a slow reader came back", folded([*had, *rest]) != folded(expected))


@asynccontextmanager
async def fast_readers(client: Client, session: str) -> AsyncIterator[list[Chat]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client.chat(session)) for _ in range(FAST)]


async def delays(readers: list[Chat], script: str) -> list[float]:
    """Seconds from the provider's writing of each word to each reader's having it."""
    took: list[float] = []
    marks = [len(reader.frames) for reader in readers]
    asked = asyncio.create_task(readers[0].ask(script))
    while not asked.done():
        await asyncio.sleep(0.001)
        now = time.monotonic_ns()
        for number, reader in enumerate(readers):
            for frame in reader.frames[marks[number] :]:
                if frame["type"] == "delta":
                    took += [(now - int(word)) / 1e9 for word in frame["content"].split() if len(word) > 10]
            marks[number] = len(reader.frames)
    await asked
    return took


async def peak_bytes(server: Server, work: Coroutine[Any, Any, object]) -> int:
    """The most memory that the process has while it works."""
    task = asyncio.create_task(work)
    peak = server.rss_bytes()
    while not task.done():
        await asyncio.sleep(0.02)
        peak = max(peak, server.rss_bytes())
    await task
    return peak


@dataclass(eq=False)
class Crawler:
    """A client in bytes, which takes one a second until it is told to `finish`."""

    connection: sockets.socket
    got: bytearray = field(default_factory=bytearray)
    task: asyncio.Task[None] | None = None
    frames: list[Frame] = field(default_factory=list)
    head: int = 0  # where its stream began

    async def crawl(self) -> None:
        loop = asyncio.get_running_loop()
        while byte := await loop.sock_recv(self.connection, 1):
            self.got += byte
            await asyncio.sleep(1)

    async def finish(self, last: int) -> int | None:
        """Reads on quickly, up to event `last` (0) or until it is closed (the code; 1006 for none); None if neither."""
        assert self.task is not None
        self.task.cancel()
        loop = asyncio.get_running_loop()
        code = None
        try:
            async with asyncio.timeout(GONE_TIMEOUT_S):
                while code is None:
                    chunk = await loop.sock_recv(self.connection, 65536)
                    self.got += chunk
                    code = self._parse() if chunk else 1006
                    if code is None and self.frames[-1].get("seq", 0) >= last:
                        code = 0
        except OSError:
            code = 1006
        except TimeoutError:
            pass
        self.connection.close()
        return code

    def _parse(self) -> int | None:
        """Takes the whole frames out of what has come; the close frame's code, if there is one."""
        while len(self.got) >= 2:
            length, start = self.got[1], 2
            if length == 126:
                length, start = int.from_bytes(self.got[2:4]), 4
            elif length == 127:
                length, start = int.from_bytes(self.got[2:10]), 10
            if len(self.got) < start + length:
                return None
            payload = bytes(self.got[start : start + length])
            opcode = self.got[0] & 15
            del self.got[: start + length]
            if opcode == 8:
                return struct.unpack("!H", payload[:2])[0] if payload else 1005
            if opcode == 1:
                self.frames.append(json.loads(payload))
                if self.frames[-1]["type"] == "connected":
                    self.head = self.frames[-1]["last_seq"]
        return None


@asynccontextmanager
async def slow_readers(server: Server, client: Client, session: str, count: int) -> AsyncIterator[list[Crawler]]:
    crawlers = [await open_crawler(server, client, session) for _ in range(count)]
    try:
        yield crawlers
    finally:
        for crawler in crawlers:
            if crawler.task is not None:
                crawler.task.cancel()
            crawler.connection.close()


async def open_crawler(server: Server, client: Client, session: str) -> Crawler:
    """Connected, and its first frame read."""
    loop = asyncio.get_running_loop()
    connection = sockets.socket()
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, SMALL_BUFFER_BYTES)
    connection.setblocking(False)
    await loop.sock_connect(connection, ("127.0.0.1", server.port))
    await loop.sock_sendall(connection, upgrade(server, client, session))
    crawler = Crawler(connection)
    while b"\r\n\r\n" not in crawler.got:
        crawler.got += await loop.sock_recv(connection, 1)
    assert crawler.got.startswith(b"HTTP/1.1 101"), crawler.got
    crawler.got.clear()
    while not crawler.frames:
        crawler.got += await loop.sock_recv(connection, 1)
        crawler._parse()
    crawler.task = asyncio.create_task(crawler.crawl())
    return crawler


def upgrade(server: Server, client: Client, session: str) -> bytes:
    lines = (
        f"GET /ws/chat/{session} HTTP/1.1",
        f"Host: {urlsplit(server.url).netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Authorization: Bearer {client.token}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# -- those who come and go


async def come_and_go(server: Server, client: Client, times: int, dice: random.Random, figures: Figures) -> None:
    """In the handshake, after it, in mid-frame; in peace or by a reset. Afterwards the server holds nothing of them."""
    session = await client.create_session()
    before = open_files(server)
    hello = upgrade(server, client, session)

    async def come() -> None:
        await asyncio.sleep(dice.random())
        said = hello + b"\x81\xfe\x01\x00mask" + b"x" * 40  # the beginning of a frame that never ends
        await send_part(server, said[: dice.randint(1, len(said))], dice)

    async with client.chat(session) as chat:
        asked = asyncio.create_task(chat.ask("say 100 words; pace 80"))
        await asyncio.gather(*(come() for _ in range(times)))
        await asked
    figures.done["sockets that came and went"] += times
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while open_files(server) > before + 4 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    left = open_files(server) - before
    figures.found("stuck", f"{left} more files are open than before", left > 4)


def open_files(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


async def send_part(server: Server, said: bytes, dice: random.Random) -> bytes:
    """Says it, perhaps reads some of the answer, and is gone."""
    got = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    except OSError:
        return got
    try:
        writer.write(said)
        if dice.random() < 0.5:
            got = await asyncio.wait_for(reader.read(dice.randint(1, 4096)), 0.5)
        if dice.random() < 0.5:
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, reset)
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return got


async def cut_requests(server: Server, alice: Client, times: int, dice: random.Random, figures: Figures) -> None:
    """Of two people, cut at any byte; neither these nor requests beside them are answered with the other's words."""
    bob = await Client(server.url).register(f"bob-{uuid4().hex}@example.org")
    marks = {alice: uuid4().hex, bob: uuid4().hex}
    for person, mark in marks.items():
        session = await person.create_session(title=f"of {mark}")
        await person.post(f"/api/sessions/{session}/messages", {"role": "user", "content": mark}, status=201)
    foreign = {alice: marks[bob].encode(), bob: marks[alice].encode()}

    async def cut() -> None:
        person = dice.choice((alice, bob))
        body = json.dumps({"title": f"of {marks[person]}"}).encode()
        head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {person.token}\r\n"
        get = f"GET /api/sessions?limit=100 HTTP/1.1\r\n{head}\r\n".encode()
        length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n"
        post = f"POST /api/sessions HTTP/1.1\r\n{head}{length}\r\n".encode() + body
        said = dice.choice((get, post, get + post, post + get))
        await asyncio.sleep(dice.random())
        got = await send_part(server, said[: dice.randint(1, len(said))], dice)
        figures.found("told to another", f"{got[:200]!r}", foreign[person] in got)

    async def ask(person: Client) -> None:
        for _ in range(times // 4):
            with suppress(*GONE):
                answer = await person.http.get("/api/sessions", params={"limit": 100})
                figures.found("told to another", answer.text[:200], foreign[person] in answer.content)
                figures.found("other errors", answer.text[:200], answer.status_code != 200)

    await asyncio.gather(*(cut() for _ in range(times)), ask(alice), ask(bob))
    figures.done["requests cut"] += times
    await bob.close()


if __name__ == "__main__":
    command.main(run, "slow readers", 20)
