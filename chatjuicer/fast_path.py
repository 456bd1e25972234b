"""The list of sessions by a fast path. Of all that clients ask it is asked most often, and most of its time
went into Django's request, middleware and DRF, of which a list needs nothing.

What is not as usual, errors and API keys among it, is left to the view, which says the same of what both answer.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from chat_app.database import with_fresh_connection
from chatjuicer import on_loop
from chatjuicer.accounts.authentication import bearer_token, scope_headers
from chatjuicer.accounts.exceptions import InvalidToken
from chatjuicer.accounts.models import TokenFamily
from chatjuicer.accounts.tokens import AccessToken
from chatjuicer.api import limits
from chatjuicer.api.errors import unanswered
from chatjuicer.api.renderers import JSONRenderer
from chatjuicer.observability.context import acting_user, client_address
from sessions_app import listing

HEADERS: on_loop.Headers = [*on_loop.JSON, (b"allow", b"GET, POST, HEAD, OPTIONS")]
PATHS = ("/api/sessions", "/api/sessions/")
DEEPEST = 1_000  # what lies below takes the database long, and would keep the others waiting
NUMBERS = {b"limit": re.compile(rb"[1-9][0-9]?|100"), b"offset": re.compile(rb"[0-9]{1,9}")}


class Asked(NamedTuple):
    limit: int
    offset: int


def asked(scope: Mapping[str, Any]) -> Asked | None:
    """The page of the list that is asked for in the usual way; None if anything about the request is unusual."""
    if scope["path"] not in PATHS or scope["method"] != "GET" or settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return None
    names = [name for name, _ in scope["headers"]]
    if names.count(b"authorization") != 1:
        return None
    given: dict[bytes, int] = {}
    for part in scope["query_string"].split(b"&") if scope["query_string"] else ():
        name, _, number = part.partition(b"=")
        if name in given or name not in NUMBERS or not NUMBERS[name].fullmatch(number):
            return None
        given[name] = int(number)
    asked = Asked(given.get(b"limit", 50), given.get(b"offset", 0))
    return asked if asked.offset <= DEEPEST else None


def page(scope: Mapping[str, Any], asked: Asked) -> bytes | None:
    """The body, in a thread that may use the database; None where the view has to say what is wrong."""
    headers = scope_headers(scope)
    peer = (scope.get("client") or [""])[0]
    forget_address = client_address.set(limits.address(peer, headers))
    forget_user = acting_user.set(None)
    try:
        return with_fresh_connection(_page, peer, headers, asked)
    except (InvalidToken, limits.TooManyRequests):
        return None
    except (DatabaseError, InterfaceError) as error:
        unanswered.tell(error)
        return None
    finally:
        acting_user.reset(forget_user)
        client_address.reset(forget_address)


def _page(peer: str, headers: Mapping[str, str], asked: Asked) -> bytes:
    """In the order of the middleware and the view. Raises TooManyRequests and InvalidToken."""
    is_counted = limits.counts(peer, headers)
    if is_counted:
        limits.spend("address", limits.address(peer, headers), settings.RATE_LIMIT_ADDRESS)
    claims = AccessToken.claims_of(bearer_token(headers["authorization"]))
    user_pk: UUID = claims["sub"]
    if not TokenFamily.objects.is_held(claims["sid"], user_pk):
        raise InvalidToken
    acting_user.set(user_pk)
    if is_counted:
        limits.spend_user(user_pk)
    wanted = listing.Wanted(owner_id=user_pk, limit=asked.limit, offset=asked.offset)
    return JSONRenderer().render(listing.page(wanted))
