"""A summary in the place of what the model was given so far. The history that people read stays as it is."""

from __future__ import annotations

from typing import Any

from chatjuicer.api.exceptions import ApiError
from sessions_app.models import ChatSession

from .database import in_database
from .exceptions import RunActive
from .models import Run
from .runs.contract import Agent, Item

CHARS_PER_TOKEN = 4  # a rule of thumb for English text; it only tells how much was saved
INTRODUCTION = "Summary of the conversation so far:\n\n"


class ContextChanged(ApiError):
    status_code = 409
    code = "context_changed"
    message = "The conversation went on meanwhile; try again."


async def summarize_session(session: ChatSession, agent: Agent) -> dict[str, Any]:
    """The body of the answer. The model is asked with nothing locked; what it says is put in place only if the context
    is still the one that it was asked about. Raises RunActive, ContextChanged and what the agent raises."""
    last_position, items = await in_database(_context, session)
    if not items:
        body = {
            "message": "There is nothing to summarize.",
            "summary": "",
            "tokens_before": 0,
            "tokens_after": 0,
        }
        return {"success": True, **body}
    summary = (await agent.summarize(items, session.model)).text
    item = {"role": "system", "content": INTRODUCTION + summary}
    tokens_before = session.context_tokens or sum(len(str(i)) for i in items) // CHARS_PER_TOKEN
    tokens_after = len(item["content"]) // CHARS_PER_TOKEN
    if not await in_database(session.compact, last_position, item, tokens_after):
        raise ContextChanged()
    return {
        "success": True,
        "message": "The conversation was summarized.",
        "summary": summary,
        "tokens_before": tokens_before,
        "tokens_after": tokens_after,
    }


def _context(session: ChatSession) -> tuple[int, list[Item]]:
    if Run.objects.filter(session=session).live().exists():
        raise RunActive()
    session.unpack()
    rows = list(session.context_items.order_by("position"))
    return (rows[-1].position if rows else 0), [row.value for row in rows]
