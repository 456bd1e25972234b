"""The text form of the two tokens: simplejwt's, with our claims."""

import time
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import Token

from chatjuicer.accounts.exceptions import InvalidToken


def former_keys() -> list[str]:
    """By which tokens may still be signed. SECRET_KEY, and those before it, sign none while there is a TOKEN_KEY."""
    return settings.TOKEN_KEY_FALLBACKS + ([] if settings.TOKEN_KEY else settings.SECRET_KEY_FALLBACKS)


class FamilyToken(Token):
    @classmethod
    def write(cls, family: UUID, user: UUID, jti: UUID, issued_at: datetime, lifetime: timedelta) -> str:
        token = cls()
        token["jti"] = str(jti)
        token["sub"] = str(user)
        token["sid"] = str(family)
        token.set_iat(at_time=issued_at)
        token.set_exp(from_time=issued_at, lifetime=lifetime)
        return str(token)

    @classmethod
    def claims_of(cls, text: str) -> dict[str, Any]:
        """`sub`, `sid` and `jti` as UUIDs, `exp` in seconds. Raises InvalidToken for anything not good."""
        try:
            claims = cls._payload(text)
            return claims | {name: UUID(claims[name]) for name in ("sub", "sid", "jti")}
        except (TokenError, KeyError, ValueError, TypeError, AttributeError):
            raise InvalidToken() from None

    @classmethod
    def _payload(cls, text: str) -> dict[str, Any]:
        """Signed by the key, or by one of those before it. Raises TokenError."""
        try:
            return dict(cls(text.encode()).payload)  # type: ignore[arg-type]
        except TokenError:
            rules: dict[str, Any] = settings.SIMPLE_JWT
            for key in former_keys():
                token = cls()
                token._token_backend = TokenBackend("HS256", key, leeway=rules["LEEWAY"])
                try:
                    token.payload = token.get_token_backend().decode(text.encode())  # type: ignore[arg-type]
                    token.verify()
                except (TokenError, TokenBackendError):
                    continue
                return dict(token.payload)
            raise


class AccessToken(FamilyToken):
    token_type = "access"
    lifetime = timedelta(minutes=15)

    @classmethod
    def claims_of(cls, text: str) -> dict[str, Any]:
        """As the parent. A token comes with each request: the signature of one text is checked once."""
        rules: dict[str, Any] = settings.SIMPLE_JWT
        claims = _claims_of(text, (rules["SIGNING_KEY"], *former_keys()))
        if claims["exp"] + rules["LEEWAY"].total_seconds() <= time.time():
            raise InvalidToken()
        return claims


@lru_cache(maxsize=4096)
def _claims_of(text: str, signing_keys: tuple[str, ...]) -> dict[str, Any]:
    """Of an access token that was good when it was first seen. Raises InvalidToken, which is not remembered."""
    return super(AccessToken, AccessToken).claims_of(text)


class RefreshToken(FamilyToken):
    token_type = "refresh"
    lifetime = timedelta(days=7)
