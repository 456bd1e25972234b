"""The product under daphne, uvicorn and granian, side by side: docs/adr/0002-asgi-server.md has the figures of one run.

    python -m tests.benchmarks.servers [--granian DIRECTORY]

granian is not among the requirements: `pip install --target DIRECTORY granian`.
"""

import argparse
import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from tests.benchmarks.fast_socket import FastSocket
from tests.benchmarks.stand import OTHER_CORES, SERVER_CORES, Process, on
from tests.benchmarks.table import Row, Table
from tests.harness.client import Chat, Client
from tests.harness.server import ROOT, Server, Site, cpu_s, rss_bytes

VIEWERS, TOKENS = 200, 200
IDLE = 400
PATIENCE_S = 75  # for a peer that answers no ping
SAID, SAID_BYTES = 100, 40_000_000

COMMANDS: dict[str, list[str]] = {
    "daphne": [
        "-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "--websocket-max-message-size", "1048576",
        "tests.benchmarks.without_lifespan:application",
    ],
    "uvicorn": ["manage.py", "serve"],
    "granian": [
        "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", "--ws",
        "--loop", "uvloop", "--backpressure", "20000", "--no-access-log", "chatjuicer.asgi:application",
    ],
}  # fmt: skip


class Under(Server):
    """The product under one of them; its figures are of the process and its workers."""

    def __init__(self, name: str, site: Site, granian: str) -> None:
        super().__init__(site.environment, site.directory / f"{name}.log")
        self.name = name
        self.environment["DJANGO_SETTINGS_MODULE"] = "chatjuicer.settings"
        self.environment["PYTHONPATH"] = f"{ROOT}:{granian}" if name == "granian" else str(ROOT)

    def start(self, *_options: str) -> None:
        command = [part.format(port=self.port) for part in COMMANDS[self.name]]
        with self.log.open("ab") as log, on(SERVER_CORES):
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def tree_cpu_s(self) -> float:
        return sum(map(cpu_s, self.processes()))

    def tree_rss_bytes(self) -> int:
        return sum(map(rss_bytes, self.processes()))

    def socket_url(self, session: str) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/ws/chat/{session}"


async def cpu_per_1000_frames(server: Under, client: Client) -> str:
    session = await client.create_session(mcp_config=[])
    frames, open_streams, ended = 0, VIEWERS, asyncio.Event()

    def count(_now: int, text: bytes) -> None:
        nonlocal frames, open_streams
        frames += 1
        if b'"stream_end"' in text:
            open_streams -= 1
            if not open_streams:
                ended.set()

    sockets = [await FastSocket.open(server.socket_url(session), count, client.token) for _ in range(VIEWERS)]
    await asyncio.sleep(1)
    before, frames = server.tree_cpu_s(), 0
    sockets[0].send(json.dumps({"type": "message", "messages": [f"say {TOKENS} words; pace 50"]}).encode())
    await asyncio.wait_for(ended.wait(), 120)
    cpu = server.tree_cpu_s() - before
    for one in sockets:
        one.close()
    return f"{cpu / frames * 1e6:.1f} ms of {frames:,}"


async def memory_per_socket(server: Under, client: Client) -> str:
    session = await client.create_session(mcp_config=[])
    warm = [await FastSocket.open(server.socket_url(session), lambda _n, _t: None, client.token) for _ in range(30)]
    await asyncio.sleep(1)
    before = server.tree_rss_bytes()
    more = [await FastSocket.open(server.socket_url(session), lambda _n, _t: None, client.token) for _ in range(IDLE)]
    await asyncio.sleep(2)
    each = (server.tree_rss_bytes() - before) / IDLE / 1000
    for one in warm + more:
        one.close()
    return f"{each:.0f} kB"


