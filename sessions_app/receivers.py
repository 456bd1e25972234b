from contextlib import nullcontext
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.signals import post_delete
from django.dispatch import receiver

from chatjuicer.accounts.audited import audit_changes
from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.models.audit_entry import lines_at_end
from chatjuicer.accounts.signals import account_ending
from sessions_app import signals
from sessions_app.models import AccountEvent, Agent, ChatSession, McpServer, Prompt, unnoted
from sessions_app.models.named import is_for_all

for kind in (Agent, Prompt):
    audit_changes(kind, only=is_for_all)


@receiver(signals.session_deleted)
def note_deletion(session_pk: UUID, owner_id: UUID, for_good: bool, **kwargs: Any) -> None:
    act = Act.SESSION_PURGED if for_good else Act.SESSION_DELETED
    AuditEntry.objects.note(act, f"chatsession:{session_pk}", owner=str(owner_id))


@receiver(signals.session_purged)
def note_purge(session_pk: UUID, owner_id: UUID, **kwargs: Any) -> None:
    AuditEntry.objects.note(Act.SESSION_PURGED, f"chatsession:{session_pk}", owner=str(owner_id))


@receiver(account_ending)
def remove_sessions(user: User, **kwargs: Any) -> None:
    """Each by its own verb, so that its runs end and its sockets close; what is in the trash, too. In the admin all of
    this is one transaction, and nobody else's line waits for it."""
    with unnoted(), lines_at_end() if connection.in_atomic_block else nullcontext():
        for sessions in (user.chat_sessions, user.chat_sessions(manager="trash")):
            while session := sessions.order_by("pk").first():
                try:
                    session.remove()
                except ChatSession.DoesNotExist:  # its last request was quicker
                    continue


@receiver(signals.session_created)
def note_creation(session: ChatSession, **kwargs: Any) -> None:
    AccountEvent.objects.note(session, AccountEvent.Type.CREATED)


@receiver(signals.session_restored)
def note_return(session: ChatSession, **kwargs: Any) -> None:
    AccountEvent.objects.note(session, AccountEvent.Type.RESTORED)
    AuditEntry.objects.note(Act.SESSION_RESTORED, session, owner=str(session.owner_id))


@receiver([signals.session_updated, signals.session_cleared, signals.message_added])
def note_change(session: ChatSession, **kwargs: Any) -> None:
    AccountEvent.objects.note(session, AccountEvent.Type.UPDATED)


@receiver(post_delete, sender=McpServer)
def give_up_grant(instance: McpServer, **kwargs: Any) -> None:
    """Also when it goes with its account."""
    if grant := instance.grant:
        signals.grant_given_up.send(McpServer, url=instance.url, grant=grant)
