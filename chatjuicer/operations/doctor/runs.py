"""Runs that nobody works on, and what sessions say of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, Value, When

from chat_app import protocol
from chat_app.log.record import lock_session, record
from chat_app.models import Event, Run
from chat_app.models.status import ACTIVE, ENDED, LIVE
from chat_app.runs.owner import is_dead
from sessions_app.models import IDLE, ChatSession

from .check import Check, Found


def orphaned_runs() -> list[UUID]:
    return [run.pk for run in Run.objects.orphans(is_dead)]


def orphaned_run(pk: UUID) -> Found | None:
    run = next((run for run in Run.objects.filter(pk=pk).orphans(is_dead)), None)
    if run is None:
        return None
    return Found(f"run {pk} of {session_of(run)}: its process is gone", run.end_orphaned)


def stuck_runs() -> Iterator[UUID]:
    ownerless = Run.objects.filter(status=Run.Status.RUNNING).filter(Q(owner="") | Q(lease_until=None))
    yield from list(ownerless.values_list("pk", flat=True))
    own_end = Event.objects.filter(
        session=OuterRef("session"), run_id=OuterRef("pk"), seq__gte=OuterRef("first_seq"), type="stream_end"
    )
    endless = Run.objects.filter(
        ~Exists(own_end), status__in=ENDED, first_seq__gt=F("session__forgotten_seq"), session__packed=False
    )
    yield from list(endless.values_list("pk", flat=True))


def stuck_run(pk: UUID) -> Found | None:
    run = Run.objects.filter(pk=pk).first()
    if run is None:
        return None
    session = lock_session(run.session_id)
    run.refresh_from_db()
    if run.status == Run.Status.RUNNING and not (run.owner and run.lease_until):
        return Found(f"run {pk} of {session.public_id}: running without an owner", run.end_orphaned)
    own = Event.objects.filter(session=session, run_id=pk, seq__gte=run.first_seq or 0)
    if run.status in LIVE or not run.first_seq or run.first_seq <= session.forgotten_seq:
        return None
    if own.filter(type="stream_end").exists():
        return None
    reason: Any = run.finish_reason or "error"
    end = protocol.StreamEnd(finish_reason=reason)
    return Found(f"run {pk} of {session.public_id}: ended without stream_end", partial(record, session, [end], pk))


def wrong_states() -> list[UUID]:
    """Of servers that were updated one by one, or of rows that were changed by hand."""
    runs = Run.objects.filter(session=OuterRef("pk"))
    statuses = (*ACTIVE, Run.Status.QUEUED)
    cases = [When(Exists(runs.filter(status=status)), then=Value(str(status))) for status in statuses]
    right = Case(*cases, default=Value(IDLE))
    return list(ChatSession.objects.exclude(state=right).values_list("pk", flat=True))


def wrong_state(session_pk: UUID) -> Found | None:
    session = lock_session(session_pk)
    right = Run.objects.session_state(session)
    if session.state == right:
        return None
    return Found(f"{session.public_id}: {session.state}, not {right}", partial(session.settle, right, {}))


def session_of(run: Run) -> str:
    return run.session.public_id


CHECKS = [
    Check("orphaned-run", orphaned_runs, orphaned_run),
    Check("stuck-run", stuck_runs, stuck_run),
    Check("state", wrong_states, wrong_state),
]
