import secrets
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import DatabaseError, IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import get_random_string, salted_hmac
from django.utils.text import slugify

from chatjuicer.accounts.exceptions import (
    EmailTaken,
    InvalidEmailToken,
    InvalidResetToken,
    LastAdministrator,
    WrongPassword,
)
from chatjuicer.accounts.models.audit_entry import Act, AuditEntry, lines_at_end
from chatjuicer.accounts.passwords import refuse_weak
from chatjuicer.accounts.signals import account_ending
from chatjuicer.encryption import EncryptedTextField


class Role(models.TextChoices):
    """What somebody may do here: what everybody may, what their groups may besides, or all."""

    USER = "user"
    STAFF = "staff"
    ADMINISTRATOR = "administrator"

    @property
    def flags(self) -> dict[str, bool]:
        """As the row has it."""
        return {"is_staff": self != Role.USER, "is_superuser": self == Role.ADMINISTRATOR}


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=normal(email or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=normal(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def register(self, email: str, password: str | None, display_name: str, role: Role = Role.USER) -> "User":
        """Raises EmailTaken, also for one of several who register the same address at once."""
        try:
            with transaction.atomic():
                return self.create_user(email, password, display_name=display_name, **role.flags)
        except IntegrityError:
            raise EmailTaken() from None

    def hold(self, user_pk: uuid.UUID) -> None:
        """Until the transaction ends: of two that count, name or bring something of one account at a time, one sees the
        other's. What refers to the account may be written meanwhile. Raises User.DoesNotExist."""
        self.select_for_update(no_key=True).values_list("pk").get(pk=user_pk)

    def administrators(self) -> "models.QuerySet[User]":
        return self.filter(is_active=True, **Role.ADMINISTRATOR.flags)

    def require_administrator_besides(self, user: "User") -> None:
        """Call it before writing what ends the role of `user`, in the same transaction: two administrators who demote
        each other would otherwise deadlock. The rows stay locked until its end: of two who demote each other, or
        themselves, at once, one is refused. Raises LastAdministrator."""
        # By no key, so that what refers to them may be written.
        locked = self.administrators().order_by("pk").select_for_update(no_key=True)
        if list(locked.values_list("pk", flat=True)) == [user.pk]:
            raise LastAdministrator()

    def bring(
        self, id: uuid.UUID, email: str, hashed: str | None, *, display_name: str, created_at: datetime
    ) -> "User":
        """An account of another server with its id; `hashed` is its password as the row has it, None: it has none.

        Raises EmailTaken.
        """
        user = self.model(id=id, email=normal(email), display_name=display_name, created_at=created_at)
        user.password = hashed or make_password(None)
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError:
            raise EmailTaken() from None
        return user

    def seed_default(self) -> tuple["User", str]:
        """The default user, and the password if one was generated, else "".

        An existing user keeps the password, unless DEFAULT_USER_PASSWORD says another.
        """
        given = settings.DEFAULT_USER_PASSWORD
        email = normal(settings.DEFAULT_USER_EMAIL)
        if user := self.filter(email=email).first():
            if given and not user.check_password(given):
                user.set_password(given)
                user.save()
            return user, ""
        password = given or get_random_string(20)
        try:
            with transaction.atomic():
                user = self.create_superuser(email, password, display_name="Local user")
        except IntegrityError:  # Another process was quicker.
            return self.get(email=email), ""
        return user, "" if given else password


def normal(email: str) -> str:
    return email.strip().lower()


class Theme(models.TextChoices):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


SERVICE_DOMAIN = "service.invalid"
"""Of a name that leads nowhere, by RFC 2606."""

DELETE_ATTEMPTS = 5

ROLES = ("is_active", "is_staff", "is_superuser")


class User(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", unique=True, max_length=254)
    display_name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_service = models.BooleanField(
        "service account", default=False, db_default=False, editable=False, help_text="a program's, with API keys alone"
    )
    # Raised to end all that is no row and was given out before: the admin's cookies, signed addresses, sockets of a
    # client that brought no token.
    auth_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # What the person prefers; empty: what the operator has set.
    theme = models.CharField(max_length=16, choices=Theme, default=Theme.SYSTEM, db_default=Theme.SYSTEM)
    default_model = models.CharField(max_length=128, blank=True, default="", db_default="", help_text="of new sessions")
    instructions = EncryptedTextField(
        blank=True, default="", db_default="", help_text="for the agent, in every session"
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["-created_at", "-id"], name="user_newest"),)

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = normal(self.email)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.is_service:
            self.is_staff = self.is_superuser = False
        is_new, has_new_password = self._state.adding, self._has_new_password
        written = kwargs.get("update_fields")
        if not self._state.adding and kwargs.get("update_fields") is None:
            # A copy that was read before would bring an ended epoch back.
            kwargs["update_fields"] = [f.name for f in self._meta.concrete_fields if f.name not in ("id", "auth_epoch")]
        with transaction.atomic():
            if not is_new and not self._administers and (written is None or not set(ROLES).isdisjoint(written)):
                User.objects.require_administrator_besides(self)
            roles = self._changed_roles(written)
            has_new_email = not is_new and self._has_new_email(written)
            super().save(*args, **kwargs)
            if not is_new and (has_new_password or roles.get("is_active") is False):
                self.sign_out()
            if is_new:
                kind: dict[str, Any] = {"is_service": True} if self.is_service else {}
                AuditEntry.objects.record(Act.ACCOUNT_CREATED, self, **roles, **kind)
            elif roles:
                AuditEntry.objects.record(Act.ROLE_CHANGED, self, **roles)
            if has_new_email:
                AuditEntry.objects.record(Act.EMAIL_CHANGED, self)
            if has_new_password and not is_new:
                AuditEntry.objects.record(Act.PASSWORD_CHANGED, self)

    def set_password(self, raw_password: str | None) -> None:
        """A service account gets none."""
        super().set_password(None if self.is_service else raw_password)

    @property
    def _has_new_password(self) -> bool:
        return self.__dict__.get("_password") is not None

    def _has_new_email(self, written: Collection[str] | None) -> bool:
        """As `_changed_roles`."""
        return (written is None or "email" in written) and not User.objects.filter(
            pk=self.pk, email=self.email
        ).exists()

    @property
    def _administers(self) -> bool:
        return self.is_active and self.role == Role.ADMINISTRATOR

    def _changed_roles(self, written: Collection[str] | None) -> dict[str, Any]:
        """Those that a save of these fields, or of all, would change: name and new value."""
        names = [name for name in ROLES if written is None or name in written]
        if not names:
            return {}
        held = User.objects.filter(pk=self.pk).values(*ROLES).first() if not self._state.adding else None
        before = held or {"is_active": True, "is_staff": False, "is_superuser": False}
        return {name: now for name in names if (now := getattr(self, name)) != before[name]}

    def configure(self, **changes: Any) -> None:
        """What a person sets: display_name, theme, default_model, instructions. Raises DoesNotExist if the account has
        just been deleted."""
        for name, value in changes.items():
            setattr(self, name, value)
        try:  # its row is not locked before: of a role's change `save` locks all administrators', in their order
            self.save(update_fields=list(changes))
        except DatabaseError:
            User.objects.only("pk").get(pk=self.pk)
            raise

    @property
    def role(self) -> Role:
        """Of who is no staff the other flag gives nothing."""
        if not self.is_staff:
            return Role.USER
        return Role.ADMINISTRATOR if self.is_superuser else Role.STAFF

    def administer(self, *, role: Role | None = None, is_active: bool | None = None, **more: Any) -> None:
        """What an administrator changes of somebody: as what they come in, whether they do, and `more` as of
        `configure`. A role counts from the next request on; who is let in no more is signed out everywhere. Raises
        LastAdministrator."""
        changes = more | (role.flags if role else {}) | ({} if is_active is None else {"is_active": is_active})
        with transaction.atomic():
            self.configure(**changes)
            if more:
                AuditEntry.objects.record(Act.SETTING_CHANGED, self, changed=sorted(more))

    def remove(self, *, by_themselves: bool = False) -> None:
        """The account and all that hangs on it. Cut off, it leaves a deactivated user, and may be called again. Raises
        LastAdministrator, but of who goes `by_themselves` and leaves nobody behind."""
        with transaction.atomic():
            is_alone = by_themselves and not User.objects.exclude(pk=self.pk).exists()
            # Of others it takes no lock: in the admin all of this is one transaction, which may be a long one.
            if not is_alone and User.objects.administrators().filter(pk=self.pk).exists():
                User.objects.require_administrator_besides(self)
            User.objects.filter(pk=self.pk).update(is_active=False)
            self.sign_out()
        account_ending.send(User, user=self)
        self._delete_with_what_came_meanwhile()

    def _delete_with_what_came_meanwhile(self) -> None:
        """A request that was let in before may add what refers to the account after that was looked for. They are
        few, and no more are let in."""
        for left in reversed(range(DELETE_ATTEMPTS)):
            try:
                with transaction.atomic(), lines_at_end():
                    if type(self).objects.filter(pk=self.pk).delete()[0]:  # the id stays, for another try
                        AuditEntry.objects.note(Act.ACCOUNT_DELETED, self)
            except IntegrityError:
                if not left:
                    raise
            else:
                return

    def confirm_password(self, password: str) -> None:
        """Raises WrongPassword."""
        if not check_password(password, self.password):
            raise WrongPassword()

    def change_password(self, current: str, new: str, keep: uuid.UUID | None = None) -> None:
        """Ends every sign-in but the family `keep`. Raises WrongPassword, also if another change came first, and
        ValidationError for `new_password`."""
        self.confirm_password(current)
        if not self._replace_password(new, keep, Act.PASSWORD_CHANGED):
            raise WrongPassword()

    def reset_password(self, new: str) -> None:
        """For who has a reset's token, which it spends. Raises InvalidResetToken if another change came first, and
        ValidationError for `new_password`."""
        if not self._replace_password(new, None, Act.PASSWORD_RESET):
            raise InvalidResetToken()

    def change_email(self, new: str) -> None:
        """For who has proved that it is theirs; sign-ins go on. Raises EmailTaken, and InvalidEmailToken if another
        change of it, of the password or of the sign-ins came first."""
        as_read = User.objects.filter(pk=self.pk, email=self.email, password=self.password, auth_epoch=self.auth_epoch)
        try:
            with transaction.atomic():
                if not as_read.update(email=new):
                    raise InvalidEmailToken()
                AuditEntry.objects.record(Act.EMAIL_CHANGED, self)
        except IntegrityError:
            raise EmailTaken() from None
        self.email = new

    def _replace_password(self, new: str, keep: uuid.UUID | None, act: Act) -> bool:
        """Unless it was changed since it was read."""
        refuse_weak(new, self, "new_password")
        known, made = self.password, make_password(new)
        with transaction.atomic():
            if not User.objects.filter(pk=self.pk, password=known).update(password=made):
                return False
            self.password = made
            self.sign_out(keep)
            AuditEntry.objects.record(act, self)
        return True

    def sign_out_everywhere(self, keep: uuid.UUID | None = None) -> None:
        """Ends every sign-in but the family `keep`, because somebody asked for it: the audit log notes that."""
        with transaction.atomic():
            self.sign_out(keep)
            AuditEntry.objects.record(Act.SIGNED_OUT_EVERYWHERE, self)

    def sign_out(self, keep: uuid.UUID | None = None) -> None:
        """End every sign-in of this user, on every device and in the admin, but the family `keep`."""
        with transaction.atomic():
            User.objects.filter(pk=self.pk).update(auth_epoch=F("auth_epoch") + 1)
            self.refresh_from_db(fields=["auth_epoch"])
            tickets = self.ws_tickets.all()
            (tickets.exclude(family_id=keep) if keep else tickets).delete()
            for family in self.token_families.filter(revoked_at=None):
                if family.pk != keep:
                    family.revoke()

    def get_session_auth_hash(self) -> str:
        """Django's sessions, which are the admin's, end when it changes."""
        return self._session_auth_hash()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for key in settings.SECRET_KEY_FALLBACKS:
            yield self._session_auth_hash(key)

    def _session_auth_hash(self, secret: str | bytes | None = None) -> str:
        said = f"{self.auth_epoch}:{self.password}"
        return salted_hmac("chatjuicer.accounts.User", said, secret=secret, algorithm="sha256").hexdigest()


class ServiceAccountManager(models.Manager["ServiceAccount"]):
    def get_queryset(self) -> "models.QuerySet[ServiceAccount]":
        return super().get_queryset().filter(is_service=True)


class ServiceAccount(User):
    """The users that are programs, made by administrators. They have no password and no mailbox, and come in by API
    keys alone."""

    objects: ClassVar[ServiceAccountManager] = ServiceAccountManager()  # type: ignore[assignment]

    class Meta:
        proxy = True
        verbose_name = "service account"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.is_service = True
            self.email = f"{slugify(self.display_name)[:40] or 'service'}-{secrets.token_hex(4)}@{SERVICE_DOMAIN}"
            self.set_unusable_password()
        super().save(*args, **kwargs)
