import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from chatjuicer.accounts.exceptions import InvalidToken
from chatjuicer.accounts.models.user import User
from chatjuicer.accounts.signals import family_revoked
from chatjuicer.accounts.tokens import AccessToken, RefreshToken

# Two tabs that wake up together both use the same refresh token; later than this it is a replay.
SAME_SUCCESSOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Grant:
    user: User
    access_token: str
    refresh_token: str
    expires_in: int  # seconds, of the access token
    token_type: str = "bearer"


class TokenFamilyManager(models.Manager["TokenFamily"]):
    def sign_in(self, user: User) -> "TokenFamily":
        user.token_families.filter(expires_at__lt=timezone.now()).delete()
        now = timezone.now().replace(microsecond=0)
        return self.create(user=user, jti=uuid.uuid4(), issued_at=now, expires_at=now + settings.REFRESH_TOKEN_LIFETIME)

    def alive(self) -> models.QuerySet["TokenFamily"]:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True)

    def rotate(self, text: str) -> Grant:
        """Spend a refresh token. However many use it at once, one rotates; the others get its successor.

        Raises InvalidToken; for a token that was spent before, the family is revoked first.
        """
        claims = RefreshToken.claims_of(text)
        spent, now = claims["jti"], timezone.now()
        issued_at = now.replace(microsecond=0)
        # No join here: PostgreSQL would look again at the row it waited for, but not at a subquery.
        self.filter(pk=claims["sid"], user_id=claims["sub"], jti=spent, revoked_at=None, expires_at__gt=now).update(
            spent_jti=spent,
            spent_at=now,
            jti=uuid.uuid4(),
            issued_at=issued_at,
            expires_at=issued_at + settings.REFRESH_TOKEN_LIFETIME,
        )
        family = self.alive().filter(pk=claims["sid"], user_id=claims["sub"]).select_related("user").first()
        if family is None:
            raise InvalidToken()
        if family.spent_jti != spent or family.spent_at is None or now - family.spent_at > SAME_SUCCESSOR:
            family.revoke()
            raise InvalidToken()
        return family.grant()

    def of_refresh_token(self, text: str) -> "TokenFamily":
        """Whose refresh token this is, or was. Raises InvalidToken."""
        claims = RefreshToken.claims_of(text)
        family = self.filter(pk=claims["sid"], user_id=claims["sub"]).first()
        if family is None:
            raise InvalidToken()
        return family


class TokenFamily(models.Model):
    """One sign-in: a chain of refresh tokens, each the successor of the one before; the last is good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # The good refresh token's claims. With them it can be written again, and the text need not be kept.
    jti = models.UUIDField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Its predecessor.
    spent_jti = models.UUIDField(null=True)
    spent_at = models.DateTimeField(null=True)

    objects: ClassVar[TokenFamilyManager] = TokenFamilyManager()

    class Meta:
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return f"sign-in of {self.created_at:%Y-%m-%d %H:%M}"

    def grant(self) -> Grant:
        return Grant(
            user=self.user,
            access_token=AccessToken.write(
                self.pk, self.user_id, uuid.uuid4(), timezone.now(), settings.ACCESS_TOKEN_LIFETIME
            ),
            refresh_token=RefreshToken.write(
                self.pk, self.user_id, self.jti, self.issued_at, self.expires_at - self.issued_at
            ),
            expires_in=int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
        )

    def revoke(self) -> None:
        """All its tokens are dead from here on; its sockets are told after the commit."""
        revoked = TokenFamily.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=timezone.now())
        if revoked:
            transaction.on_commit(lambda: family_revoked.send(TokenFamily, family_id=self.pk))
