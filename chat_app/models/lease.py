"""A process's time-limited right to a run: how long it lasts, who renews it, and whose has run out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from .run_row import RunRow
from .status import RunStatus

R = TypeVar("R", bound=RunRow)


def lease_end() -> Any:
    """LEASE_S from now by the database's clock, which all processes share."""
    return _lease_end(settings.LEASE_S)


@cache
def _lease_end(seconds: float) -> Any:
    """One expression, of which the statement is made once."""
    return Now() + timedelta(seconds=seconds)


class LeasedQuerySet(models.QuerySet[R]):
    def renew(self, owner: str, runs: Sequence[UUID]) -> set[UUID]:
        """Prolong the leases of the runs that `owner` executes; the ids that are still its own. One that somebody
        else has locked keeps no other waiting: it is among them, and prolonged the next time."""
        mine = self.filter(pk__in=runs, owner=owner, status=RunStatus.RUNNING)
        with transaction.atomic():
            free = mine.select_for_update(no_key=True, skip_locked=True)
            self.filter(pk__in=list(free.values_list("pk", flat=True))).update(lease_until=lease_end())
            return set(mine.values_list("pk", flat=True))

    def orphans(self, is_dead: Callable[[str], bool]) -> list[R]:
        """Running runs whose lease ran out, or whose owner is known to be dead."""
        running = self.filter(status=RunStatus.RUNNING)
        late = set(running.filter(lease_until__lt=Now()).values_list("pk", flat=True))
        dead = {owner for owner in running.values_list("owner", flat=True).distinct() if is_dead(owner)}
        # Without what is encrypted: a row that cannot be read must not hide the others.
        return list(running.filter(Q(pk__in=late) | Q(owner__in=dead)).defer("state"))
