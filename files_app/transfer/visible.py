"""The path of a conversation that people see, which documents show alone."""

from __future__ import annotations

from collections.abc import Iterator

from sessions_app.models import ChatSession, Message

from .lines import messages_of


def messages_shown(session: ChatSession) -> Iterator[Message]:
    """In order, without what is still being written."""
    return (message for message in messages_of(session) if message.visible)
