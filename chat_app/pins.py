"""Messages that the model is always given word for word, however old they are: no summary takes their place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.exceptions import NotFound

from sessions_app.catalogue import context_window
from sessions_app.models import ChatSession, Message
from sessions_app.models.message import MAX_PINNED, SPOKEN
from sessions_app.models.model_context import linked_rows

from .exceptions import NotSpoken, TooMuchPinned
from .log.record import lock_session, record
from .protocol import MessagePinned
from .window.fit import most_at_once
from .window.held import held
from .window.plan import PINNED, Limits
from .window.tokens import TOKENS_PER_ITEM, count, count_item


def pin(session: ChatSession, message_id: UUID, pinned: bool) -> Message:
    """The message as it is then. Asked twice, nothing changes and no client is told again. Raises NotFound, NotSpoken,
    TooMuchPinned and SessionGone."""
    if session.packed:
        session.unpack()
    with transaction.atomic():
        session = lock_session(session.pk)
        message = session.messages.filter(pk=message_id).first()
        if message is None:
            raise NotFound()
        message.session = session
        if message.pinned == pinned:
            return message
        if pinned:
            _require_pinnable(session, message)
            if session.context_items.filter(message_id=None).exists():
                linked_rows(session)
        session.pin(message, pinned)
        record(session, [MessagePinned(message.pk, pinned)])
    return message


def pinned_messages(session: ChatSession) -> list[Message]:
    """Of the visible path, in order."""
    if session.packed:
        session.unpack()
    return list(session.messages.filter(pinned=True, visible=True).order_by("position")[:MAX_PINNED])


def _require_pinnable(session: ChatSession, message: Message) -> None:
    if message.role not in SPOKEN:
        raise NotSpoken()
    before = pinned_messages(session)
    if len(before) >= MAX_PINNED:
        raise TooMuchPinned(f"No more than {MAX_PINNED} messages of a conversation can be pinned.")
    most = int(_room(session) * PINNED)
    if (tokens := _tokens(session, [*before, message])) > most:
        with_it = "with this one they would have" if before else "this one has"
        raise TooMuchPinned(f"Pinned messages can have {most} tokens with this model; {with_it} about {tokens}.")


def _room(session: ChatSession) -> int:
    """Tokens that the context may have. What was sent beside it the last time, such as tools, takes from it."""
    window = context_window(session.model)
    beside = max(session.context_tokens - held(session.pk).tokens, 0)
    return min(Limits(window.max_tokens, window.trigger_tokens, beside).room, most_at_once(session.model))


def _tokens(session: ChatSession, messages: Iterable[Message]) -> int:
    """How many tokens of these messages the model is given; of one that it was not given yet, those of its text."""
    said = {message.pk: count(message.content) + TOKENS_PER_ITEM for message in messages}
    found: dict[Any, int] = {}
    for row in session.context_items.filter(message_id__in=list(said), visible=True):
        if not row.is_said:
            continue
        found[row.message_id] = found.get(row.message_id, 0) + (row.tokens or count_item(row.value))
    return sum((said | found).values())
