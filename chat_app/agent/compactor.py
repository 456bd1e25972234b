"""Makes room in a model's window while a run goes on: between two of its model calls nothing else happens in it."""

import logging
from uuid import uuid4

from chat_app.database import in_database
from chat_app.runs.contract import SummaryRequest
from chat_app.window.held import Held, held
from chat_app.window.plan import Limits, Plan, plan
from chat_app.window.tokens import TOKENS_PER_ITEM, count
from chatjuicer.api.exceptions import ApiError
from sessions_app.models.model_context import SUMMARY_TOOL

from .summarize import excerpt, summarize
from .transcript import Transcript

logger = logging.getLogger(__name__)

TELL = "The conversation is being summarized, so that it fits into the model's window."
SHORTENED = "Large results of earlier tool calls were shortened for the model."
# The model cannot make a summary of this: whatever it is, the conversation goes on without.
GIVE_UP = {"provider_rejected", "provider_protocol", "context_too_long"}


async def compact(transcript: Transcript, limits: Limits) -> bool:
    """Whether there is more room than before. A summary that fails leaves the context as it is; raises NoSummary."""
    await transcript.writer.flush()
    before = await in_database(held, transcript.request.session_pk)
    chosen = plan(before, limits)
    if chosen is None:
        return False
    await transcript.writer.status("compacting", TELL)
    summary = before.summary
    if chosen.material:
        summary = await _summary(transcript, before, chosen, limits)
    tokens_before = limits.fixed + limits.of(before.tokens)
    tokens_after = await in_database(_after, before, chosen, summary, limits)
    logger.info("the context is compacted: %d tokens, then %d", tokens_before, tokens_after)
    await transcript.writer.compaction(chosen.draft(before, summary, tokens_before, tokens_after))
    call_id, told = f"call_{uuid4().hex}", summary if chosen.material else SHORTENED
    await transcript.writer.tool_call(id=call_id, name=SUMMARY_TOOL, arguments="{}", status="detected")
    await transcript.writer.tool_call(
        id=call_id, name=SUMMARY_TOOL, arguments="{}", status="completed", result=told, success=True
    )
    await transcript.context.forget()
    return tokens_after < tokens_before


async def _summary(transcript: Transcript, before: Held, chosen: Plan, limits: Limits) -> str:
    asked = SummaryRequest(transcript.model, chosen.material, before.summary, limits.for_summary)
    try:
        summary = await summarize(asked)
    except ApiError as error:
        if error.code not in GIVE_UP:
            for call in asked.calls:
                await transcript.writer.model_call(call)
            raise
        logger.warning("The model gave no summary (%s): the beginnings of what was said stand for it", error.code)
        summary = excerpt(before.summary, chosen.material, limits.for_summary)
    except BaseException:
        for call in asked.calls:
            transcript.writer.cut_call(call)
        raise
    for call in asked.calls:
        await transcript.writer.model_call(call)
    return summary


def _after(before: Held, chosen: Plan, summary: str, limits: Limits) -> int:
    """About how many tokens the model will be given."""
    return limits.fixed + limits.of(chosen.left(before) + TOKENS_PER_ITEM + count(summary))
