"""HTTP to MCP servers that people have added, and to whom these name: to nowhere but where our own `fetch` may, unless
the operator allows it. The address of each connection is checked, and is the one that is connected to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpcore2
import httpx2
from django.conf import settings

from chatjuicer.api.fence import addresses_of, allowed_or_public

from .transport import BoundedBackend, BoundedTransport

CONNECTIONS = 10  # of one client
ADDRESSES = 4  # of one host, that are tried
TIMEOUT_S = 15.0
UNAUTHORIZED = 401


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
        super().__init__(FencedBackend(secure=secure), CONNECTIONS)
        self._trail = trail

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await super().handle_async_request(request)
        except httpx2.TransportError as error:
            self._trail.error = why(error)
            raise
        self._trail.unauthorized |= response.status_code == UNAUTHORIZED
        return response


class Unreachable(httpcore2.ConnectError):
    """The pool keeps no causes of errors, so it says by itself why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FencedBackend(BoundedBackend):
    def __init__(self, *, secure: bool) -> None:
        super().__init__()
        self._secure = secure

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

        connected = partial(super().connect_tcp, port=port, timeout=timeout, socket_options=socket_options)
        *earlier, last = addresses[:ADDRESSES]
        for address in earlier:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await connected(address)
        return await connected(last)

    def _may_reach(self, address: str, port: int) -> bool:
        return allowed_or_public(address, port, settings.MCP_NETWORKS, settings.FETCH_PORTS, secure=self._secure)


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
