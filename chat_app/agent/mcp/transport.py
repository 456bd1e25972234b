"""The pipes and connections to MCP servers, with bounds on what a server may send."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import anyio
import httpcore2
import httpx2
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from chatjuicer.api.fence import bounded

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
# Lines since our last message, valid or not: a server that sends more is stopped.
MAX_UNASKED = 2_000
# The same of streams of events, with up to four lines for one of those above; the others of streams that answer none of
# our messages.
MAX_STREAM_LINES = 4 * MAX_UNASKED
MAX_STREAMS = 8
MAX_STREAM_BYTES = 1024 * 1024
EVENTS = "text/event-stream"
CONNECTIONS, KEPT_CONNECTIONS = 100, 20  # of one client
MAX_HEAD_BYTES, HEAD_READ_BYTES = 64 * 1024, 4 * 1024

head: ContextVar[list[int] | None] = ContextVar("head", default=None)
"""How many bytes of the head of an answer may still come, where one is waited for; a body is read outside of that."""

EXIT_TIMEOUT_S = 0.5
STDERR_TAIL_BYTES = 400

Received = SessionMessage | Exception
Streams = tuple[MemoryObjectReceiveStream[Received], MemoryObjectSendStream[SessionMessage]]


@dataclass(frozen=True, slots=True)
class Program:
    command: str
    args: list[str]
    env: dict[str, str]  # all that it is given
    cwd: str | None = None


class StdioServer(MCPServerStdio):
    """A server that is a child process; `ended` is set when it is gone."""

    def __init__(self, name: str, program: Program, timeout_s: float) -> None:
        super().__init__({"command": program.command}, name=name, client_session_timeout_seconds=timeout_s)
        self.ended = asyncio.Event()
        self._program = program

    def create_streams(self) -> AbstractAsyncContextManager[Any]:
        return self._streams()

    @asynccontextmanager
    async def _streams(self) -> AsyncGenerator[Streams, None]:
        process = await asyncio.create_subprocess_exec(
            self._program.command,
            *self._program.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._program.env,
            cwd=self._program.cwd,
            limit=MAX_MESSAGE_BYTES,
            start_new_session=True,
        )
        child = Child(self.name, process)
        to_session, from_server = anyio.create_memory_object_stream[Received](0)
        to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        pumps = [
            asyncio.create_task(child.read(to_session)),
            asyncio.create_task(child.write(from_session)),
            asyncio.create_task(child.keep_stderr()),
        ]
        pumps[0].add_done_callback(lambda _: self.ended.set())
        try:
            yield from_server, to_server
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.shield(child.stop())
            for stream in (to_session, from_server, to_server, from_session):
                stream.close()
            self.ended.set()
            if child.stderr_tail:
                logger.info(
                    "MCP server %s ended; the end of its stderr: %s",
                    self.name,
                    child.stderr_tail.decode(errors="replace"),
                )


@dataclass
class Child:
    name: str
    process: asyncio.subprocess.Process
    unasked: int = 0
    stderr_tail: bytes = field(default=b"", repr=False)

    async def read(self, to_session: MemoryObjectSendStream[Received]) -> None:
        assert self.process.stdout is not None
        try:
            while line := await self.process.stdout.readuntil(b"\n"):
                self.unasked += 1
                if self.unasked > MAX_UNASKED:
                    logger.warning("MCP server %s sends too many messages unasked; it is stopped", self.name)
                    break
                with suppress(ValueError):  # a line that is no message is ignored
                    await to_session.send(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))
        except asyncio.LimitOverrunError:
            logger.warning(
                "MCP server %s sent a message of more than %d bytes; it is stopped", self.name, MAX_MESSAGE_BYTES
            )
        except (asyncio.IncompleteReadError, ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            to_session.close()  # every call that waits fails now
            self.kill(signal.SIGKILL)

    async def write(self, from_session: MemoryObjectReceiveStream[SessionMessage]) -> None:
        assert self.process.stdin is not None
        with suppress(ConnectionError, anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                message = await from_session.receive()
                self.unasked = 0
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                self.process.stdin.write(text.encode() + b"\n")
                await self.process.stdin.drain()

    async def keep_stderr(self) -> None:
        assert self.process.stderr is not None
        while piece := await self.process.stderr.read(64 * 1024):
            self.stderr_tail = (self.stderr_tail + piece)[-STDERR_TAIL_BYTES:]

    async def stop(self) -> None:
        """Ends it and everything it has started."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await self.process.wait()
        self.kill(signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await self.process.wait()

    def kill(self, how: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, how)


class HttpServer(MCPServerStreamableHttp):
    def __init__(
        self,
        name: str,
        url: str,
        headers: dict[str, str],
        timeout_s: float,
        client_factory: Callable[..., httpx2.AsyncClient] | None = None,
        auth: httpx2.Auth | None = None,
    ) -> None:
        super().__init__(
            {
                "url": url,
                "headers": headers,
                "timeout": timeout_s,
                "sse_read_timeout": timeout_s,
                "httpx_client_factory": client_factory or bounded_client,
                "auth": auth,
            },
            name=name,
            client_session_timeout_seconds=timeout_s,
        )
        self.ended = asyncio.Event()


def bounded_client(headers: dict[str, str] | None = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        headers=headers, timeout=timeout, auth=auth, transport=BoundedTransport(), follow_redirects=False
    )


class BoundedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, network: "BoundedBackend | None" = None, connections: int = CONNECTIONS) -> None:
        super().__init__(verify=tls())
        self._unasked = Unasked()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=connections,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=network or BoundedBackend(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self._unasked.reset()
        elif request.method == "GET" and EVENTS in request.headers.get("Accept", ""):
            self._unasked.begin()
        request.headers["Accept-Encoding"] = "identity"  # what is unpacked is not counted
        unread = head.set([MAX_HEAD_BYTES])
        try:
            response = await super().handle_async_request(request)
        finally:
            head.reset(unread)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("an encoding that was not asked for")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        is_events = response.headers.get("Content-Type", "").lower().startswith(EVENTS)
        came = partial(self._unasked.came, is_answer=request.method == "POST") if is_events else None
        response.stream = BoundedStream(response.stream, came)
        return response


class BoundedBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # of the base class
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return BoundedHeads(await self._sockets.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._sockets.sleep(seconds)


class BoundedHeads(httpcore2.AsyncNetworkStream):
    """Limits the size of an answer's head: the HTTP pool silently skips interim answers (1xx), however many, and one
    read may hold thousands."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if (left := head.get()) is None:
            return await self._stream.read(max_bytes, timeout)
        if left[0] <= 0:
            raise httpcore2.ReadError("the head of the answer is too large")
        data = await self._stream.read(min(max_bytes, HEAD_READ_BYTES), timeout)
        left[0] -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        return BoundedHeads(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """Made once: it reads all authorities."""
    return bounded(httpx2.create_ssl_context())


@dataclass(slots=True)
class Unasked:
    """What has come in streams of events since our last message."""

    streams: int = 0
    lines: int = 0
    size_bytes: int = 0

    def reset(self) -> None:
        self.streams = self.lines = self.size_bytes = 0

    def begin(self) -> None:
        """One that answers nothing, which the SDK opens again as often and as soon as the server wants. Raises
        ReadError."""
        self.streams += 1
        self._bound()

    def came(self, piece: bytes, *, is_answer: bool) -> None:
        """Raises ReadError."""
        self.lines += max(piece.count(b"\n"), piece.count(b"\r"))
        self.size_bytes += 0 if is_answer else len(piece)
        self._bound()

    def _bound(self) -> None:
        if self.streams > MAX_STREAMS or self.lines > MAX_STREAM_LINES or self.size_bytes > MAX_STREAM_BYTES:
            raise httpx2.ReadError("the server sends too much unasked")


class BoundedStream(httpx2.AsyncByteStream):
    """`came` is told of each piece, and may raise ReadError."""

    def __init__(self, stream: httpx2.AsyncByteStream, came: Callable[[bytes], None] | None) -> None:
        self._stream, self._came = stream, came

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_MESSAGE_BYTES
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError("the server's answer is too long")
            if self._came is not None:
                self._came(piece)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
