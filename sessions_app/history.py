"""What a person reads of a session, as REST gives it: the newest messages, or any part of all."""

from typing import Any

from sessions_app.detail import contributions
from sessions_app.models import ChatSession, Message
from sessions_app.pending import pending_text
from sessions_app.representations import message_representation, session_representation

NEWEST = 50


def detail(session: ChatSession) -> dict[str, Any]:
    """The session with its newest messages. Consistent when `session` was read in the same snapshot."""
    newest = list(session.messages.order_by("-position")[:NEWEST])
    messages = represent(session, newest[::-1])
    return {
        "session": session_representation(session),
        "full_history": messages,
        "messages": messages,
        **contributions(session),
        "has_more": session.message_count > len(messages),
        "loaded_count": len(messages),
        "message_count": session.message_count,
        "last_seq": session.last_seq,
    }


def part(session: ChatSession, limit: int, offset: int, before: int | None, after: int | None) -> dict[str, Any]:
    """Ascending; the `limit` messages from `offset` on, or those nearest below `before` or above `after`.

    With both, those between them that are nearest below `before`.
    """
    messages = session.messages.all()
    if before is not None:
        between = messages.filter(position__lt=before, position__gt=after or 0)
        found = list(between.order_by("-position")[: limit + 1])
    else:
        # Positions are 1, 2, 3 ... without gaps, so that as many lie up to the offset as it says.
        above = after if after is not None else offset
        found = list(messages.filter(position__gt=above).order_by("position")[: limit + 1])
    has_more = len(found) > limit
    del found[limit:]
    if before is not None:
        found.reverse()
    return {
        "messages": represent(session, found),
        "has_more": has_more,
        "total_count": session.message_count,
        "pagination": {
            "offset": offset,
            "limit": limit,
            "count": len(found),
            "total": session.message_count,
            "total_count": session.message_count,
            "has_more": has_more,
        },
    }


def represent(session: ChatSession, messages: list[Message]) -> list[dict[str, Any]]:
    so_far = pending_text(messages)
    return [message_representation(m, session.session_id, so_far.get(m.pk, "")) for m in messages]
