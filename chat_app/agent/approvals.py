"""A run that pauses for a person's decision on a tool call, and is resumed later, perhaps by another process.

Nothing of the Agents SDK is stored meanwhile: the rows of llm_context have the calls. A resumed run is a run of its own
to the SDK, whose first turn makes the approved calls again without asking the provider.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from agents import Tool
from agents.items import ToolApprovalItem, TResponseOutputItem

from chat_app.runs.contract import Outcome, RunRequest
from chat_app.tool_calls import AskedCall, DecidedCall

from .transcript import Transcript, sdk_call

NOT_CARRIED_OUT = "The call was not carried out: the tool is not available any more."


def paused(waiting: Sequence[ToolApprovalItem], transcript: Transcript) -> Outcome:
    state = {"usage": transcript.usage, "turns": transcript.turns, "agent": transcript.acting.name}
    return Outcome(
        "awaiting_approval", transcript.usage, asked=list(map(_asked, waiting)), state=orjson.dumps(state).decode()
    )


def _asked(item: ToolApprovalItem) -> AskedCall:
    raw: Any = item.raw_item
    call_id = raw.get("call_id") if isinstance(raw, dict) else raw.call_id
    return AskedCall(str(call_id), item.name or "", item.arguments or "{}")


async def resume(request: RunRequest, transcript: Transcript, tools: Sequence[Tool]) -> list[TResponseOutputItem]:
    """The calls that were approved. Those that were not, or whose tool is gone, get an output that says so."""
    stored = orjson.loads(request.state)
    await transcript.resume(stored.get("usage"), stored.get("turns", 0))
    decisions = {decision.call_id: decision for decision in request.decisions}
    names = {tool.name for tool in tools}
    approved: list[TResponseOutputItem] = []
    for call_id, (name, arguments) in transcript.open_calls.items():
        decision = decisions.get(call_id)
        if decision is None:
            continue  # a call of another run that was cut short
        if decision.approved and name in names:
            approved.append(sdk_call(call_id, name, arguments))
        else:
            result = NOT_CARRIED_OUT if decision.approved else refusal(decision)
            await transcript.tool_ended(call_id, result, success=False)
    return approved


def refusal(decision: DecidedCall) -> str:
    reason = f" They said: {decision.reason}" if decision.reason else ""
    return f"The person refused this call; it was not carried out.{reason}"
