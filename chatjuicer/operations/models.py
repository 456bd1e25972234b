from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class LeaseManager(models.Manager["Lease"]):
    def take(self, name: str, owner: str, lasts: timedelta) -> bool:
        """Whether the lease is the owner's now: nobody else had it, or whoever did has let it run out."""
        if not self.filter(name=name).exists():
            self.bulk_create([Lease(name=name)], ignore_conflicts=True)
        free = self.filter(Q(owner__in=("", owner)) | Q(until__lt=Now()), name=name)
        return free.update(owner=owner, until=Now() + lasts) == 1

    def renew(self, name: str, owner: str, lasts: timedelta) -> bool:
        """False if it is somebody else's meanwhile."""
        return self.filter(name=name, owner=owner).update(until=Now() + lasts) == 1

    def give_back(self, name: str, owner: str) -> None:
        self.filter(name=name, owner=owner).update(owner="", until=None)


class Lease(models.Model):
    """Work that one process does for all, until then by the database's clock."""

    name = models.CharField(primary_key=True, max_length=32)
    owner = models.CharField(max_length=128, blank=True, default="", help_text="empty: nobody")
    until = models.DateTimeField(null=True)

    objects: ClassVar[LeaseManager] = LeaseManager()

    def __str__(self) -> str:
        return f"{self.name}: {self.owner or 'nobody'}"


class HousekeepingTask(models.Model):
    """The last run of each task, in whichever process."""

    name = models.CharField(primary_key=True, max_length=32)
    owner = models.CharField(max_length=128, help_text="the process that ran it")
    began_at = models.DateTimeField()
    took_s = models.FloatField(default=0)
    done = models.PositiveIntegerField(default=0, help_text="rows, runs, files or sessions")
    error = models.CharField(max_length=128, blank=True, default="", help_text="kind of the error it ended with")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="when it last failed")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
