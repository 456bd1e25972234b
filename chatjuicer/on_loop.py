"""Answers that the event loop gives itself: health, what clients are configured by, and the files of the page.

They need none of the threads that requests run in, so that a server all of whose threads wait still says that it is
alive, and that it is not ready. What needs no look at anything is answered before it is made a request of.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from chat_app.page_files import ADDRESS, page_files
from chat_app.runs.process import AgentState, process
from chatjuicer import health
from chatjuicer.api import content_policy
from chatjuicer.api.addresses import keeps_to_tls
from chatjuicer.api.errors import shape
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.config import encoded_config, known_config
from chatjuicer.http_protocol import WHOLE
from chatjuicer.middleware import HSTS, PERMISSIONS_POLICY, request_name
from chatjuicer.observability.context import request_id
from chatjuicer.observability.logs import answers

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

DATA: Headers = [(b"content-security-policy", content_policy.DATA.encode())]
CLOSE = (b"connection", b"close")
JSON: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"vary", b"origin"), *DATA]
# As Django's middleware gives them.
HEADERS: Headers = [
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", PERMISSIONS_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]


def encoded(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


ENCODED_JSON = encoded(JSON)


class Common(NamedTuple):
    """What every answer tells browsers."""

    headers: Headers
    lines: bytes


def common_of(headers: Headers) -> Common:
    return Common(headers, encoded(headers))


COMMON = common_of(HEADERS)
COMMON_BY_TLS = common_of([*HEADERS, (b"strict-transport-security", HSTS.encode())])


def common(scheme: str, given: Mapping[bytes, bytes]) -> Common:
    """As SecurityHeadersMiddleware chooses."""
    host, forwarded = given.get(b"host", b""), given.get(b"x-forwarded-proto", b"")
    by_tls = keeps_to_tls(host.decode("latin-1"), scheme, forwarded.decode("latin-1"))
    return COMMON_BY_TLS if by_tls and is_ours(host) else COMMON


def known_answer(scheme: str, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes] | None:
    """The head, whole lines after the status, and the body of what a usual GET is answered; None where it is not usual,
    or something has to be looked at first. A task and a scope for it would cost more than all else."""
    body = KNOWN[url]() if url in KNOWN else None
    if body is None:
        return None
    given = dict(headers)
    if UNUSUAL & given.keys() or not is_ours(given.get(b"host", b"")):
        return None
    began_at = time.perf_counter()
    name = request_name(given.get(b"x-request-id", b"").decode("latin-1"))
    about = b"content-length: %d\r\nx-request-id: %b\r\n" % (len(body), name.encode())
    head = b"".join([ENCODED_JSON, about, encoded(cors(given.get(b"origin"))), common(scheme, given).lines])
    answers.note(name, "GET", url.decode("ascii"), 200, round((time.perf_counter() - began_at) * 1000, 1))
    return head, body


UNUSUAL = {b"content-length", b"transfer-encoding", b"expect"}


async def answered(scope: dict[str, Any], send: Send) -> bool:
    """Whether the request was one of these; if so, it is answered."""
    given = dict(scope["headers"])
    route = ROUTES.get(scope["path"].removesuffix("/")) or page_file(scope["path"], given)
    if route is None or scope["method"] not in ("GET", "HEAD"):
        return False
    if route is configured and known_config() is None:
        return False
    if not is_ours(given.get(b"host", b"")):
        return False
    with request_named(scope.get("scheme", "http"), given) as about:
        await send_whole(scope, send, about, await route())
    return True


class About(NamedTuple):
    """What is said of a request in its answer and in the log."""

    name: str
    origin: bytes | None
    common: Common
    began_at: float  # of the performance counter


@contextmanager
def request_named(scheme: str, given: Mapping[bytes, bytes]) -> Iterator[About]:
    """What is logged inside names the request."""
    name = request_name(given.get(b"x-request-id", b"").decode("latin-1"))
    forget = request_id.set(name)
    try:
        yield About(name, given.get(b"origin"), common(scheme, given), time.perf_counter())
    finally:
        request_id.reset(forget)


async def send_whole(scope: Mapping[str, Any], send: Send, about: About, answer: Answer) -> None:
    status, about_body, body = answer
    headers = [
        *about_body,
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", about.name.encode()),
        *cors(about.origin),
    ]
    if status == Unavailable.status_code:
        headers.append((b"retry-after", b"%d" % Unavailable.retry_after))
    if scope["method"] == "HEAD":
        body = b""
    write_whole = scope.get(WHOLE) if CLOSE not in headers else None  # uvicorn then closes the connection
    if write_whole is None or not write_whole(scope, status, encoded(headers) + about.common.lines, body):
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *about.common.headers]})
        await send({"type": "http.response.body", "body": body})
    took_ms = round((time.perf_counter() - about.began_at) * 1000, 1)
    answers.note(about.name, scope["method"], scope["path"], status, took_ms)


async def healthy() -> Answer:
    states = await health.database.state(), await health.channel_layer.state()
    return 200, JSON, encoded_report(*states, process.agent_state)


def known_health() -> bytes | None:
    now = asyncio.get_running_loop().time()
    database, channel_layer = health.database.known(now), health.channel_layer.known(now)
    if database is None or channel_layer is None:
        return None
    return encoded_report(database, channel_layer, process.agent_state)


@lru_cache(maxsize=32)
def encoded_report(database: health.DatabaseState, channel_layer: health.ChannelState, agent: AgentState) -> bytes:
    return orjson.dumps(health.report(database, channel_layer, agent))


ALIVE = orjson.dumps(health.ALIVE)


async def alive() -> Answer:
    return 200, JSON, ALIVE


async def ready() -> Answer:
    try:
        health.require_ready(await health.database.state(), await health.channel_layer.state())
    except Unavailable as error:
        return error.status_code, JSON, orjson.dumps(shape(error.code, error.message))
    return 200, JSON, orjson.dumps(health.READY)


async def configured() -> Answer:
    return 200, JSON, encoded_config()


def page_file(path: str, given: Mapping[bytes, bytes]) -> Callable[[], Awaitable[Answer]] | None:
    """A file of the page under its versioned address. One of another version, for a page that was loaded before this
    server was started, is today's, and is not kept."""
    address = ADDRESS.fullmatch(path)
    file = page_files().by_name.get(address["name"]) if address else None
    if address is None or file is None:
        return None
    kept = b"public, max-age=31536000, immutable" if address["version"] == page_files().version else b"no-cache"
    headers = [(b"content-type", file.content_type.encode()), (b"cache-control", kept), (b"vary", b"accept-encoding")]
    takes_packed = b"gzip" in given.get(b"accept-encoding", b"")

    async def sent() -> Answer:
        if takes_packed:
            packed = await asyncio.to_thread(lambda: file.packed) if file.is_large else file.packed
            if len(packed) < len(file.plain):
                return 200, [*headers, (b"content-encoding", b"gzip")], packed
        return 200, headers, file.plain

    return sent


ROUTES: dict[str, Callable[[], Awaitable[Answer]]] = {
    "/api/health": healthy,
    "/api/health/live": alive,
    "/api/health/ready": ready,
    "/api/config": configured,
}
KNOWN: dict[bytes, Callable[[], bytes | None]] = {
    b"/api/health": known_health,
    b"/api/health/live": lambda: ALIVE,
    b"/api/config": known_config,
}


@lru_cache(128)
def is_ours(host: bytes) -> bool:
    """Whether the server answers to that name. The others are refused by Django."""
    domain, _ = split_domain_port(host.decode("latin-1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def cors(origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """What lets a page of that origin read the answer."""
    if origin is None:
        return []
    if settings.CORS_ALLOW_ALL_ORIGINS:
        allowed = b"*"
    elif origin.decode("latin-1") in settings.CORS_ALLOWED_ORIGINS:
        allowed = origin
    else:
        return []
    exposed = ", ".join(settings.CORS_EXPOSE_HEADERS).encode()
    return [(b"access-control-allow-origin", allowed), (b"access-control-expose-headers", exposed)]
