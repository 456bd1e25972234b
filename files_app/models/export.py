"""An account's archive that lies ready to be fetched, in as many pieces as it takes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from chatjuicer.accounts.models import User
from chatjuicer.encryption import EncryptedTextField
from files_app.incoming import Incoming
from files_app.sealed import new_key
from sessions_app.models import ChatSession

from .stored import StoredBytes, bytes_of

KEPT = timedelta(days=1)
"""So long it can be fetched."""

SILENT = timedelta(minutes=1)
"""Who makes one says more often that it is alive."""


class ExportManager(models.Manager["Export"]):
    def begin(self, owner: User) -> tuple[Export, bool]:
        """The one that is being made, or else a new one in the place of the last; and whether it is new."""
        with transaction.atomic():
            User.objects.hold(owner.pk)
            for export in self.filter(owner=owner):
                if export.current_state == Export.State.MAKING:
                    return export, False
                export.delete()
            return self.create(owner=owner), True

    def expired(self) -> models.QuerySet[Export]:
        return self.filter(expires_at__lte=timezone.now())

    def say_alive(self, exports: Collection[uuid.UUID]) -> None:
        self.filter(pk__in=exports).update(alive_at=timezone.now())


def expiry() -> datetime:
    return timezone.now() + KEPT


class Export(models.Model):
    class State(models.TextChoices):
        MAKING = "making"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="export")
    state = models.CharField(max_length=8, choices=State, default=State.MAKING)
    alive_at = models.DateTimeField(default=timezone.now, help_text="when the process that makes it last said so")
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    key = EncryptedTextField(default=new_key, help_text="by which its bytes are encrypted")
    storage_key = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    modified_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=expiry, db_index=True)

    objects: ClassVar[ExportManager] = ExportManager()

    content_type = "application/zip"
    basename = "chatjuicer.zip"

    def __str__(self) -> str:
        return f"{self.state} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def current_state(self) -> State:
        """One that nobody is at any more has failed: its process has died."""
        silent = self.state == Export.State.MAKING and self.alive_at < timezone.now() - SILENT
        return Export.State.FAILED if silent else Export.State(self.state)

    def finish(self, incoming: Incoming, sha256: str) -> None:
        """Its bytes, encrypted, are these, and their hash is that of the plain ones; of no effect once it is gone. They
        are charged to nobody: who has no room left may leave, too."""
        holder = ChatSession(pk=self.pk, owner_id=self.owner_id)
        with bytes_of(holder, incoming, charged=False) as (stored, facts), transaction.atomic():
            made = Export.objects.select_for_update(no_key=True).filter(pk=self.pk, state=Export.State.MAKING)
            if made.first() is None:
                return
            stored.keep()
            made.update(
                state=Export.State.READY,
                size_bytes=facts.size_bytes,
                sha256=sha256,
                storage_key=stored.key,
                modified_at=timezone.now(),
                expires_at=expiry(),
            )

    def move_to(self, stored: StoredBytes) -> bool:
        """As a file's."""
        with transaction.atomic(savepoint=False):
            if not Export.objects.filter(pk=self.pk, storage_key=self.storage_key).update(storage_key=stored.key):
                return False
            stored.keep_instead_of(self.storage_key, kept=True)
        return True

    def fail(self) -> None:
        Export.objects.filter(pk=self.pk, state=Export.State.MAKING).update(state=Export.State.FAILED)
