"""The path of a conversation that people see: documents show it alone, and of another's tree it is taken in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sessions_app.models import ChatSession, Message

from .lines import messages_of
from .records import MessageLine


def messages_shown(session: ChatSession) -> Iterator[Message]:
    """In order, without what is still being written."""
    return (message for message in messages_of(session) if message.visible)


def lines_taken(lines: Iterable[MessageLine]) -> Iterator[MessageLine]:
    """Of a session's messages in an archive, those that become rows: the path that was shown."""
    return (line for line in lines if line.visible)
