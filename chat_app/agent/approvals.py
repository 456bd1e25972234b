"""A run that pauses for a person's decision on a tool call, and is resumed later, perhaps by another process."""

import logging
from typing import Any

import orjson
from agents import Agent, RunContextWrapper, RunResult, RunState
from agents.items import ToolApprovalItem

from chat_app.runs.contract import Outcome, RunRequest
from chat_app.tool_calls import AskedCall, DecidedCall

from .transcript import Transcript

logger = logging.getLogger(__name__)

NOT_CARRIED_OUT = "The call was not carried out: the tool is not available any more, or has changed meanwhile."


def paused(result: RunResult, transcript: Transcript) -> Outcome:
    # Our own context object is left out of the SDK's state: the rows hold all that it knows.
    state = result.to_state().to_json(context_serializer=lambda _: {})
    text = orjson.dumps({"usage": transcript.usage, "sdk": state}).decode()
    return Outcome("awaiting_approval", transcript.usage, asked=list(map(_asked, result.interruptions)), state=text)


def _asked(item: ToolApprovalItem) -> AskedCall:
    return AskedCall(_call_id(item), item.name or "", item.arguments or "{}")


def _call_id(item: ToolApprovalItem) -> str:
    raw: Any = item.raw_item
    return str(raw.get("call_id") if isinstance(raw, dict) else raw.call_id)


async def resumed(request: RunRequest, transcript: Transcript, agent: Agent[Transcript]) -> RunState[Transcript] | None:
    """The SDK's state with the person's decisions. None if it cannot be restored because a tool or the SDK changed
    meanwhile: then no call is executed, each that waited gets an output that says so, and the run goes on from the
    history.
    """
    stored = orjson.loads(request.state)
    await transcript.resume(stored.get("usage"))
    decisions = {decision.call_id: decision for decision in request.decisions}
    try:
        wrapper = RunContextWrapper(transcript)
        state: RunState[Transcript] = await RunState.from_json(agent, stored["sdk"], context_override=wrapper)
        for item in state.get_interruptions():
            decision = decisions.get(_call_id(item))
            if decision is not None and decision.approved:
                state.approve(item)
            else:
                state.reject(item, rejection_message=refusal(decision))
    except Exception as error:
        logger.warning("The state of a run that waited cannot be used any more: %s", type(error).__name__)
        for call_id in transcript.open_calls:
            decision = decisions.get(call_id)
            result = NOT_CARRIED_OUT if decision is None or decision.approved else refusal(decision)
            await transcript.tool_ended(call_id, result, success=False)
        return None
    return state


def refusal(decision: DecidedCall | None) -> str:
    reason = f" They said: {decision.reason}" if decision and decision.reason else ""
    return f"The person refused this call; it was not carried out.{reason}"
