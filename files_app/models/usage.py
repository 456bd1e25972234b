from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F


class StorageUsageManager(models.Manager["StorageUsage"]):
    def charge(self, owner_id: UUID, size_bytes: int) -> bool:
        """False if there is no room, also for those of several at once who come too late."""
        if self._add(owner_id, size_bytes):
            return True
        self.bulk_create([StorageUsage(owner_id=owner_id)], ignore_conflicts=True)
        return bool(self._add(owner_id, size_bytes))

    def refund(self, owner_id: UUID, size_bytes: int) -> None:
        self.filter(owner_id=owner_id).update(size_bytes=F("size_bytes") - size_bytes)

    def _add(self, owner_id: UUID, size_bytes: int) -> int:
        room = self.filter(owner_id=owner_id, size_bytes__lte=settings.USER_QUOTA_BYTES - size_bytes)
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
