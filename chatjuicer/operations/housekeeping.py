"""Runs the tasks by themselves, under one lease: in whichever process comes first, and in one at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone

from chat_app.runs.owner import OWNER, is_dead

from .models import HousekeepingTask, Lease
from .tasks import TASKS, Task

logger = logging.getLogger(__name__)

LEASE = "housekeeping"
LEASE_LASTS = timedelta(minutes=10)  # longer than a batch takes; what a dead process leaves is taken up after that
TASK_S = 20.0  # of one task in one round; the next round goes on
ASK_AGAIN_S = 0.2
REST_S = 0.02  # between batches, for those who wait to write
STOP_TIMEOUT_S = 2.0


@dataclass(slots=True)
class Tally:
    """What a task has done in this process. Written by the housekeeper's thread."""

    runs: int = 0
    done: int = 0
    failures: int = 0
    took_s: float = 0.0  # the last run
    ended_at: float = 0.0  # of the last run, seconds since the epoch


tallies: dict[str, Tally] = {task.name: Tally() for task in TASKS}


class Housekeeper:
    """A thread of a serving or executing process."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if settings.HOUSEKEEP_EVERY_S > 0:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Between two batches, or in the middle of one that takes long: nothing is lost."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)

    def _work(self) -> None:
        while not self._stopped.wait(settings.HOUSEKEEP_EVERY_S):
            close_old_connections()
            try:
                housekeep(self._stopped)
            except Exception:
                logger.warning("housekeeping: the database did not answer; trying again", exc_info=True)
            finally:
                connection.close()


class HeldElsewhere(Exception):
    """Another process is doing the housekeeping."""


class LostLease(HeldElsewhere):
    """It has taken over: this one had stood still for longer than LEASE_LASTS."""


def housekeep(stopped: threading.Event, owner: str = OWNER) -> None:
    """One round: the tasks that are due, if no other process is at them."""
    with suppress(HeldElsewhere), lease(owner):
        for task in due():
            if not stopped.is_set():
                run(task, owner, partial(enough, task, stopped))


def enough(task: Task, stopped: threading.Event, began: float) -> bool:
    """Asked between batches, and rests meanwhile."""
    return stopped.wait(REST_S) or (not task.from_the_start and time.monotonic() - began > TASK_S)


def housekeep_now(patience_s: float = 0, owner: str = OWNER) -> Iterator[HousekeepingTask]:
    """All tasks, each to its end. Raises HeldElsewhere if another process is still at it after that time, or takes
    over."""
    with lease(owner, patience_s):
        for task in TASKS:
            yield run(task, owner)


@contextmanager
def lease(owner: str, patience_s: float = 0) -> Iterator[None]:
    """Raises HeldElsewhere."""
    deadline = time.monotonic() + patience_s
    while not taken(owner):
        if time.monotonic() >= deadline:
            raise HeldElsewhere
        time.sleep(ASK_AGAIN_S)
    try:
        yield
    finally:
        Lease.objects.give_back(LEASE, owner)


def taken(owner: str) -> bool:
    for holder in Lease.objects.filter(name=LEASE).values_list("owner", flat=True):
        if is_dead(holder):
            Lease.objects.give_back(LEASE, holder)
    return Lease.objects.take(LEASE, owner, LEASE_LASTS)


def due() -> list[Task]:
    began = dict(HousekeepingTask.objects.values_list("name", "began_at"))
    now = timezone.now()
    every = {task.name: timedelta(seconds=task.every_s or settings.HOUSEKEEP_EVERY_S) for task in TASKS}
    return [task for task in TASKS if task.name not in began or began[task.name] + every[task.name] <= now]


def run(task: Task, owner: str, enough: Callable[[float], bool] = lambda began: False) -> HousekeepingTask:
    """The task's batches until it says that there is enough; one that fails stops no other. Raises LostLease."""
    tally = tallies[task.name]
    ran = HousekeepingTask(name=task.name, owner=owner, began_at=timezone.now())
    began = time.monotonic()
    lost: LostLease | None = None
    try:
        for done in task.batches():
            ran.done += done
            if not Lease.objects.renew(LEASE, owner, LEASE_LASTS):
                raise LostLease
            if enough(began):
                break
    except Exception as error:
        logger.exception("housekeeping: %s failed", task.name)
        tally.failures += 1
        ran.error, ran.failed_at = type(error).__name__, timezone.now()
        lost = error if isinstance(error, LostLease) else None
    ran.took_s = time.monotonic() - began
    tally.runs, tally.done = tally.runs + 1, tally.done + ran.done
    tally.took_s, tally.ended_at = ran.took_s, time.time()
    changes = ["owner", "began_at", "took_s", "done", "error", *(["failed_at"] if ran.error else [])]
    HousekeepingTask.objects.bulk_create([ran], update_conflicts=True, unique_fields=["name"], update_fields=changes)
    if lost is not None:
        raise lost
    return ran


housekeeper = Housekeeper()
