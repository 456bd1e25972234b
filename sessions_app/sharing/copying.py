"""A shared conversation as a session of somebody's own."""

from collections.abc import Sequence
from uuid import uuid4

from django.db import transaction

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, Message, MessageDraft, together

ROWS = 200  # of one statement
COPIED = "copied:"
"""Begins the origin of a copy: what stands in it was written by somebody else."""


def copy_of(title: str, drafts: Sequence[MessageDraft], user: User) -> ChatSession:
    """With the drafts as its history, and what was said in them as the model's context; it counts as read."""
    with transaction.atomic(), together():
        session, _ = ChatSession.objects.open(user, title=title, is_named=bool(title), origin=f"{COPIED}{uuid4()}")
        for start in range(0, len(drafts), ROWS):
            messages = session.add_messages(drafts[start : start + ROWS])
            said = [message for message in messages if message.role != Message.Role.TOOL_CALL]
            items = [{"role": message.role, "content": message.content} for message in said]
            session.add_context(items, message_ids=[message.pk for message in said])
        session.refresh_from_db()
        session.mark_read(session.last_position)
    session.refresh_from_db()
    return session
