"""Answers that the event loop gives itself: health and what clients are configured by.

They need none of the threads that requests run in, so that a server all of whose threads wait still says that it is
alive, and that it is not ready.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from chatjuicer import health
from chatjuicer.api import content_policy
from chatjuicer.api.errors import shape
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.config import encoded_config
from chatjuicer.middleware import PERMISSIONS_POLICY, request_name
from chatjuicer.observability.context import request_id

logger = logging.getLogger("chatjuicer.request")

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Answer = tuple[int, bytes]

# As Django's middleware gives them.
HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", content_policy.DATA.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", PERMISSIONS_POLICY.encode()),
    (b"vary", b"origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]


async def answered(scope: dict[str, Any], send: Send) -> bool:
    """Whether the request was one of these; if so, it is answered."""
    route = ROUTES.get(scope["path"].removesuffix("/"))
    if route is None or scope["method"] not in ("GET", "HEAD"):
        return False
    given = dict(scope["headers"])
    if not is_ours(given.get(b"host", b"")):
        return False
    started = time.perf_counter()
    name = request_name(given.get(b"x-request-id", b"").decode("latin-1"))
    forget = request_id.set(name)
    try:
        status, body = await route()
        headers = [*HEADERS, (b"content-length", b"%d" % len(body)), (b"x-request-id", name.encode())]
        if status == Unavailable.status_code:
            headers.append((b"retry-after", b"%d" % Unavailable.retry_after))
        headers += cors(given.get(b"origin"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        about = {"method": scope["method"], "path": scope["path"], "status": status}
        took_ms = round((time.perf_counter() - started) * 1000, 1)
        logger.info("request", extra=about | {"duration_ms": took_ms})
    finally:
        request_id.reset(forget)
    return True


async def healthy() -> Answer:
    return 200, orjson.dumps(health.report(await health.database.state(), await health.channel_layer.state()))


async def alive() -> Answer:
    return 200, orjson.dumps(health.ALIVE)


async def ready() -> Answer:
    try:
        health.require_ready(await health.database.state(), await health.channel_layer.state())
    except Unavailable as error:
        return error.status_code, orjson.dumps(shape(error.code, error.message))
    return 200, orjson.dumps(health.READY)


async def configured() -> Answer:
    return 200, encoded_config()


ROUTES: dict[str, Callable[[], Awaitable[Answer]]] = {
    "/api/health": healthy,
    "/api/health/live": alive,
    "/api/health/ready": ready,
    "/api/config": configured,
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
