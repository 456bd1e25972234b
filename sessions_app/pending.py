"""The text so far of answers still being written: it stands in the event log, which this app cannot see."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from sessions_app.models import Message

PendingText: TypeAlias = Callable[[Sequence["Message"]], dict[UUID, str]]

_source: PendingText | None = None


def register(source: PendingText) -> None:
    """`source` is asked inside a snapshot, with pending messages only, and answers {message id: text}."""
    global _source
    _source = source


def pending_text(messages: Sequence["Message"]) -> dict[UUID, str]:
    """The text so far of those of `messages` that are pending; no statement when none is."""
    pending = [message for message in messages if message.status == "pending"]
    return _source(pending) if pending and _source else {}
