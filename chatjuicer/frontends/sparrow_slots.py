"""Agent Sparrow's limit: of each agent type, a user has a few active sessions, each in a numbered slot.

The slots are numbered so that a constraint of the database can hold the limit. `agent_type` and `active_slot` of a
session's row are written here alone.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from chatjuicer.accounts.models import User
from sessions_app import signals
from sessions_app.models import ChatSession, together

SPARROW = "sparrow"
"""Of a session's `frontend`: the limit is for sessions that were made here."""

ACTIVE_PER_AGENT = 5


def open_active(owner: User, agent_type: str, title: str) -> ChatSession:
    """A new session; where all slots are taken, the session longest without a message is deactivated."""
    with transaction.atomic(savepoint=False), together():
        slot = free_slot(owner.pk, agent_type)
        session, _ = ChatSession.objects.open(
            owner,
            frontend=SPARROW,
            agent_type=agent_type,
            active_slot=slot,
            agent_name=agent_type,
            title=title,
            is_named=True,
        )
    return session


@receiver(signals.session_updated)
def follow_activity(session: ChatSession, **kwargs: Any) -> None:
    """Through whichever front end a session is made active, it takes a slot; an inactive one has none."""
    if session.frontend != SPARROW or session.is_active == (session.active_slot is not None):
        return
    session.active_slot = free_slot(session.owner_id, session.agent_type) if session.is_active else None
    ChatSession.objects.filter(pk=session.pk).update(active_slot=session.active_slot)


def free_slot(owner_id: UUID, agent_type: str) -> int:
    """A slot that is free, made free if need be. The caller gives it to a session in the same transaction."""
    User.objects.hold(owner_id)
    active = ChatSession.objects.filter(owner_id=owner_id, agent_type=agent_type, active_slot__isnull=False)
    holders = list(active.order_by("last_used_at", "created_at"))
    while len(holders) >= ACTIVE_PER_AGENT:
        holders.pop(0).deactivate()
    taken = {session.active_slot for session in holders}
    return next(slot for slot in range(1, ACTIVE_PER_AGENT + 1) if slot not in taken)
