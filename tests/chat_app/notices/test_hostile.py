"""Receivers that mean harm: whatever they answer, and however long they are looked for, it costs nobody else."""

import asyncio
import os
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chat_app.agent.mcp.fenced import Trail, fenced_client
from chat_app.agent.mcp.transport import bounded_client
from chat_app.models.notice import Outcome
from chat_app.notices.post import post, tls
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
    async with receiver(b"", then) as url, bounded_client() as operators:
        with pytest.raises(httpx2.ReadError):
            await operators.post(url, content=b"{}")


RECORD = b"\x16\x03\x03\x40\x00" + bytes(16384)
"""Of TLS: thousands of requests to begin the handshake again, each of four zeros."""


async def test_a_handshake_that_does_not_end_costs_neither_of_them_more_than_a_glance(settings: Any) -> None:
    """It held the event loop for as long as one waits for an answer."""
    settings.NOTICE_NETWORKS = settings.MCP_NETWORKS = ["127.0.0.1"]
    async with endless(RECORD) as url:
        assert await post(NoticeRequest(url, {}, b"{}")) == Outcome(None, "certificate")
        trail = Trail()
        async with fenced_client(trail) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.post(url, content=b"{}")
        assert trail.error == "certificate"


@asynccontextmanager
async def endless(record: bytes) -> AsyncIterator[str]:
    """The address of who says it without end to whoever connects."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                writer.write(record)
                await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HEAD + b"\r\n", b"no HTTP\r\n\r\n"])
async def test_a_receiver_that_never_closes_keeps_no_connection(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: bytes
) -> None:
    """A thousand of them, each for half a minute, were all that a process may open."""
    settings.NOTICE_NETWORKS = ["127.0.0.1"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path)))
    tls.cache_clear()
    ended = threading.Event()

    def answer() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "certificate.pem")
        with context.wrap_socket(listener.accept()[0], server_side=True) as said:
            said.recv(65536)
            said.sendall(first)
            with suppress(OSError):
                while os.read(said.fileno(), 4096):  # what TLS says at its end is not heard
                    pass
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        outcome = await post(NoticeRequest(f"https://localhost:{listener.getsockname()[1]}/hook", {}, b"{}"))
        assert outcome.status in (200, None)
        assert await asyncio.to_thread(ended.wait, 10)
    tls.cache_clear()


def certificate(folder: Path) -> Path:
    """With its key, of this machine."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "no_answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "certificate"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "certificate"),
        (RECORD[:100], "no_answer"),
    ],
    ids=["nothing", "plain", "alert", "cut"],
)
async def test_who_ends_the_handshake_before_it_is_one_has_not_answered(settings: Any, said: bytes, error: str) -> None:
    """By nothing, as a server without TLS, by an alert, and within a message."""
    settings.NOTICE_NETWORKS = settings.MCP_NETWORKS = ["127.0.0.1"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        assert (await post(NoticeRequest(url, {}, b"{}"))).error == error
        trail = Trail()
        async with fenced_client(trail) as client:
            with pytest.raises(httpx2.TransportError):
                await client.post(url, content=b"{}")
        assert trail.error == error


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
