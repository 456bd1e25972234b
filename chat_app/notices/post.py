"""The way out: one POST, to nowhere but where webhooks and push services may be."""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from ipaddress import ip_network

import aiohttp
from django.conf import settings
from yarl import URL

from chat_app.models.notice import Outcome
from chatjuicer.api.fence import Network, NotPublic, fenced_sockets, is_own, is_public, is_within

from .requests import NoticeRequest

TIME_LIMIT_S = 15
"""From the look for the host to the answer's head; the answer's body is not read."""

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
    connector = aiohttp.TCPConnector(
        socket_factory=fenced_sockets(lambda address, port: may_reach(address, port, secure=url.scheme == "https")),
        happy_eyeballs_delay=None,
        use_dns_cache=False,
        force_close=True,
    )
    headers = {"User-Agent": USER_AGENT, **request.headers}
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client,
        client.post(url, data=request.body, headers=headers, allow_redirects=False) as answer,
    ):
        if 200 <= answer.status < 300:
            return Outcome(answer.status)
        asked_for = answer.headers.get("Retry-After", "")
        retry_after_s = int(asked_for) if asked_for.isascii() and asked_for.isdigit() and len(asked_for) < 9 else 0
        return Outcome(answer.status, "redirect" if answer.status < 400 else "refused", retry_after_s)


def may_reach(address: str, port: int, *, secure: bool) -> bool:
    """The operator's networks; else the public internet, as our own `fetch` may, and by https alone."""
    if is_within(address, networks(tuple(settings.NOTICE_NETWORKS))):
        return True
    return secure and str(port) in settings.FETCH_PORTS and is_public(address) and not is_own(address)


@lru_cache(maxsize=4)
def networks(named: tuple[str, ...]) -> list[Network]:
    return [ip_network(name) for name in named]


def why(error: Exception) -> str:
    causes = [error, error.__cause__, error.__context__, getattr(error, "os_error", None)]
    if any(isinstance(cause, NotPublic) for cause in causes):
        return "not_public"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no_such_host"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return "certificate"
    return "no_answer"
