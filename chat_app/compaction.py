"""What the model is given of a conversation, and a summary in the place of its beginning. The history that people read
stays as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
from django.db import transaction

from chatjuicer.api import budget
from chatjuicer.api.exceptions import ApiError
from chatjuicer.api.times import rfc3339
from sessions_app.allowed import require_allowed
from sessions_app.models import ChatSession, CompactionDraft, MessageDraft
from sessions_app.models.model_context import SUMMARY_TOOL
from sessions_app.providers.served import plays_again
from sessions_app.signals import message_added

from .database import in_database
from .exceptions import RunActive
from .log.record import lock_session
from .models import CallUsage, Run
from .models.budget import has_budgets, require_budget
from .runs.contract import Agent, SummaryRequest
from .window.held import Held, count_given, held, introduced
from .window.plan import Limits, Plan, exchanges, plan_asked
from .window.shorten import given
from .window.tokens import TOKENS_PER_ITEM, count

MAX_COMPACTIONS = 200  # that are shown
MIN_EXCHANGES = 2  # fewer are as short as their summary
TOO_LITTLE = "There is too little to summarize."


class ContextChanged(ApiError):
    status_code = 409
    code = "context_changed"
    message = "The conversation went on meanwhile; try again."


class NothingToUndo(ApiError):
    status_code = 409
    code = "nothing_to_undo"
    message = "The model is given all of the conversation; there is no summary to take back."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked to be summarized; tokens as in `Session`."""

    held: Held
    plan: Plan | None
    limits: Limits
    tokens: int


Keep = Callable[[dict[str, Any]], None]


async def summarize_session(session: ChatSession, agent: Callable[[], Awaitable[Agent]], keep: Keep) -> dict[str, Any]:
    """The body of the answer, which `keep` is given in the transaction that it tells of. The model is asked with
    nothing locked; what it says is put in place only if the context is still the one that it was asked about. Raises
    RunActive, ModelNotAllowed, BudgetSpent, ContextChanged and what the agent raises."""
    asked = await in_database(_asked, session)
    if asked.plan is None or not asked.plan.material:
        body: dict[str, Any] = {
            "success": False,
            "message": TOO_LITTLE,
            "error": TOO_LITTLE,
            "summary": "",
            "tokens_before": asked.tokens,
            "tokens_after": asked.tokens,
            "new_token_count": asked.tokens,
            "tool_call_id": None,
        }
        await in_database(keep, body)
        return body
    request = SummaryRequest(session.model, asked.plan.material, asked.held.summary, asked.limits.for_summary)
    try:
        summary = await (await agent()).summarize(request)
    finally:
        await in_database(CallUsage.objects.note, session.owner_id, session.pk, None, request.calls)
    row = MessageDraft(
        role="tool_call",
        tool_call_id=f"call_{uuid4().hex}",
        tool_name=SUMMARY_TOOL,
        tool_arguments="{}",
        tool_result=summary,
        tool_success=True,
        model=session.model,
    )
    draft = await in_database(_draft, asked, asked.plan, summary)
    body = {
        "success": True,
        "message": "The conversation was summarized.",
        "summary": summary,
        "tokens_before": draft.tokens_before,
        "tokens_after": draft.tokens_after,
        "new_token_count": draft.tokens_after,
        "tool_call_id": row.tool_call_id,
    }
    await in_database(_put_in_place, session, draft, row, partial(keep, body))
    return body


def _asked(session: ChatSession) -> Asked:
    if Run.objects.filter(session=session).live().exists():
        raise RunActive()
    require_allowed(session.owner_id, session.model)
    if has_budgets() and not plays_again(session.model):  # for that nobody is asked
        require_budget(session.owner_id)
    session.unpack()
    now = held(session.pk)
    limits = Limits(session.max_tokens, session.trigger_tokens, max(session.context_tokens - now.tokens, 0))
    few = len(exchanges([row.item for row in now.rows])) < MIN_EXCHANGES
    return Asked(now, None if few else plan_asked(now, limits), limits, session.context_tokens or now.tokens)


def _draft(asked: Asked, plan: Plan, summary: str) -> CompactionDraft:
    after = asked.limits.fixed + plan.left(asked.held) + TOKENS_PER_ITEM + count(introduced(summary))
    return plan.draft(asked.held, summary, asked.tokens, after)


def _put_in_place(session: ChatSession, draft: CompactionDraft, row: MessageDraft, keep: Callable[[], None]) -> None:
    """The summary for the model, and the row that tells people of it. Raises ContextChanged."""
    with transaction.atomic():
        if session.compact(draft) is None:
            raise ContextChanged()
        (message,) = session.add_messages([row])
        message_added.send(ChatSession, session=session, message=message)
        keep()


def context_of(session: ChatSession, offset: int = 0) -> dict[str, Any]:
    """What the model would be given now, as it is stored for all providers, from `offset` items on, as many as fill a
    page; and the newest compactions of the past."""
    if session.packed:
        session.unpack()
    now = held(session.pk)
    items = [
        {
            "position": row.position,
            "item": given(row.item, row.position, row.tokens, now.compaction),
            "tokens": count_given(row, now.compaction),
            "origin": "said",
            "pinned": row.pinned,
        }
        for row in now.rows
    ]
    if now.compaction and now.summary:
        item = {"role": "system", "content": introduced(now.summary)}
        about = {"position": now.compaction.through, "tokens": now.summary_tokens, "origin": "summary", "pinned": False}
        items.insert(0, {**about, "item": item})
    shown, more = budget.fill(items[offset:], len(items) + 1, lambda item: len(orjson.dumps(item["item"])))
    return {
        "items": shown,
        "offset": offset,
        "total_count": len(items),
        "has_more": more,
        "tokens": session.context_tokens or now.tokens,
        "max_tokens": session.max_tokens,
        "trigger_tokens": session.trigger_tokens,
        "compactions": [
            {
                "id": str(compaction.pk),
                "at": rfc3339(compaction.created_at),
                "tokens_before": compaction.tokens_before,
                "tokens_after": compaction.tokens_after,
                "undone": compaction.undone,
            }
            for compaction in session.compactions.order_by("-number")[:MAX_COMPACTIONS][::-1]
        ],
    }


def undo(session: ChatSession) -> None:
    """Takes the latest compaction back. Raises RunActive and NothingToUndo."""
    with transaction.atomic():
        session = lock_session(session.pk)
        if Run.objects.filter(session=session).active().exists():
            raise RunActive()
        if session.undo_compaction() is None:
            raise NothingToUndo()
