from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import IntegrityError, models, transaction

from chatjuicer.accounts.exceptions import EmailTaken, NoAccount, OnlySignIn
from chatjuicer.accounts.models.audit_entry import Act, AuditEntry
from chatjuicer.accounts.models.user import User, normal

if TYPE_CHECKING:
    from chatjuicer.accounts.oidc import Identity, Provider


def issuer_of(entry: dict[str, Any]) -> str:
    """Of OIDC_PROVIDERS, as identities have it: without the slash that some write at its end."""
    return str(entry["issuer"]).rstrip("/")


class OidcIdentityManager(models.Manager["OidcIdentity"]):
    def user_of(self, identity: "Identity", provider: "Provider") -> User:
        """Whose it is. One that is unknown becomes the account's of its verified address where the operator allows it,
        or else a new account's, likewise. Raises NoAccount, also for one that is deactivated."""
        known = self.select_related("user").filter(issuer=identity.issuer, subject=identity.subject).first()
        user = known.user if known else self._link(identity, provider)
        if not user.is_active:
            raise NoAccount()
        return user

    def _link(self, identity: "Identity", provider: "Provider") -> User:
        if not identity.email:
            raise NoAccount()
        user = User.objects.filter(email=normal(identity.email)).first()
        # Where anybody may register, an account's address proves nothing: its maker, who knows its password, would wait
        # there for the owner of the address.
        if user is not None and (not provider.match_by_email or settings.ALLOW_REGISTRATION):
            raise NoAccount()
        try:
            with transaction.atomic():
                if user is None:
                    # With an invitation's code, which a provider knows nothing of, registration is not open.
                    if not provider.register or settings.REGISTRATION_INVITE_CODE:
                        raise NoAccount()
                    user = User.objects.register(identity.email, None, identity.name)
                self.create(user=user, issuer=identity.issuer, subject=identity.subject)
                AuditEntry.objects.record(Act.IDENTITY_LINKED, user, actor=user.pk, issuer=identity.issuer)
        except (IntegrityError, EmailTaken):  # another sign-in was quicker
            found = self.select_related("user").filter(issuer=identity.issuer, subject=identity.subject).first()
            if found is None:
                raise NoAccount() from None
            return found.user
        return user


class OidcIdentity(models.Model):
    """An identity at a provider of OpenID Connect, by which a user signs in without a password."""

    user = models.ForeignKey(User, models.CASCADE, related_name="oidc_identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[OidcIdentityManager] = OidcIdentityManager()

    class Meta:
        verbose_name = "OpenID identity"
        verbose_name_plural = "OpenID identities"
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="oidc_identity_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"

    @property
    def provider(self) -> str | None:
        """Its key in OIDC_PROVIDERS; None where it stands there no more, so that nobody comes in by it."""
        for key, entry in settings.OIDC_PROVIDERS.items():
            if isinstance(entry, dict) and issuer_of(entry) == self.issuer:
                return str(key)
        return None

    def unlink(self) -> None:
        """For its owner. Raises OnlySignIn where nothing else would let them in."""
        with transaction.atomic():
            # Locked, so that of the last two that are unlinked at once one stays.
            user = User.objects.select_for_update(no_key=True).get(pk=self.user_id)
            others = user.oidc_identities.exclude(pk=self.pk)
            if not user.has_usable_password() and not any(other.provider for other in others):
                raise OnlySignIn()
            self.delete()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            if deleted[0]:
                AuditEntry.objects.record(Act.IDENTITY_UNLINKED, f"user:{self.user_id}", issuer=self.issuer)
        return deleted
