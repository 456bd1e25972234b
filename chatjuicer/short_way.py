"""The list of sessions by a short way. Of all that clients ask it is asked most often, and three quarters of its time
went into Django's request, middleware and DRF, of which a list needs nothing.

What is not as usual, errors among it, is left to the view, which says the same of what both answer.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from chat_app.database import with_fresh_connection
from chatjuicer import on_loop
from chatjuicer.accounts.authentication import authenticate_token, bearer_token, scope_headers
from chatjuicer.accounts.exceptions import InsufficientScope, InvalidToken
from chatjuicer.accounts.models import Scope
from chatjuicer.api import limits
from chatjuicer.api.renderers import JSONRenderer
from chatjuicer.observability.context import acting_user, client_address
from sessions_app import listing

logger = logging.getLogger(__name__)

HEADERS: on_loop.Headers = [*on_loop.JSON, (b"allow", b"GET, POST, HEAD, OPTIONS")]
PATHS = ("/api/sessions", "/api/sessions/")
NUMBERS = {b"limit": re.compile(rb"[1-9][0-9]?|100"), b"offset": re.compile(rb"[0-9]{1,9}")}


class Asked(NamedTuple):
    limit: int
    offset: int


def asked(scope: Mapping[str, Any]) -> Asked | None:
    """What page of the list is asked for, in the usual way; None if it is anything else."""
    if scope["path"] not in PATHS or scope["method"] != "GET" or settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return None
    names = [name for name, _ in scope["headers"]]
    # Behind TLS there is another header in the answer.
    if names.count(b"authorization") != 1 or b"x-forwarded-proto" in names or scope.get("scheme") != "http":
        return None
    given: dict[bytes, int] = {}
    for part in scope["query_string"].split(b"&") if scope["query_string"] else ():
        name, _, number = part.partition(b"=")
        if name in given or name not in NUMBERS or not NUMBERS[name].fullmatch(number):
            return None
        given[name] = int(number)
    return Asked(given.get(b"limit", 50), given.get(b"offset", 0))


def page(scope: Mapping[str, Any], asked: Asked) -> bytes | None:
    """The body, in a thread that may use the database; None where the view has to say what is wrong."""
    headers = scope_headers(scope)
    peer = (scope.get("client") or [""])[0]
    forget_address = client_address.set(limits.address(peer, headers))
    forget_user = acting_user.set(None)
    try:
        return with_fresh_connection(_page, peer, headers, asked)
    except (InvalidToken, InsufficientScope, limits.TooManyRequests):
        return None
    except (DatabaseError, InterfaceError):
        logger.exception("the database did not answer")
        return None
    finally:
        acting_user.reset(forget_user)
        client_address.reset(forget_address)


def _page(peer: str, headers: Mapping[str, str], asked: Asked) -> bytes:
    """In the order of the middleware and the view. Raises TooManyRequests, InvalidToken and InsufficientScope."""
    is_counted = limits.counts(peer, headers)
    if is_counted:
        limits.spend("address", limits.address(peer, headers), settings.RATE_LIMIT_ADDRESS)
    credentials = authenticate_token(bearer_token(headers["authorization"]))
    acting_user.set(credentials.user.pk)
    credentials.require(Scope.READ)
    if is_counted:
        limits.spend_user(credentials.user.pk)
    wanted = listing.Wanted(owner_id=credentials.user.pk, limit=asked.limit, offset=asked.offset)
    return JSONRenderer().render(listing.page(wanted))
