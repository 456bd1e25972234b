"""The text form of the two tokens: simplejwt's, with our claims."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import Token

from chatjuicer.accounts.exceptions import InvalidToken


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
            claims: dict[str, Any] = cls(text.encode()).payload  # type: ignore[arg-type]
            return claims | {name: UUID(claims[name]) for name in ("sub", "sid", "jti")}
        except (TokenError, KeyError, ValueError, TypeError, AttributeError):
            raise InvalidToken() from None


class AccessToken(FamilyToken):
    token_type = "access"
    lifetime = timedelta(minutes=15)


class RefreshToken(FamilyToken):
    token_type = "refresh"
    lifetime = timedelta(days=7)
