import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from chatjuicer.accounts.exceptions import InvalidCredentials, InvalidToken
from chatjuicer.accounts.models.audit_entry import Act, AuditEntry
from chatjuicer.accounts.models.spent_token import Place, SpentToken
from chatjuicer.accounts.models.user import User
from chatjuicer.accounts.signals import family_revoked
from chatjuicer.accounts.tokens import AccessToken, RefreshToken

# However often it is refreshed, a sign-in ends then.
FAMILY_LIFETIME = timedelta(days=30)


HOLDER = """
SELECT {columns} FROM "accounts_tokenfamily" f JOIN "accounts_user" u ON u.id = f.user_id
WHERE f.id = %s AND f.user_id = %s AND f.revoked_at IS NULL AND f.expires_at > %s AND u.is_active = %s
"""


HELD = HOLDER.format(columns="1")


@dataclass(frozen=True, slots=True)
class Grant:
    user: User
    access_token: str
    refresh_token: str
    expires_in: int  # seconds, of the access token
    token_type: str = "bearer"


class TokenFamilyManager(models.Manager["TokenFamily"]):
    def sign_in(self, user: User, place: Place = Place(), by: str = "password") -> "TokenFamily":  # noqa: B008  it is frozen
        """`by` is how the user was known, for the audit log.

        Raises InvalidCredentials for a service account, and if the user was signed out everywhere since the password
        was looked at."""
        if user.is_service:
            raise InvalidCredentials()
        family = self.model(user=user, created_at=timezone.now())
        family.renew(place)
        with transaction.atomic():
            # A change of the password waits for this row, or has changed the epoch.
            unchanged = User.objects.select_for_update(no_key=True).filter(pk=user.pk, auth_epoch=user.auth_epoch)
            if not unchanged.values_list("pk").first():
                raise InvalidCredentials()
            family.save(force_insert=True)
            AuditEntry.objects.record(Act.SIGNED_IN, family, actor=user.pk, by=by)
        return family

    def alive(self) -> models.QuerySet["TokenFamily"]:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True)

    def holder(self, family_pk: UUID, user_pk: UUID) -> User | None:
        """The user of a family that is alive; asked for each request, and so by a statement that is written out."""
        return next(iter(User.objects.raw(HOLDER.format(columns="u.*"), self._holding(family_pk, user_pk))), None)

    def is_held(self, family_pk: UUID, user_pk: UUID) -> bool:
        """Whether it has a holder, where nothing more of them is needed: a model's instance takes longer than that."""
        with connection.cursor() as cursor:
            cursor.execute(HELD, self._holding(family_pk, user_pk))
            return cursor.fetchone() is not None

    def _holding(self, family_pk: UUID, user_pk: UUID) -> list[Any]:
        as_param = User._meta.pk.get_db_prep_value
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        return [as_param(family_pk, connection), as_param(user_pk, connection), now, True]

    def rotate(self, text: str, place: Place = Place()) -> Grant:  # noqa: B008  it is frozen
        """Spend a refresh token. However many use it at once, one rotates; the others get its successor.

        A token that was spent before gives the newest pair where it may come again, and else ends the family: a desktop
        client refreshes in two places that do not tell each other, and a thief comes from elsewhere. Raises
        InvalidToken.
        """
        claims = RefreshToken.claims_of(text)
        with transaction.atomic():
            # Who asks for one family, asks one after another.
            rows = self.select_related("user").select_for_update(of=("self",))
            family = rows.filter(pk=claims["sid"], user_id=claims["sub"]).first()
            if family is None or not family.is_alive:
                raise InvalidToken()
            good = family.jti == claims["jti"]
            if good:
                SpentToken.objects.keep(family)
                family.renew(place)
            elif family.gives_again(claims["jti"], place):
                good = True
            else:
                family.revoke(Act.TOKEN_REPLAYED)
            family.save()
        if not good:
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
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(default=timezone.now, db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)
    # The good refresh token's claims. With them it can be written again, and the text need not be kept.
    jti = models.UUIDField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Where it was given to.
    user_agent = models.CharField(max_length=256, blank=True, default="", db_default="")
    address = models.CharField(max_length=64, blank=True, default="", db_default="")

    objects: ClassVar[TokenFamilyManager] = TokenFamilyManager()

    class Meta:
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return f"sign-in of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_alive(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now() and self.user.is_active

    @property
    def place(self) -> Place:
        return Place(self.user_agent, self.address)

    def renew(self, place: Place) -> None:
        """Another good refresh token, given to `place`. Saved by the caller."""
        self.give_to(place)
        self.jti, self.issued_at = uuid.uuid4(), self.last_used_at.replace(microsecond=0)
        last = self.created_at.replace(microsecond=0) + FAMILY_LIFETIME
        self.expires_at = min(self.issued_at + settings.REFRESH_TOKEN_LIFETIME, last)

    def gives_again(self, jti: uuid.UUID, place: Place) -> bool:
        """Whether its good token goes to who comes with that spent one: for a short time, from any place that its
        tokens were given to. None of them learns anything new by it. Saved by the caller."""
        places = SpentToken.objects.places(self)
        if jti not in places or place not in (*places.values(), self.place):
            return False
        # Where the good token is, too, is remembered in turn: each token has one place.
        self.give_to(place if self.place in places.values() else self.place)
        return True

    def give_to(self, place: Place) -> None:
        """Its good token, to who is there. Saved by the caller."""
        self.last_used_at = timezone.now()
        self.user_agent, self.address = place.user_agent, place.address

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

    def revoke(self, act: Act | None = None) -> None:
        """All its tokens are dead from here on; its sockets close when they are looked at next. `act` is what the audit
        log is told. Nothing happens if it is revoked."""
        now = timezone.now()
        with transaction.atomic(savepoint=False):
            if not TokenFamily.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=now):
                return
            self.revoked_at = now
            transaction.on_commit(lambda: family_revoked.send(TokenFamily, family_id=self.pk))
            if act is not None:
                AuditEntry.objects.note(act, self, actor=self.user_id)