def handshake(server: Under, session: str, token: str, receive_bytes: int = 0) -> socket.socket:
    """A peer that can be as rude as it likes."""
    peer = socket.socket()
    if receive_bytes:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    peer.connect(("127.0.0.1", server.port))
    key = base64.b64encode(os.urandom(16)).decode()
    peer.sendall(
        f"GET /ws/chat/{session} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    return peer


async def back_pressure(server: Under, client: Client) -> str:
    """What a peer that reads nothing is given in the end, of what a session says to all."""
    session = await client.create_session(mcp_config=[])
    peer = handshake(server, session, client.token, receive_bytes=8192)
    await asyncio.sleep(0.5)
    before = server.tree_rss_bytes()
    text = "x" * (SAID_BYTES // SAID)
    for _ in range(SAID):
        await client.post(f"/api/sessions/{session}/messages", {"role": "user", "content": text}, 201)
    await asyncio.sleep(1)
    grown = (server.tree_rss_bytes() - before) / 1e6
    peer.settimeout(3)
    held, last = 0, b""
    with suppress(OSError):
        while part := await asyncio.to_thread(peer.recv, 1 << 20):
            held, last = held + len(part), (last + part)[-200:]
    closed = "closed with 4408" if (4408).to_bytes(2, "big") in last else "not closed"
    peer.close()
    return f"{closed}; given {held / 1e6:.1f} of {SAID_BYTES / 1e6:.0f} MB; memory +{grown:.0f} MB"


async def dead_peer(server: Under, client: Client) -> str:
    session = await client.create_session(mcp_config=[])
    peer = handshake(server, session, client.token)
    began = time.monotonic()
    peer.settimeout(PATIENCE_S)

    def until_closed() -> float | None:
        try:
            while peer.recv(65536):
                if time.monotonic() - began > PATIENCE_S:
                    return None
        except TimeoutError:
            return None
        except OSError:
            pass
        return time.monotonic() - began

    seconds = await asyncio.to_thread(until_closed)
    peer.close()
    return f"noticed after {seconds:.0f} s" if seconds else f"not noticed within {PATIENCE_S} s"


async def largest_frame(server: Under, client: Client) -> str:
    async with client.chat(await client.create_session(mcp_config=[])) as chat:
        with suppress(ConnectionClosed):
            await chat.send("x" * (1024 * 1024 + 1))
        answer = await closed_or(chat, "error")
    return f"1 MiB + 1: {answer}"


async def graceful_stop(server: Under, client: Client) -> str:
    async with client.chat(await client.create_session(mcp_config=[])) as chat:
        await chat.say("say 2000 words; pace 50")
        await chat.expect("delta")
        began = time.monotonic()
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(server.process.wait, 40)
            exited = f"exit {code} after {time.monotonic() - began:.1f} s"
        except subprocess.TimeoutExpired:
            exited = "no exit within 40 s"
        with suppress(AssertionError):
            await chat.wait_closed(timeout=2)
        ended = any(frame["type"] == "stream_end" for frame in chat.frames)
        return f"close {chat.close_code}, {'' if ended else 'no '}stream_end; {exited}"


async def closed_or(chat: Chat, kind: str) -> str:
    for _ in range(500):
        if chat.close_code is not None:
            return f"close {chat.close_code}"
        if any(frame["type"] == kind for frame in chat.frames):
            return f"{kind} frame"
        await asyncio.sleep(0.01)
    return "no answer"


ONE_BY_ONE = {
    "CPU of 1,000 frames to 200 sockets": cpu_per_1000_frames,
    "memory of an idle socket": memory_per_socket,
    "a peer that reads nothing": back_pressure,
    "a frame that is too large": largest_frame,
    "SIGTERM during an answer": graceful_stop,
}


async def measure(granian: str) -> Table:
    names = [name for name in COMMANDS if name != "granian" or granian]
    os.sched_setaffinity(0, OTHER_CORES)
    figures: dict[str, dict[str, str]] = {title: {} for title in ("a peer that answers no ping", *ONE_BY_ONE)}
    provider = Process("tests.harness.provider", OTHER_CORES)
    url = f"http://127.0.0.1:{provider.port}/v1"
    try:
        for name in names:
            with Site("sqlite", url, processes=1, MAX_SOCKETS_PER_USER="5000") as site:
                site.servers[0].kill()
                server = Under(name, site, granian)
                site.servers[0] = server
                server.restart()
                client = await Client(server.url).login()
                waiting = asyncio.create_task(dead_peer(server, client))
                for title, figure in ONE_BY_ONE.items():
                    if title == "SIGTERM during an answer":
                        figures["a peer that answers no ping"][name] = await waiting
                    figures[title][name] = await figure(server, client)
                    print(name, title, figures[title][name], flush=True)
                await client.close()
                server.kill() if server.process and server.process.poll() is None else None
                server.process = None
    finally:
        provider.kill()
    table = Table("The product under three servers", ["", *names])
    table.rows = [Row([title, *(by_name[name] for name in names)]) for title, by_name in figures.items()]
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--granian", default="", metavar="DIRECTORY")
    print(asyncio.run(measure(parser.parse_args().granian)))
