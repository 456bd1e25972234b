"""What a person reads of a session, as REST gives it: the newest messages, or any part of all, and the answer that is
being given."""

from typing import Any

from django.db.models import QuerySet

from sessions_app.detail import contributions
from sessions_app.models import ChatSession, Message
from sessions_app.pending import pending_text, still_written
from sessions_app.representations import message_representation, session_representation

NEWEST = 50


def detail(session: ChatSession) -> dict[str, Any]:
    """The session with its newest messages. Consistent when `session` was read in the same snapshot.

    What belongs to an answer that is still being given stands in `live` alone: a client that follows the answer from
    its beginning would else show it twice.
    """
    unfinished = answer_in_progress(session)
    found, has_more = newest(session, NEWEST, unfinished=unfinished)
    messages = [message_representation(message, session.public_id) for message in found]
    live = [message_representation(message, session.public_id) for message in told(unfinished)]
    message_count = session.message_count - len(live)
    return {
        "session": session_representation(session) | {"message_count": message_count},
        "full_history": messages,
        "messages": messages,
        "live": live,
        **contributions(session),
        "has_more": has_more,
        "loaded_count": len(messages),
        "message_count": message_count,
        "last_seq": session.last_seq,
    }


def part(session: ChatSession, limit: int, offset: int, before: int | None, after: int | None) -> dict[str, Any]:
    """Ascending; the `limit` finished messages from `offset` on, or those nearest below `before` or above `after`.

    With both, those between them that are nearest below `before`.
    """
    unfinished = answer_in_progress(session)
    if before is not None:
        found, has_more = newest(session, limit, before, after or 0, unfinished)
    elif after is not None:
        found, has_more = above(session, after, limit, unfinished)
    else:
        found, has_more = page(session, offset, limit, unfinished)
    total_count = session.message_count - len(unfinished)
    return {
        "messages": [message_representation(message, session.public_id) for message in found],
        "has_more": has_more,
        "total_count": total_count,
        "pagination": {
            "offset": offset,
            "limit": limit,
            "count": len(found),
            "total": total_count,
            "total_count": total_count,
            "has_more": has_more,
        },
    }


def page(
    session: ChatSession, offset: int, limit: int, unfinished: list[Message] | None = None
) -> tuple[list[Message], bool]:
    """The first finished messages after `offset` others, ascending, and whether there are more."""
    if unfinished is None:
        unfinished = answer_in_progress(session)
    position = offset
    # Positions are 1, 2, 3 ... without gaps, so that as many messages lie up to the offset as it says, but for those
    # that are not counted.
    for message in unfinished:
        if message.position <= position + 1:
            position += 1
    return above(session, position, limit, unfinished)


def newest(
    session: ChatSession,
    limit: int,
    before: int | None = None,
    after: int = 0,
    unfinished: list[Message] | None = None,
) -> tuple[list[Message], bool]:
    """The last finished messages between the two positions, ascending, and whether there are older ones."""
    if session.packed:
        within = [m for m in session.packed_history.rows(Message) if after < m.position < (before or m.position + 1)]
        return within[-limit:], len(within) > limit
    rows = finished(session, unfinished).filter(position__gt=after)
    if before is not None:
        rows = rows.filter(position__lt=before)
    found = list(rows.order_by("-position")[: limit + 1])
    return found[:limit][::-1], len(found) > limit


def above(
    session: ChatSession, position: int, limit: int, unfinished: list[Message] | None = None
) -> tuple[list[Message], bool]:
    """The first finished messages above the position, ascending, and whether there are more."""
    if session.packed:
        later = [m for m in session.packed_history.rows(Message) if m.position > position]
        return later[:limit], len(later) > limit
    rows = finished(session, unfinished).filter(position__gt=position)
    found = list(rows.order_by("position")[: limit + 1])
    return found[:limit], len(found) > limit


def finished(session: ChatSession, unfinished: list[Message] | None) -> QuerySet[Message]:
    """`unfinished` is answer_in_progress(session), from whoever has it."""
    if unfinished is None:
        unfinished = answer_in_progress(session)
    rows = session.messages.all()
    return rows.exclude(pk__in=[message.pk for message in unfinished]) if unfinished else rows


def answer_in_progress(session: ChatSession) -> list[Message]:
    """The messages of the answer that is being given, in order; some may be complete themselves."""
    if session.packed:
        return []
    return list(session.messages.filter(still_written(session)).order_by("position"))


def told(messages: list[Message]) -> list[Message]:
    """With the text so far of those that are still being written."""
    so_far = pending_text(messages)
    for message in messages:
        message.content = message.content or so_far.get(message.pk, "")
    return messages
