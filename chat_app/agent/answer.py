"""One run: the model is asked, and where it calls tools the Agents SDK makes the calls and asks it again. Every piece
of the answer goes to the writer as it comes."""

import asyncio
import logging
from collections.abc import Sequence

from agents import MaxTurnsExceeded, ModelResponse
from agents.exceptions import ModelBehaviorError
from agents.items import ToolApprovalItem
from agents.usage import Usage as SDKUsage
from django.conf import settings
from openai.types.responses import ResponseFunctionToolCall

from chat_app.database import in_database
from chat_app.exceptions import BudgetSpent, LeaseLost
from chat_app.runs.contract import INTERNAL, Outcome, RunError, RunRequest, Writer
from chatjuicer.accounts.models import GroupAllowance
from sessions_app.allowed import ModelNotAllowed, is_allowed

from .approvals import paused, resume
from .asker import Asker
from .fallbacks import Fallbacks
from .hand_off import appoint, tools_of
from .providers.failures import LengthReached, ProviderError
from .providers.upkeep import upkeep
from .tool_loop import run_tools
from .transcript import Transcript

logger = logging.getLogger(__name__)

TOO_SLOW = RunError("run_timeout", "The answer took longer than this server allows, and was ended.", True)
CONFUSED = RunError("provider_protocol", "The model answered in a way that could not be used. Try again.", True)


async def answer(request: RunRequest, writer: Writer) -> Outcome:
    """Work on the run until it is answered or cannot be. Raises LeaseLost, and CancelledError when the task is
    cancelled: the provider's connection is closed then and nothing more is written."""
    transcript = Transcript(request, writer)
    deadline = asyncio.timeout(settings.RUN_TIMEOUT_S or None)
    try:
        async with deadline:
            waiting = await _run(transcript)
        if waiting:
            return paused(waiting, transcript)
    except TimeoutError as error:
        if not deadline.expired():
            return _failure(error, transcript)
        logger.warning("The run took longer than RUN_TIMEOUT_S")
        return Outcome("error", transcript.usage, TOO_SLOW)
    except MaxTurnsExceeded:
        return Outcome("max_turns", transcript.usage)
    except Exception as error:
        return _failure(error, transcript)
    return Outcome("stop", transcript.usage)


async def _run(transcript: Transcript) -> Sequence[ToolApprovalItem]:
    """The calls that wait for a person's decision, if any. Raises MaxTurnsExceeded, ModelNotAllowed."""
    request = transcript.request
    await upkeep.wait_for_rows()
    await look_up_allowance(transcript)
    await appoint(transcript)
    tools = await tools_of(transcript)
    fallbacks = Fallbacks(request.model, transcript)
    asker = Asker(transcript, await fallbacks.next(), tools, fallbacks)
    approved = await resume(request, transcript, tools) if request.state else []
    turns = settings.AGENT_MAX_TURNS - transcript.turns
    if approved:  # what they are the answer of was a turn before the decision
        calls = ModelResponse(output=approved, usage=SDKUsage(), response_id=None)
        return await run_tools(calls, asker, turns + 1, approved=True)
    if turns <= 0:
        raise MaxTurnsExceeded("The turns were used up before the decision.")
    # Most answers make no calls, and the SDK's Runner costs more than all else of an answer.
    response = await asker.ask()
    if any(isinstance(item, ResponseFunctionToolCall) for item in response.output):
        return await run_tools(response, asker, turns)
    return []


async def look_up_allowance(transcript: Transcript) -> None:
    """What the person may use as the run begins, or goes on. Raises ModelNotAllowed."""
    request, groups = transcript.request, GroupAllowance.objects
    if groups.lists.may_be:
        transcript.allowance = await in_database(groups.of_user, request.user_id)
    if not is_allowed(request.model, transcript.allowance):
        raise ModelNotAllowed(transcript.allowance)


def _failure(error: Exception, transcript: Transcript) -> Outcome:
    for cause in _causes(error):
        match cause:
            case LeaseLost():
                raise cause
            case LengthReached():
                return Outcome("length", transcript.usage)
            case ModelNotAllowed():
                return Outcome("error", transcript.usage, RunError(cause.code, cause.message))
            case BudgetSpent():
                return Outcome("budget", transcript.usage)
            case ProviderError():
                logger.warning("The provider failed: %s (%s)", cause.error.code, cause)
                return Outcome("error", transcript.usage, cause.error)
            case ModelBehaviorError():
                logger.warning("The model misbehaved: %s", type(cause).__name__)
                return Outcome("error", transcript.usage, CONFUSED)
    logger.error("The run failed", exc_info=error)
    return Outcome("error", transcript.usage, INTERNAL)


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes
