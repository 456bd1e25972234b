import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from chatjuicer.accounts.exceptions import EmailTaken


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

    def register(self, email: str, password: str, display_name: str) -> "User":
        """Raises EmailTaken, also for one of several who register the same address at once."""
        try:
            with transaction.atomic():
                return self.create_user(email, password, display_name=display_name)
        except IntegrityError:
            raise EmailTaken() from None

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


class User(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", unique=True, max_length=254)
    display_name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

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
        changes_password = self.__dict__.get("_password") is not None and not self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            if changes_password:
                self.sign_out()

    def sign_out(self) -> None:
        """End every sign-in of this user, on every device."""
        for family in self.token_families.filter(revoked_at=None):
            family.revoke()
