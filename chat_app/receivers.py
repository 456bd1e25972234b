"""What changes of a session mean for its log and its runs, done in the transaction of the change."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from chat_app.log.commit_hooks import commit_hooks
from chatjuicer.accounts.audited import audit_changes
from chatjuicer.accounts.signals import family_revoked
from files_app.models import StorageUsage
from sessions_app import signals
from sessions_app.models import ChatSession, Message
from sessions_app.models.message import bytes_said

from .log.record import record
from .log.session_events import message_created, session_updated
from .models import Budget, Event, ModelProvider, Notice, PushSubscription, Run
from .protocol import Record
from .runs.folding import Changed, fold_all

audit_changes(ModelProvider, told=("enabled",))
audit_changes(Budget, told=("daily_tokens", "daily_cost"))


@receiver(signals.session_updated)
def log_update(session: ChatSession, **kwargs: Any) -> None:
    record(session, [session_updated(session)])


@receiver(signals.message_added)
def log_message(session: ChatSession, message: Message, **kwargs: Any) -> None:
    """Raises QuotaExceeded; a summary of what is there always has room."""
    if message.role != Message.Role.TOOL_CALL:
        StorageUsage.objects.require_quota(session.owner_id, bytes_said(message))
    record(session, [message_created(message)])


@receiver(signals.session_ending)
def end_runs(session: ChatSession, **kwargs: Any) -> None:
    for run in Run.objects.filter(session=session).live().order_by("-first_position"):
        run.end(Run.Status.INTERRUPTED, "interrupted")


@receiver(signals.session_packing)
def is_busy(session: ChatSession, **kwargs: Any) -> bool:
    if Run.objects.filter(session=session).live().exists():
        return True
    try:
        fold_all(session.pk)
    except Changed:  # somebody is at it
        return True
    return False


@receiver([signals.session_unpacked, signals.session_restored])
def fold_again(session: ChatSession, **kwargs: Any) -> None:
    """Lets housekeeping fold its runs again: older versions have packed unfolded deltas, too, and in the trash nothing
    is folded."""
    Run.objects.filter(session=session, folded=True).update(folded=False)


@receiver(signals.session_cleared)
def forget_log(session: ChatSession, **kwargs: Any) -> None:
    """The events hold what was said, so they are deleted with the messages."""
    Event.objects.forget(session, session.last_seq)
    log_update(session)


@receiver(signals.account_noted)
def tell_webhooks(owner_id: UUID, facts: Sequence[tuple[str, str]], **kwargs: Any) -> None:
    if told := [fact for fact in facts if fact[0] in Notice.OF_LOG]:
        Notice.objects.tell(owner_id, told)


@receiver(family_revoked)
def forget_browser(family_id: UUID, **kwargs: Any) -> None:
    """Nothing is sent to whose sign-in has ended; here, its address goes, too."""
    PushSubscription.objects.filter(family=family_id).end()


@receiver(signals.account_noted)
def ring(owner_id: UUID, seq: int, **kwargs: Any) -> None:
    """Who follows the account's log reads it after the commit."""
    event = Record(owner_id, "", seq, None, "account", "", "")
    transaction.on_commit(lambda: commit_hooks.events_committed([event]))


@receiver(signals.account_forgotten)
def tell_forgotten(owner_id: UUID, up_to: int, **kwargs: Any) -> None:
    transaction.on_commit(lambda: commit_hooks.log_forgotten(owner_id, up_to))


@receiver(signals.session_deleted)
def close_sockets(session_pk: UUID, public_id: str, **kwargs: Any) -> None:
    transaction.on_commit(lambda: commit_hooks.session_deleted(session_pk))


@receiver([post_save, post_delete], sender=ModelProvider)
def publish_providers(**kwargs: Any) -> None:
    """Other processes look by themselves."""
    transaction.on_commit(ModelProvider.objects.publish)


@receiver(signals.grant_given_up)
def revoke_grant(url: str, grant: str, **kwargs: Any) -> None:
    transaction.on_commit(lambda: commit_hooks.grant_given_up(url, grant))


@receiver([post_save, post_delete], sender=Budget)
def publish_budgets(**kwargs: Any) -> None:
    """As those of providers."""
    transaction.on_commit(Budget.objects.publish)
