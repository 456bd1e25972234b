"""What the conversations' own changes mean for the log: written in the transaction of the change."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from chat_app.log.commit_hooks import commit_hooks
from sessions_app import signals
from sessions_app.models import ChatSession, Message
from sessions_app.representations import message_representation, session_representation

from . import protocol
from .log.record import record
from .models import Event, Run


@receiver(signals.session_updated)
def log_update(session: ChatSession, **kwargs: Any) -> None:
    shown = session_representation(session)
    record(session, [protocol.SessionUpdated(session=shown, title=session.title)])


@receiver(signals.message_added)
def log_message(session: ChatSession, message: Message, **kwargs: Any) -> None:
    shown = message_representation(message, session.public_id)
    record(session, [protocol.MessageCreated(message=shown)])


@receiver(signals.session_ending)
def end_runs(session: ChatSession, **kwargs: Any) -> None:
    for run in Run.objects.filter(session=session).live().order_by("-first_position"):
        run.end(Run.Status.INTERRUPTED, "interrupted")


@receiver(signals.session_packing)
def is_busy(session: ChatSession, **kwargs: Any) -> bool:
    return Run.objects.filter(session=session).live().exists()


@receiver(signals.session_cleared)
def forget_log(session: ChatSession, **kwargs: Any) -> None:
    """The events hold what was said, so they are deleted with the messages."""
    Event.objects.forget(session, session.last_seq)
    log_update(session)


@receiver(signals.session_deleted)
def close_sockets(session_pk: UUID, public_id: str, **kwargs: Any) -> None:
    transaction.on_commit(lambda: commit_hooks.session_deleted(session_pk))
