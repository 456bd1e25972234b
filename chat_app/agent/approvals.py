"""A run that stops for a person's word on a tool call, and goes on with it: later, elsewhere, or after a restart."""

import logging
from typing import Any

import orjson
from agents import Agent, RunContextWrapper, RunResult, RunState
from agents.items import ToolApprovalItem

from chat_app.runs.contract import Answered, Asked, Outcome, RunRequest

from .transcript import Transcript

logger = logging.getLogger(__name__)

NOT_CARRIED_OUT = "The call was not carried out: the tool is not available any more, or has changed meanwhile."


def paused(result: RunResult, transcript: Transcript) -> Outcome:
    # What the run knows of itself is in our rows; of the SDK's state only the SDK's part is kept.
    state = result.to_state().to_json(context_serializer=lambda _: {})
    text = orjson.dumps({"usage": transcript.usage, "sdk": state}).decode()
    return Outcome("awaiting_approval", transcript.usage, asked=list(map(_asked, result.interruptions)), state=text)


def _asked(item: ToolApprovalItem) -> Asked:
    return Asked(_call_id(item), item.name or "", item.arguments or "{}")


def _call_id(item: ToolApprovalItem) -> str:
    raw: Any = item.raw_item
    return str(raw.get("call_id") if isinstance(raw, dict) else raw.call_id)


async def resumed(request: RunRequest, transcript: Transcript, agent: Agent[Transcript]) -> RunState[Transcript] | None:
    """The SDK's state with the person's answers. None if it cannot be had again, because a tool or the SDK changed:
    then nothing is executed, each call that waited has an output that says so, and the run goes on from the history.
    """
    kept = orjson.loads(request.state)
    await transcript.go_on(kept.get("usage"))
    answers = {answer.call_id: answer for answer in request.answers}
    try:
        wrapper = RunContextWrapper(transcript)
        state: RunState[Transcript] = await RunState.from_json(agent, kept["sdk"], context_override=wrapper)
        for item in state.get_interruptions():
            answer = answers.get(_call_id(item))
            if answer is not None and answer.approved:
                state.approve(item)
            else:
                state.reject(item, rejection_message=refusal(answer))
    except Exception as error:
        logger.warning("The state of a run that waited cannot be used any more: %s", type(error).__name__)
        for call_id in transcript.open_calls:
            answer = answers.get(call_id)
            said = NOT_CARRIED_OUT if answer is None or answer.approved else refusal(answer)
            await transcript.tool_ended(call_id, said, success=False)
        return None
    return state


def refusal(answer: Answered | None) -> str:
    reason = f" They said: {answer.reason}" if answer and answer.reason else ""
    return f"The person refused this call; it was not carried out.{reason}"
