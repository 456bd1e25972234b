"""Rate limits, counted in the cache, which all processes share where there is Redis.

A count begins anew with each full second, minute, hour or day. Clients on this machine that came through no proxy are
not counted, unless RATE_LIMIT_LOOPBACK is on; but their tries to sign in are, where they need to: what asks from this
machine there may be a proxy that does not say so.
"""

import hashlib
import ipaddress
import logging
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache as remembered
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from chatjuicer.api.exceptions import ApiError
from chatjuicer.api.loopback import came_through_proxy, is_loopback
from chatjuicer.observability.seldom import SeldomLine

logger = logging.getLogger(__name__)
_uncounted = SeldomLine(logger, "requests that are not counted, because Redis does not answer", with_stack=True)


class TooManyRequests(ApiError):
    status_code = 429
    code = "throttled"
    message = "Too many requests; try again later."

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class UserLimit(BaseThrottle):
    """For each request of a signed-in user."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.user.is_authenticated and counts(*origin_of(request)):
            spend_user(request.user.pk)
        return True


def spend_user(user_pk: UUID) -> None:
    """One request, or one message over a socket. Raises TooManyRequests."""
    spend("user", str(user_pk), settings.RATE_LIMIT_USER)


def spend_address(request: HttpRequest) -> None:
    """Raises TooManyRequests."""
    peer, headers = origin_of(request)
    if counts(peer, headers):
        spend("address", address(peer, headers), settings.RATE_LIMIT_ADDRESS)


def spend_sign_in(request: HttpRequest | Request, email: str = "") -> None:
    """One try to sign in, as somebody or as an unknown: strict for one who tries one account from one place, and loose
    for the account, or anybody could lock its owner out. Raises TooManyRequests."""
    peer, headers = origin_of(request)
    if settings.ALLOW_LOCALHOST_NOAUTH and not counts(peer, headers):
        return
    place, account = address(peer, headers), email.strip().lower()
    spend("sign-in of address", place, settings.RATE_LIMIT_LOGIN_ADDRESS)
    if account:
        spend("sign-in of account from address", f"{account}\n{place}", settings.RATE_LIMIT_LOGIN_ACCOUNT)
        spend("sign-in of account", account, settings.RATE_LIMIT_LOGIN_EVERYWHERE)


def spend(kind: str, who: str, rate_text: str) -> None:
    rate = Rate.of(rate_text)
    if rate is None:
        return
    now = time.time()
    window = int(now // rate.seconds)
    key = hashlib.sha256(f"{kind}\n{who}\n{rate.seconds}\n{window}".encode("utf-8", "replace")).hexdigest()
    try:
        cache.add(key, 0, rate.seconds + 1)
        used = cache.incr(key)
    except ValueError:  # dropped by a cache that is full
        return
    except redis_errors() as error:
        _uncounted.tell(error)
        return
    if used > rate.most:
        raise TooManyRequests(math.ceil((window + 1) * rate.seconds - now))


def redis_errors() -> tuple[type[Exception], ...]:
    """Of the cache, where it is Redis. To import its client costs 8 MB and a tenth of a second."""
    if not settings.REDIS_URL:
        return ()
    from redis import RedisError  # noqa: PLC0415

    return (RedisError,)


class Rate(NamedTuple):
    most: int
    seconds: int

    @classmethod
    def of(cls, text: str) -> "Rate | None":
        """The limit that a text such as "600/min" sets; None if it sets none. Raises ValueError."""
        return _rate(text)


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RATE = re.compile(r"([0-9]{1,9})/(s|sec|second|m|min|minute|h|hour|d|day)")


@remembered
def _rate(text: str) -> Rate | None:
    if text.strip().lower() in ("", "0", "off", "none"):
        return None
    found = RATE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is not a rate such as 600/min")
    return Rate(int(found[1]), UNITS[found[2][0]])


def counts(peer: str, headers: Mapping[str, str]) -> bool:
    return settings.RATE_LIMIT_LOOPBACK or not is_loopback(peer) or came_through_proxy(headers)


def address(peer: str, headers: Mapping[str, str]) -> str:
    """The client's, as far as it can be known: what a client itself puts into the header is not used.

    TRUSTED_PROXIES have each added the address they were asked from; unless it is set, nobody has. Of IPv6 the network,
    in which one client has any number of addresses.
    """
    proxies = settings.TRUSTED_PROXIES
    said = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
    return _network(said[-min(proxies, len(said))] if proxies and said else peer)


@lru_cache(maxsize=1024)
def _network(client: str) -> str:
    with suppress(ValueError):
        found = ipaddress.ip_address(client)
        found = getattr(found, "ipv4_mapped", None) or found
        return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
    return client[:64]


def origin_of(request: HttpRequest | Request) -> tuple[str, Mapping[str, str]]:
    return request.META.get("REMOTE_ADDR") or "", request.headers
