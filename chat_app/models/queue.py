"""The live runs of a session: one is in progress, the others wait behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.conf import settings
from django.db import models, transaction

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, TooManyRuns
from chat_app.log.commit_hooks import commit_hooks
from sessions_app.models import IDLE, Addition, ChatSession

from .run_row import RunRow
from .status import ACTIVE, LIVE, RunStatus

R = TypeVar("R", bound=RunRow)

MAX_QUEUED_RUNS = 50  # of one session


class QueueManager(models.Manager[R]):
    def in_order(self, session: ChatSession) -> list[R]:
        """The live runs of a session, in the order in which they go."""
        return list(self.filter(session=session, status__in=LIVE).order_by("first_position", "created_at"))

    def require_free_queue(
        self, session: ChatSession, live: Sequence[R], on_busy: protocol.OnBusy, at_once: bool
    ) -> None:
        """That it takes one more run, which begins `at_once` or waits. Raises RunActive, QueueFull, TooManyRuns."""
        if live and on_busy == "reject":
            raise RunActive()
        if len(live) > MAX_QUEUED_RUNS:
            raise QueueFull()
        if not at_once:
            queued = self.filter(session__owner=session.owner_id, status=RunStatus.QUEUED).count()
            if queued >= settings.MAX_QUEUED_RUNS_PER_USER:
                raise TooManyRuns()

    def session_state(self, session: ChatSession) -> str:
        """What the session's row must say of its runs: idle, queued, running or awaiting_approval."""
        live = set(self.filter(session=session, status__in=LIVE).values_list("status", flat=True))
        return next((str(status) for status in (*ACTIVE, RunStatus.QUEUED) if status in live), IDLE)

    def enqueue(self, addition: Addition) -> None:
        """One more run waits, behind others or alone. The account's devices are told either way: of what was said, too,
        and a question may be in progress for days."""
        state = addition.session.state
        addition.change(state=RunStatus.QUEUED.value if state == IDLE else state)
        transaction.on_commit(commit_hooks.run_queued)
