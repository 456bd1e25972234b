"""Who is asking: one set of rules with two doors, for HTTP requests (DRF) and for sockets (an ASGI scope)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from chatjuicer.accounts import one_time_address
from chatjuicer.accounts.exceptions import InsufficientScope, InvalidToken
from chatjuicer.accounts.models import ApiKey, Place, Scope, TokenFamily, User, WsTicket
from chatjuicer.accounts.models.api_key import MARK
from chatjuicer.accounts.tokens import AccessToken
from chatjuicer.api import limits
from chatjuicer.api.loopback import came_through_proxy, is_loopback
from chatjuicer.api.peer import is_own_user
from chatjuicer.observability.context import acting_user

NO_CREDENTIALS = 4401
WRONG_ORIGIN = INSUFFICIENT_SCOPE = 4403
SUBPROTOCOL = "bearer"

DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """They outlive the access token that was brought: they are good as long as its family is, and its user may come in.

    Or as long as the API key is. A loopback client's, with neither, are good as long as the user's epoch is.
    """

    user: User
    family_id: UUID | None = None
    key_id: UUID | None = None
    scopes: frozenset[str] | None = None  # of an API key; None: whatever the user may
    epoch: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epoch", self.user.auth_epoch)

    @classmethod
    def of_key(cls, key: ApiKey) -> "Credentials":
        return cls(key.user, key_id=key.pk, scopes=frozenset(key.scopes))

    @property
    def without_proof(self) -> bool:
        """Of a client on this machine, which needed neither password nor key."""
        return self.family_id is None and self.key_id is None

    def require(self, scope: Scope) -> None:
        """Raises InsufficientScope."""
        if self.scopes is not None and not self.scopes & {scope, Scope.ADMIN}:
            raise InsufficientScope(f"The API key has not the scope {scope}.")


class SocketRejected(Exception):
    def __init__(self, close_code: int) -> None:
        super().__init__(close_code)
        self.close_code = close_code


class TokenAuthentication(BaseAuthentication):
    """`request.auth` is the Credentials."""

    def authenticate(self, request: Request) -> tuple[User, Credentials] | None:
        if header := request.headers.get("Authorization"):
            credentials = authenticate_token(bearer_token(header))
        elif user := local_user(Peer.of(request), request.headers, request.scheme):
            credentials = Credentials(user)
        else:
            return None
        acting_user.set(credentials.user.pk)
        return credentials.user, credentials

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def user_if_known(request: Request) -> User | None:
    """Who asks, on a route that is for everybody; None if nobody has signed in. Invalid credentials are passed over."""
    try:
        found = TokenAuthentication().authenticate(request)
    except InvalidToken:
        return None
    return found[0] if found else None


def authenticate_scope(scope: Mapping[str, Any]) -> Credentials:
    """Of a socket, which an API key may open that may read. Raises SocketRejected.

    Uses the ORM: call it in a database thread.
    """
    credentials = _authenticate_scope(scope)
    try:
        credentials.require(Scope.READ)
    except InsufficientScope:
        raise SocketRejected(INSUFFICIENT_SCOPE) from None
    return credentials


def _authenticate_scope(scope: Mapping[str, Any]) -> Credentials:
    headers = scope_headers(scope)
    if not origin_allowed(scope):
        raise SocketRejected(WRONG_ORIGIN)
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=100)
    offered: list[str] = scope.get("subprotocols") or []
    try:
        if header := headers.get("authorization"):
            return authenticate_token(bearer_token(header))
        if ticket := query.get("ticket"):
            return authenticate_ticket(ticket[0])
        if len(offered) >= 2 and offered[0] == SUBPROTOCOL:
            return authenticate_token(offered[1])
        if token := query.get("token"):
            return authenticate_token(token[0])
    except InvalidToken:
        raise SocketRejected(NO_CREDENTIALS) from None
    if user := local_user(Peer.of_scope(scope), headers, scheme_of(scope)):
        return Credentials(user)
    raise SocketRejected(NO_CREDENTIALS)


def authenticate_token(text: str) -> Credentials:
    """The credentials of an access token or an API key, by one query. Raises InvalidToken."""
    if text.startswith(MARK):
        key = ApiKey.objects.used(text)
        if key is None:
            raise InvalidToken()
        return Credentials.of_key(key)
    claims = AccessToken.claims_of(text)
    user = TokenFamily.objects.holder(claims["sid"], claims["sub"])
    if user is None:
        raise InvalidToken()
    return Credentials(user, claims["sid"])


def authenticate_ticket(text: str) -> Credentials:
    ticket = WsTicket.objects.spend(text)
    if ticket is None:
        raise InvalidToken()
    return Credentials.of_key(ticket.key) if ticket.key else Credentials(ticket.user, ticket.family_id)


def bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken()
    return token.strip()


def credentials_alive(family_ids: Collection[UUID]) -> set[UUID]:
    """Which of these families still let their holders in: one query for all sockets of a process."""
    alive = TokenFamily.objects.alive().filter(pk__in=family_ids)
    return set(alive.values_list("pk", flat=True)) if family_ids else set()


def ended(held: Collection[Credentials]) -> set[Credentials]:
    """Which of these credentials are no longer valid: by three queries at most."""
    alive: set[UUID | None] = {*credentials_alive({one.family_id for one in held if one.family_id})}
    if key_ids := {one.key_id for one in held if one.key_id}:
        alive.update(ApiKey.objects.alive().filter(pk__in=key_ids).values_list("pk", flat=True))
    local = {one.user.pk for one in held if one.without_proof}
    active = User.objects.filter(pk__in=local, is_active=True).values_list("pk", "auth_epoch") if local else ()
    epochs = dict(active)

    def is_good(one: Credentials) -> bool:
        return epochs.get(one.user.pk) == one.epoch if one.without_proof else (one.family_id or one.key_id) in alive

    return {one for one in held if not is_good(one)}


def mark_of(credentials: Credentials) -> str:
    """What a signed address carries of those it was given to; `mark_alive` tells whether they may still come in."""
    family, key = (one.hex if one else "" for one in (credentials.family_id, credentials.key_id))
    return f"{credentials.user.pk.hex}.{credentials.epoch}.{family}.{key}"


def mark_alive(mark: str) -> bool:
    """By two queries at most. Raises ValueError for what is no mark."""
    user, epoch, family, key = mark.split(".")
    if not User.objects.filter(pk=UUID(user), is_active=True, auth_epoch=int(epoch)).exists():
        return False
    if family:
        return bool(credentials_alive([UUID(family)]))
    return not key or ApiKey.objects.alive().filter(pk=UUID(key)).exists()


def credentials_of(request: Request) -> Credentials:
    """The credentials of a request that IsAuthenticated has let in."""
    return cast(Credentials, request.auth)


def place_of(request: HttpRequest | Request) -> Place:
    """Where the request comes from, to tell a device by."""
    peer, headers = limits.origin_of(request)
    user_agent = headers.get("user-agent", "").replace("\x00", "")
    return Place(user_agent[:256], limits.address(peer, headers))


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    address: str
    is_own_user: bool  # as far as the system tells

    @classmethod
    def of(cls, request: HttpRequest | Request) -> "Peer":
        # An ASGI server tells it in the scope; any other in the environment that the headers are in, too.
        return cls(request.META.get("REMOTE_ADDR") or "", is_own_user(getattr(request, "scope", request.META)))

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> "Peer":
        client = scope.get("client")
        return cls(client[0] if client else "", is_own_user(scope))


def local_user(peer: Peer, headers: Mapping[str, str], scheme: str | None) -> User | None:
    """The default user for a client on this machine without credentials; None unless every condition holds.

    `headers` finds its names in lower case.
    """
    if not settings.ALLOW_LOCALHOST_NOAUTH or not peer.is_own_user:
        return None
    if not from_this_machine(peer.address, headers, scheme):
        return None
    user = User.objects.filter(email=settings.DEFAULT_USER_EMAIL, is_active=True).first()
    return user if user and (not settings.ONE_TIME_ADDRESS or one_time_address.was_opened(headers, user)) else None


def from_this_machine(peer: str | None, headers: Mapping[str, str], scheme: str | None) -> bool:
    """Whether a client on this machine asks, and not for somebody else. `headers` finds its names in lower case.

    `scheme` is the one that this server was asked by: http or https.
    """
    host = headers.get("host", "")
    if not peer or not is_loopback(peer) or not is_loopback(split_domain_port(host)[0]):
        return False
    if came_through_proxy(headers) or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    return "origin" not in headers or own_origin(headers["origin"], host, scheme)


def origin_allowed(scope: Mapping[str, Any]) -> bool:
    """Whether a browser page of this Origin may open sockets here. Who sends none is no browser."""
    headers = scope_headers(scope)
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is None or origin in settings.CORS_ORIGINS or "*" in settings.CORS_ORIGINS:
        return True
    # A name that resolves here but is not ours would make a foreign page look like our own.
    known = validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
    return known and own_origin(origin, host, scheme_of(scope))


def scheme_of(scope: Mapping[str, Any]) -> str | None:
    """By which the client asked: http or https; None behind a proxy that does not say whether it ended TLS.

    A proxy's word is believed from anybody, since it is asked about pages only, and no page can set these headers.
    """
    headers = scope_headers(scope)
    if not came_through_proxy(headers):
        return "https" if scope.get("scheme") in ("https", "wss") else "http"
    said = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    return {"https": "https", "wss": "https", "http": "http", "ws": "http"}.get(said)


def own_origin(origin: str, host: str, scheme: str | None) -> bool:
    """Whether a page of `origin` is this server's, asked by `scheme` and as `host`; None: by either scheme."""
    try:
        parts = urlsplit(origin)
        if parts.scheme not in DEFAULT_PORTS or parts.scheme != (scheme or parts.scheme):
            return False
        if parts.path or parts.query:
            return False
        return with_port(parts.netloc, parts.scheme) == with_port(host, parts.scheme)
    except ValueError:
        return False


def with_port(host: str, scheme: str) -> tuple[str, str]:
    name, port = split_domain_port(host)
    return name, port or DEFAULT_PORTS[scheme]


def scope_headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Lower-case names; a header sent twice has both values, joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
