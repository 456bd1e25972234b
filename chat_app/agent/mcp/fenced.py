"""HTTP to MCP servers that people have added, and to whom these name: to nowhere but where our own `fetch` may, unless
the operator allows it. The address of each connection is checked, and is the one that is connected to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import anyio
import httpcore2
import httpx2
from django.conf import settings

from chatjuicer.api.fence import addresses_of, allowed_or_public, bounded

from .transport import BoundedTransport

CONNECTIONS = 10  # of one client
ADDRESSES = 4  # of one host, that are tried
TIMEOUT_S = 15.0
UNAUTHORIZED = 401
MAX_HEAD_BYTES, HEAD_READ_BYTES = 64 * 1024, 4 * 1024

head: ContextVar[list[int] | None] = ContextVar("head", default=None)
"""How many bytes of the head of an answer may still come, where one is waited for; a body is read outside of that."""


@dataclass(slots=True)
class Trail:
    """What became of a client's requests, where the SDK tells only that there is no connection."""

    error: str = ""  # of the last one that got no answer
    unauthorized: bool = False  # one was answered so

    @property
    def reason(self) -> str:
        return self.error or ("refused" if self.unauthorized else "no_mcp_server")


def fenced_client(
    trail: Trail, headers: dict[str, str] | None = None, timeout: Any = TIMEOUT_S, auth: Any = None
) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        headers=headers,
        timeout=timeout,
        auth=auth,
        transport=FencedTransport(trail, secure=True),
        mounts={"http://": FencedTransport(trail, secure=False)},
        follow_redirects=False,
    )


class FencedTransport(BoundedTransport):
    """`secure`: of https alone, or else of http alone."""

    def __init__(self, trail: Trail, *, secure: bool) -> None:
        super().__init__(verify=tls())
        self._trail = trail
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=FencedBackend(secure=secure),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        unread = head.set([MAX_HEAD_BYTES])
        try:
            response = await super().handle_async_request(request)
        except httpx2.TransportError as error:
            self._trail.error = why(error)
            raise
        finally:
            head.reset(unread)
        self._trail.unauthorized |= response.status_code == UNAUTHORIZED
        return response


class Unreachable(httpcore2.ConnectError):
    """The pool keeps no causes of errors, so it says by itself why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FencedBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # of the base class
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = [address for address in await resolved(host, port, timeout) if self._may_reach(address, port)]
        if not addresses:
            raise Unreachable("not_public")

        async def connected(address: str) -> httpcore2.AsyncNetworkStream:
            stream = await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            return BoundedHeads(stream)

        *earlier, last = addresses[:ADDRESSES]
        for address in earlier:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await connected(address)
        return await connected(last)

    def _may_reach(self, address: str, port: int) -> bool:
        return allowed_or_public(address, port, settings.MCP_NETWORKS, settings.FETCH_PORTS, secure=self._secure)

    async def sleep(self, seconds: float) -> None:
        await self._sockets.sleep(seconds)


class BoundedHeads(httpcore2.AsyncNetworkStream):
    """The pool passes over interim answers, however many there are, and of one read there are thousands."""

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


async def resolved(host: str, port: int, timeout_s: float | None) -> list[str]:
    """Its addresses. Raises Unreachable, ConnectTimeout."""
    try:
        async with asyncio.timeout(timeout_s):
            found = await addresses_of(host, port)
    except TimeoutError:
        raise httpcore2.ConnectTimeout(f"{host} is not found in time") from None
    except (OSError, UnicodeError):
        raise Unreachable("no_such_host") from None
    return list(dict.fromkeys(str(target[0]) for *_, target in found))


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """Made once: it reads all authorities."""
    return bounded(httpx2.create_ssl_context())


def why(error: httpx2.TransportError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case Unreachable():
                return cause.code
            case anyio.EndOfStream():  # within a handshake, which is an error of TLS beneath
                return "no_answer"
            case ssl.SSLError():
                return "certificate"
            case httpx2.TimeoutException():
                return "timeout"
        cause = cause.__cause__ or cause.__context__
    return "no_answer"
