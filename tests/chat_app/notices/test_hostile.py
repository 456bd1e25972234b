"""Receivers that mean harm: whatever they answer, and however long they are looked for, it costs nobody else."""

import asyncio
import socket
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
import pytest

from chat_app.agent.mcp.fenced import Trail, fenced_client
from chat_app.models.notice import Outcome
from chat_app.notices.post import post
from chat_app.notices.requests import NoticeRequest

HEAD = b"HTTP/1.1 200 OK\r\n"


def bomb() -> bytes:
    """A hundred megabytes of nothing, packed."""
    return zlib.compress(bytes(100 * 2**20), wbits=31)


@asynccontextmanager
async def receiver(first: bytes, then: bytes) -> AsyncIterator[str]:
    """Its address; it says `then` for ever, as fast as it can be heard, or nothing more."""

    answering = list[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())  # type: ignore[arg-type]
        with suppress(OSError):
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(first)
            while then:
                writer.write(then * (65536 // len(then) + 1))
                await writer.drain()
            await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        await asyncio.gather(*answering)  # each ends with its connection


@pytest.mark.parametrize(
    ("first", "then", "outcome"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", Outcome(None, "no_answer")),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", Outcome(None, "no_answer")),
        (HEAD, b"X-More: and more\r\n", Outcome(None, "no_answer")),
        (HEAD + b"X-Long: ", b"x", Outcome(None, "no_answer")),
        (b"", b"x", Outcome(None, "no_answer")),
        (HEAD + b"\r\n", b"endless", Outcome(200)),
        (HEAD + b"Content-Length: 1000\r\n\r\n", b"", Outcome(200)),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n", b"", Outcome(200)),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + bomb(), b"", Outcome(200)),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n", b"", Outcome(429, "refused")),
        (b"HTTP/1.1 503 No\r\nRetry-After: 99999999\r\n\r\n", b"", Outcome(503, "refused", 99_999_999)),
        (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"x", Outcome(101, "redirect")),
    ],
)
async def test_no_answer_is_read_for_longer_than_it_is_one(
    settings: Any, first: bytes, then: bytes, outcome: Outcome
) -> None:
    settings.NOTICE_NETWORKS = ["127.0.0.1"]
    async with receiver(first, then) as url:
        assert await post(NoticeRequest(url, {}, b"{}")) == outcome


@pytest.mark.parametrize("then", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_nor_of_an_mcp_server_that_somebody_has_added(settings: Any, then: bytes) -> None:
    settings.MCP_NETWORKS = ["127.0.0.1"]
    trail = Trail()
    async with receiver(b"", then) as url, fenced_client(trail) as client:
        with pytest.raises(httpx2.ReadError):
            await client.post(url, content=b"{}")
    assert trail.error == "no_answer"


async def test_who_looks_for_other_hosts_does_not_wait_for_those_that_cannot_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model provider's, say. The name server of a host may be as slow as its owner likes."""
    real, found = socket.getaddrinfo, threading.Event()

    def looked_for(host: Any, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".example"):
            found.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", looked_for)
    slow = [asyncio.create_task(post(NoticeRequest(f"https://{n}.example/", {}, b"{}"))) for n in range(30)]
    trail = Trail()
    servers = [asyncio.create_task(asked(f"https://{n}.example/mcp", trail)) for n in range(30)]
    await asyncio.sleep(0)
    try:
        assert await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("localhost", 80), 10)
        assert not any(task.done() for task in (*slow, *servers))
    finally:
        found.set()
    assert {outcome.error for outcome in await asyncio.gather(*slow)} == {"no_such_host"}
    await asyncio.gather(*servers)
    assert trail.error == "no_such_host"


async def asked(url: str, trail: Trail) -> None:
    """An MCP server, which does not answer."""
    async with fenced_client(trail) as client:
        with suppress(httpx2.TransportError):
            await client.post(url, content=b"{}")
