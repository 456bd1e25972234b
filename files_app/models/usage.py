from typing import ClassVar, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from files_app.exceptions import QuotaExceeded
from sessions_app.models import AccountLog


class Taken(NamedTuple):
    """In bytes."""

    files: int
    messages: int


class StorageUsageManager(models.Manager["StorageUsage"]):
    def charge(self, owner_id: UUID, size_bytes: int) -> bool:
        """False if there is no room, also for those of several at once who come too late. Nothing always has."""
        if not size_bytes or self._add(owner_id, size_bytes):
            return True
        self.bulk_create([StorageUsage(owner_id=owner_id)], ignore_conflicts=True)
        return bool(self._add(owner_id, size_bytes))

    def refund(self, owner_id: UUID, size_bytes: int) -> None:
        self.filter(owner_id=owner_id).update(size_bytes=F("size_bytes") - size_bytes)

    def taken(self, owner_id: UUID) -> "Taken":
        files = self.filter(owner_id=owner_id).values_list("size_bytes", flat=True).first()
        messages = AccountLog.objects.filter(pk=owner_id).values_list("message_bytes", flat=True).first()
        return Taken(files or 0, messages or 0)

    def require_quota(self, owner_id: UUID, size_bytes: int) -> None:
        """That there is room in it for messages of so many bytes. Raises QuotaExceeded."""
        if sum(self.taken(owner_id)) + size_bytes > settings.USER_QUOTA_BYTES:
            raise QuotaExceeded()

    def _add(self, owner_id: UUID, size_bytes: int) -> int:
        messages = Subquery(AccountLog.objects.filter(pk=OuterRef("owner_id")).values("message_bytes"))
        left = settings.USER_QUOTA_BYTES - size_bytes - Coalesce(messages, 0)
        room = self.filter(owner_id=owner_id, size_bytes__lte=left)
        return room.update(size_bytes=F("size_bytes") + size_bytes)


class StorageUsage(models.Model):
    """How many bytes an owner's files take, kept with every change so that nobody need add them up."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="storage_usage"
    )
    size_bytes = models.BigIntegerField(default=0)

    objects: ClassVar[StorageUsageManager] = StorageUsageManager()

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes"
