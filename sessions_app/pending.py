"""Answers that are still being given: which messages belong to one, and their text so far. Only the app that runs the
agent knows, which this one cannot see."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from django.db.models import Q

if TYPE_CHECKING:
    from sessions_app.models import ChatSession, Message

PendingText: TypeAlias = Callable[[Sequence["Message"]], dict[UUID, str]]
AnswerInProgress: TypeAlias = Callable[["ChatSession"], Q]

_text_of: PendingText | None = None
_answer_of: AnswerInProgress | None = None


def register(text_of: PendingText, answer_of: AnswerInProgress) -> None:
    """Both are asked inside a snapshot.

    `text_of` is given pending messages only, and answers {message id: text}; `answer_of` tells the messages of the
    answer in progress, finished ones among them: an empty Q where there is none.
    """
    global _text_of, _answer_of
    _text_of, _answer_of = text_of, answer_of


def still_written(session: "ChatSession") -> Q:
    """What no list of finished messages holds."""
    return Q(status="pending") | (_answer_of(session) if _answer_of else Q())


def pending_text(messages: Sequence["Message"]) -> dict[UUID, str]:
    """The text so far of those of `messages` that are pending; no statement when none is."""
    pending = [message for message in messages if message.status == "pending"]
    return _text_of(pending) if pending and _text_of else {}
