import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chatjuicer.accounts.exceptions import TooManyKeys
from chatjuicer.accounts.models.audit_entry import Act, AuditEntry
from chatjuicer.accounts.models.user import User
from chatjuicer.accounts.sealing import digest

MARK = "cj_"
"""Begins every key: by it they are told from tokens, and found where they leaked to."""

SECRET_BYTES = 32
PREFIX_CHARS = len(MARK) + 6
MAX_KEYS = 100  # of one user
NOTED_EVERY = timedelta(minutes=1)


class Scope(models.TextChoices):
    READ = "read"
    CHAT = "chat"
    FILES = "files"
    ADMIN = "admin"


class ApiKeyManager(models.Manager["ApiKey"]):
    def issue(
        self, user: User, name: str, scopes: Sequence[str], expires_at: datetime | None = None
    ) -> tuple["ApiKey", str]:
        """The key's row, and its text, which is kept nowhere. Raises TooManyKeys."""
        text = MARK + secrets.token_urlsafe(SECRET_BYTES)
        kept = [scope for scope in Scope.values if scope in scopes]
        prefix = text[:PREFIX_CHARS]
        with transaction.atomic():
            User.objects.hold(user.pk)
            if self.filter(user=user).count() >= MAX_KEYS:
                raise TooManyKeys()
            key = self.create(
                user=user, name=name, scopes=kept, expires_at=expires_at, prefix=prefix, digest=digest(text)
            )
            AuditEntry.objects.record(Act.KEY_CREATED, key, owner=str(user.pk), scopes=kept)
        return key, text

    def alive(self) -> models.QuerySet["ApiKey"]:
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, user__is_active=True)

    def used(self, text: str) -> "ApiKey | None":
        """Whose text this is; None for an unknown, expired or deleted one, or when its owner may not come in."""
        # A bare hash will do: nobody can guess 256 bits, and a slow one would be paid with each request.
        key = self.alive().select_related("user").filter(digest=digest(text)).first()
        if key is not None:
            key.note_use()
        return key


class ApiKey(models.Model):
    """Lets a program in as its owner, as far as its scopes allow, until it is deleted or expires."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    scopes = models.JSONField(help_text="some of read, chat, files, admin")
    prefix = models.CharField(max_length=16, help_text="how its text begins")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_alive(self) -> bool:
        return (self.expires_at is None or self.expires_at > timezone.now()) and self.user.is_active

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        about = f"apikey:{self.pk}"
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            AuditEntry.objects.record(Act.KEY_DELETED, about, owner=str(self.user_id))
        return deleted

    def note_use(self) -> None:
        """At most once in NOTED_EVERY: a request that reads should not write."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - NOTED_EVERY:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)
            self.last_used_at = now
