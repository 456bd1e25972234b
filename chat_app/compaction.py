"""A summary in the place of what the model was given so far. The history that people read stays as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Protocol
from uuid import uuid4

from django.db import transaction

from chatjuicer.api.exceptions import ApiError
from sessions_app.models import ChatSession, MessageDraft
from sessions_app.signals import message_added

from .database import in_database
from .exceptions import RunActive
from .models import Run
from .runs.contract import Item

CHARS_PER_TOKEN = 4  # a rule of thumb for English text; it only tells how much was saved
MIN_EXCHANGES = 2  # fewer are as short as their summary
TOOL_NAME = "summarize_conversation"  # by which a summary stands in the history
INTRODUCTION = "Summary of the conversation so far:\n\n"


class Summary(Protocol):
    @property
    def text(self) -> str: ...


Summarizer = Callable[[list[Item], str], Awaitable[Summary]]


class ContextChanged(ApiError):
    status_code = 409
    code = "context_changed"
    message = "The conversation went on meanwhile; try again."


async def summarize_session(session: ChatSession, summarize: Summarizer) -> dict[str, Any]:
    """The body of the answer. The model is asked with nothing locked; what it says is put in place only if the context
    is still the one that it was asked about. Raises RunActive, ContextChanged and what `summarize` raises."""
    last_position, items = await in_database(_context, session)
    tokens_before = session.context_tokens or sum(len(str(i)) for i in items) // CHARS_PER_TOKEN
    if exchanges(items) < MIN_EXCHANGES:
        return {
            "success": False,
            "message": "There is too little to summarize.",
            "summary": "",
            "tokens_before": tokens_before,
            "tokens_after": tokens_before,
            "tool_call_id": None,
        }
    summary = (await summarize(items, session.model)).text
    item = {"role": "system", "content": INTRODUCTION + summary}
    tokens_after = len(item["content"]) // CHARS_PER_TOKEN
    row = MessageDraft(
        role="tool_call",
        tool_call_id=f"call_{uuid4().hex}",
        tool_name=TOOL_NAME,
        tool_arguments="{}",
        tool_result=summary,
        tool_success=True,
        model=session.model,
    )
    await in_database(_put_in_place, session, last_position, item, tokens_after, row)
    return {
        "success": True,
        "message": "The conversation was summarized.",
        "summary": summary,
        "tokens_before": tokens_before,
        "tokens_after": tokens_after,
        "tool_call_id": row.tool_call_id,
    }


def exchanges(items: list[Item]) -> int:
    """How many times somebody said something and was answered."""
    roles = [item.get("role") for item in items if item.get("role") in ("user", "assistant")]
    return sum(pair == ("user", "assistant") for pair in pairwise(roles))


def _context(session: ChatSession) -> tuple[int, list[Item]]:
    if Run.objects.filter(session=session).live().exists():
        raise RunActive()
    session.unpack()
    rows = list(session.context_items.order_by("position"))
    return (rows[-1].position if rows else 0), [row.value for row in rows]


def _put_in_place(session: ChatSession, last_position: int, item: Item, context_tokens: int, row: MessageDraft) -> None:
    """The summary for the model, and the row that tells people of it. Raises ContextChanged."""
    with transaction.atomic():
        if not session.compact(last_position, item, context_tokens):
            raise ContextChanged()
        (message,) = session.add_messages([row])
        message_added.send(ChatSession, session=session, message=message)
