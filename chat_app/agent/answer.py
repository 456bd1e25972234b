"""One run: the Agents SDK calls the model and its tools; every piece of the answer goes to the writer as it comes."""

import asyncio
import logging
from typing import Any, cast

import orjson
from agents import (
    Agent,
    MaxTurnsExceeded,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    RunResult,
    Tool,
)
from agents.exceptions import ModelBehaviorError
from agents.items import TResponseInputItem
from agents.models.interface import Model, ModelProvider
from agents.tool_context import ToolContext
from django.conf import settings
from openai.types.shared import Reasoning

from chat_app.exceptions import LeaseLost
from chat_app.runs.contract import Outcome, RunError, RunRequest, Writer

from .agent import agent_for
from .approvals import ResumedModel, paused, resume
from .mcp import toolbox_for
from .providers.choice import model_for
from .providers.failures import LengthReached, ProviderError
from .transcript import Transcript

logger = logging.getLogger(__name__)

INTERNAL = RunError("internal", "Something went wrong on this server while it was answering. Try again.", True)
TOO_SLOW = RunError("run_timeout", "The answer took longer than this server allows, and was ended.", True)
CONFUSED = RunError("provider_protocol", "The model answered in a way that could not be used. Try again.", True)


async def answer(request: RunRequest, writer: Writer) -> Outcome:
    """Work on the run until it is answered or cannot be. Raises LeaseLost, and CancelledError when the task is
    cancelled: the provider's connection is closed then and nothing more is written."""
    transcript = Transcript(request, writer)
    deadline = asyncio.timeout(settings.RUN_TIMEOUT_S or None)
    try:
        async with deadline:
            result = await _run(transcript)
        if result.interruptions:
            return paused(result, transcript)
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


async def _run(transcript: Transcript) -> RunResult:
    request = transcript.request
    box = await toolbox_for(request)
    transcript.servers = box.servers
    agent = agent_for(request, box.tools)
    approved = await resume(request, transcript, agent) if request.state else []
    model = model_for(request.model, transcript)
    # Not run_streamed: the models pass the pieces of the answer to the writer themselves, and without the SDK's
    # background task nothing of a run is left when its task was cancelled.
    return await Runner.run(
        agent,
        cast(list[TResponseInputItem], []),  # the user's words are in the context already
        context=transcript,
        max_turns=settings.AGENT_MAX_TURNS - transcript.turns + bool(approved),
        hooks=HOOKS,
        session=transcript.context,
        run_config=RunConfig(
            model=ResumedModel(approved, model, agent) if approved else model,
            model_provider=NO_PROVIDER,
            model_settings=_model_settings(request),
            tracing_disabled=True,
            trace_include_sensitive_data=False,
            tool_not_found_behavior="return_error_to_model",
        ),
    )


class NoProvider(ModelProvider):
    """Each run is given its model object; none is looked up by name."""

    def get_model(self, model_name: str | None) -> Model:
        raise LookupError(model_name)


NO_PROVIDER = NoProvider()


class ToolHooks(RunHooks[Transcript]):
    async def on_tool_start(self, context: RunContextWrapper[Transcript], agent: Agent[Transcript], tool: Tool) -> None:
        if isinstance(context, ToolContext):
            await context.context.tool_started(context.tool_call_id, context.tool_name, context.tool_arguments)

    async def on_tool_end(
        self, context: RunContextWrapper[Transcript], agent: Agent[Transcript], tool: Tool, result: object
    ) -> None:
        if isinstance(context, ToolContext):
            text = str(result)
            success = context.tool_call_id not in context.context.failed_calls and not _says_failure(text)
            await context.context.tool_ended(context.tool_call_id, text, success=success)


def _says_failure(result: str) -> bool:
    """Whether the result is JSON with `"success": false`, which our own tools answer when they fail."""
    if not result.startswith("{"):
        return False
    try:
        return orjson.loads(result).get("success") is False
    except ValueError:
        return False


HOOKS = ToolHooks()


def _model_settings(request: RunRequest) -> ModelSettings:
    effort = cast(Any, request.reasoning_effort or None)
    return ModelSettings(reasoning=Reasoning(effort=effort) if effort else None)


def _failure(error: Exception, transcript: Transcript) -> Outcome:
    for cause in _causes(error):
        match cause:
            case LeaseLost():
                raise cause
            case LengthReached():
                return Outcome("length", transcript.usage)
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
