"""What a session's row says of its messages and context, worked out again from the rows themselves."""

from typing import Any

from django.db.models import Max

from sessions_app.preview import preview_of

from .message import SPOKEN, Message
from .session import ChatSession


def counted(session: ChatSession) -> dict[str, Any]:
    """The fields of the row that are kept with every change, as they should be: they count what is visible.

    Positions are never given out twice, so that a row may be ahead of what there is.
    """
    last = session.messages.aggregate(last=Max("position"))["last"] or 0
    last_context = session.context_items.aggregate(last=Max("position"))["last"] or 0
    return {
        "message_count": session.messages.filter(visible=True).count(),
        "last_position": max(session.last_position, last),
        "last_context_position": max(session.last_context_position, last_context),
        "last_message_preview": latest_preview(session),
    }


def latest_preview(session: ChatSession) -> str:
    spoken = session.messages.filter(role__in=SPOKEN, visible=True).exclude(content="").order_by("-position")
    return next(filter(None, map(preview_of, spoken.values_list("content", flat=True).iterator(20))), "")


def last_answer(session: ChatSession) -> int:
    """The position of the last visible message that an assistant said; 0 if there is none."""
    answers = session.messages.filter(role=Message.Role.ASSISTANT, visible=True)
    return answers.aggregate(last=Max("position"))["last"] or 0


def recount(session: ChatSession) -> None:
    ChatSession.objects.filter(pk=session.pk).update(**counted(session))
