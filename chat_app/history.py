"""What the log and the runs add to a session's detail."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from sessions_app import defaults, detail, pending
from sessions_app.models import ChatSession, Message, layer

from .agent import catalogue
from .models import Approval, Event, Run
from .models.ending import text_so_far


def active_run(session: ChatSession) -> dict[str, Any] | None:
    run = Run.objects.filter(session=session).active().first()
    if run is None:
        return None
    asked = run.approvals.filter(status=Approval.Status.PENDING).order_by("created_at")
    waiting = [approval.representation() for approval in asked] if run.status == Run.Status.AWAITING_APPROVAL else []
    return run.representation() | {"approvals": waiting}


def answer_in_progress(session: ChatSession) -> Q:
    """What a socket is told again from the run's latest `stream_start` on, and no history beside it."""
    run = Run.objects.filter(session=session).active().first()
    return run.answer if run else Q()


def pending_texts(messages: Sequence[Message]) -> dict[UUID, str]:
    """Of answers that are being written: what the log has of them, and so what clients have seen."""
    texts: dict[UUID, str] = {}
    for message in messages:
        run = Run.objects.filter(pk=message.run_id).only("first_seq").first()
        texts[message.pk] = text_so_far(message.session_id, message.pk, (run and run.first_seq) or 0)
    return texts


def register() -> None:
    layer(Event, "seq")
    pending.register(pending_texts, answer_in_progress)
    detail.contribute("run", active_run)
    defaults.register(catalogue.default_model, catalogue.limits)
