"""OpenID Connect as its relying party: the code flow with PKCE, state and nonce, for the providers of OIDC_PROVIDERS.

PyJWT checks signatures. Nothing of an ID token is believed before its signature, issuer, audience, times and nonce are.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import jwt
import orjson
from django.conf import settings
from django.http import Http404

from chatjuicer.accounts.exceptions import OidcFailed
from chatjuicer.accounts.models.oidc_identity import issuer_of
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.api.loopback import is_loopback

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # never one that a client's secret signs
TIMEOUT_S = 5.0
LEEWAY_S = 30
MAX_AGE_S = 10 * 60  # of a token, and of a sign-in that has begun
KNOWN_FOR_S = 3600  # what a provider says of itself
MAX_ANSWER_BYTES = 256 * 1024
AT_ONCE = 2  # of the few threads that serve requests

_talking = BoundedSemaphore(AT_ONCE)
_known: dict[str, tuple[float, dict[str, Any]]] = {}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun: kept by the browser, in a signed cookie."""

    provider: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str

    @classmethod
    def begin(cls, provider: str, redirect_uri: str) -> "Attempt":
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(provider, state, nonce, verifier, redirect_uri)

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Identity:
    """A person's identity, as the provider vouches for it."""

    issuer: str
    subject: str
    email: str  # "" unless the provider has verified it
    name: str


@dataclass(frozen=True, slots=True)
class Provider:
    key: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    match_by_email: bool
    register: bool

    @classmethod
    def named(cls, key: str) -> "Provider":
        """Raises Http404."""
        entry = settings.OIDC_PROVIDERS.get(key)
        if not isinstance(entry, dict):
            raise Http404
        return cls(
            key,
            issuer_of(entry),
            str(entry["client_id"]),
            str(entry.get("client_secret", "")),
            " ".join(entry.get("scopes", ["openid", "email", "profile"])),
            entry.get("match_by_email") is True,
            entry.get("register") is True,
        )

    def address_for(self, attempt: Attempt) -> str:
        """Where the browser is sent. Raises OidcFailed."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": self.scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        endpoint = self._said("authorization_endpoint")
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    def identity(self, attempt: Attempt, code: str) -> Identity:
        """For the code that the browser has brought back. Raises OidcFailed."""
        with client() as http:
            answer = asked(
                http,
                "POST",
                self._said("token_endpoint"),
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": attempt.redirect_uri,
                    "code_verifier": attempt.verifier,
                    **({} if self.client_secret else {"client_id": self.client_id}),
                },
                auth=httpx2.BasicAuth(self.client_id, self.client_secret) if self.client_secret else httpx2.Auth(),
            )
            claims = self._checked(answer.get("id_token"), attempt.nonce)
        email = claims.get("email") if claims.get("email_verified") is True else ""
        return Identity(self.issuer, claims["sub"], str(email or ""), str(claims.get("name") or "")[:150])

    def _checked(self, id_token: Any, nonce: str) -> dict[str, Any]:
        if not isinstance(id_token, str):
            raise OidcFailed()
        try:
            header = jwt.get_unverified_header(id_token)
            claims: dict[str, Any] = jwt.decode(
                id_token,
                self._key(str(header.get("kid") or "")),
                algorithms=ALGORITHMS,
                audience=self.client_id,
                issuer=self._metadata()["issuer"],
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise OidcFailed() from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.client_id:
            raise OidcFailed()
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise OidcFailed()
        if claims["iat"] < time.time() - MAX_AGE_S or not 0 < len(str(claims["sub"])) <= 255:
            raise OidcFailed()
        return claims

    def _key(self, kid: str) -> jwt.PyJWK:
        with client() as http:
            keys = jwt.PyJWKSet.from_dict(asked(http, "GET", self._said("jwks_uri"))).keys
        usable = [key for key in keys if key.public_key_use in (None, "sig")]
        found = [key for key in usable if key.key_id == kid] if kid else usable
        if len(found) != 1:
            raise OidcFailed()
        return found[0]

    def _said(self, name: str) -> str:
        """An endpoint. Raises OidcFailed for one that anybody on the way could read."""
        address = str(self._metadata().get(name, ""))
        if not is_confidential(address):
            raise OidcFailed()
        return address

    def _metadata(self) -> dict[str, Any]:
        read_at, metadata = _known.get(self.issuer, (float("-inf"), {}))
        if time.monotonic() - read_at > KNOWN_FOR_S:
            if not is_confidential(self.issuer):
                raise OidcFailed()
            with client() as http:
                metadata = asked(http, "GET", f"{self.issuer}/.well-known/openid-configuration")
            if str(metadata.get("issuer", "")).rstrip("/") != self.issuer:
                raise OidcFailed()
            _known[self.issuer] = time.monotonic(), metadata
        return metadata


def is_confidential(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


@contextmanager
def client() -> Iterator[httpx2.Client]:
    """Raises OidcFailed where the provider does not answer."""
    try:
        with httpx2.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as http:
            yield http
    except httpx2.HTTPError:
        raise OidcFailed("The provider does not answer.") from None


def asked(http: httpx2.Client, method: str, address: str, **request: Any) -> dict[str, Any]:
    """What is answered, of which no more than MAX_ANSWER_BYTES is read. Raises OidcFailed."""
    headers = {"Accept-Encoding": "identity"}  # what is unpacked is not counted
    body = bytearray()
    with http.stream(method, address, headers=headers, **request) as answer:
        for piece in answer.iter_raw():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise OidcFailed()
    try:
        said = orjson.loads(body) if answer.status_code == 200 else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise OidcFailed()
    return said


@contextmanager
def few_at_once() -> Iterator[None]:
    """A provider that is slow holds a few threads, and not all. Raises Unavailable."""
    if not _talking.acquire(blocking=False):
        raise Unavailable()
    try:
        yield
    finally:
        _talking.release()
