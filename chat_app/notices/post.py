"""The way out: one POST, to nowhere but where webhooks and push services may be."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.http_exceptions import BadHttpMessage
from django.conf import settings
from yarl import URL

from chat_app.models.notice import Outcome
from chatjuicer.api.fence import NotPublic, addresses_of, allowed_or_public, bounded, fenced_sockets

from .requests import NoticeRequest

TIME_LIMIT_S = 15
"""From the look for the host to the answer's head; the answer's body is not read."""

MAX_HEADS = 10  # of an answer: interim ones, such as 103, may come before it

USER_AGENT = "ChatJuicer-notices/1.0"


async def post(request: NoticeRequest) -> Outcome:
    """Never raises for what a receiver does."""
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            return await posted(URL(request.url), request)
    except TimeoutError:
        return Outcome(None, "timeout")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(None, why(error))


async def posted(url: URL, request: NoticeRequest) -> Outcome:
    secure = url.scheme == "https"

    def may_reach(address: str, port: int) -> bool:
        return allowed_or_public(address, port, settings.NOTICE_NETWORKS, settings.FETCH_PORTS, secure=secure)

    connector = aiohttp.TCPConnector(
        resolver=Resolver(),
        ssl=tls(),
        socket_factory=fenced_sockets(may_reach),
        happy_eyeballs_delay=None,
        use_dns_cache=False,
        force_close=True,
    )
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **request.headers}
    async with (
        aiohttp.ClientSession(
            connector=connector,
            response_class=Answer,
            auto_decompress=False,  # what comes packed, nobody asked for
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as client,
        client.post(url, data=request.body, headers=headers, allow_redirects=False) as answer,
    ):
        if 200 <= answer.status < 300:
            return Outcome(answer.status)
        asked_for = answer.headers.get("Retry-After", "")
        retry_after_s = int(asked_for) if asked_for.isascii() and asked_for.isdigit() and len(asked_for) < 9 else 0
        return Outcome(answer.status, "redirect" if answer.status < 400 else "refused", retry_after_s)


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """Made once: it reads all authorities."""
    context = bounded(ssl.create_default_context())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Answer(aiohttp.ClientResponse):
    """Its head. The receiver may not say for ever that the answer is yet to come: each time is work for the event loop.
    Nor is the end of the connection agreed on with one who keeps it open: by TLS that takes half a minute."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        assert transport is not None
        read, heads = protocol.read, 0

        async def counted() -> Any:
            nonlocal heads
            heads += 1
            if heads > MAX_HEADS:
                raise BadHttpMessage("too many answers before the answer")
            return await read()

        protocol.read = counted  # type: ignore[method-assign]  # of this connection, which has no other answer
        try:
            return await super().start(connection)
        finally:
            transport.abort()


class Resolver(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError."""
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(to[0]), port=port, family=family, proto=protocol, flags=numeric)
            for family, _, protocol, _, to in await addresses_of(host, port, family)
        ]

    async def close(self) -> None:
        """Each look ends by itself."""


def why(error: Exception) -> str:
    causes = [error, error.__cause__, error.__context__, getattr(error, "os_error", None)]
    if any(isinstance(cause, NotPublic) for cause in causes):
        return "not_public"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no_such_host"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return "certificate"
    return "no_answer"
