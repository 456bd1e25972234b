from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F


class SessionTallyManager(models.Manager["SessionTally"]):
    def change(self, owner_id: UUID, namespace: str, by: int) -> None:
        """Counts sessions made or removed, in the transaction that does so: last, because it locks."""
        if self._add(owner_id, namespace, by):
            return
        self.bulk_create([SessionTally(owner_id=owner_id, namespace=namespace)], ignore_conflicts=True)
        self._add(owner_id, namespace, by)

    def _add(self, owner_id: UUID, namespace: str, by: int) -> int:
        return self.filter(owner_id=owner_id, namespace=namespace).update(count=F("count") + by)


class SessionTally(models.Model):
    """How many sessions an owner has in a namespace, so that a list need not count them."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    namespace = models.CharField(max_length=64)
    count = models.IntegerField(default=0)

    objects = SessionTallyManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "namespace"], name="one_tally_per_namespace"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}: {self.count}"
