"""The part of a run that has tool calls: the Agents SDK makes the calls, and asks the model again until it makes none.

The SDK is given no history: the models read the context themselves.
"""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from agents import (
    Agent,
    FunctionTool,
    MaxTurnsExceeded,
    Model,
    ModelProvider,
    ModelResponse,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    Tool,
)
from agents.items import RunItem, ToolApprovalItem, TResponseInputItem, TResponseStreamEvent
from agents.tool_context import ToolContext

from .agent import agent_for, with_approval
from .asker import Asker
from .hand_off import take_over
from .transcript import Transcript


async def run_tools(
    response: ModelResponse, asker: Asker, max_turns: int, *, approved: bool = False
) -> list[ToolApprovalItem]:
    """Go on from a response that has tool calls; it is the first of `max_turns`. Where a person has approved its calls,
    they are made without asking. Returns the calls that wait for a decision. Raises MaxTurnsExceeded."""
    transcript = asker.transcript
    agent = agent_for(transcript.request, asker.tools)
    try:
        # Not run_streamed: the models pass the pieces of the answer to the writer themselves, and without the SDK's
        # background task nothing of a run is left when its task was cancelled.
        result = await Runner.run(
            agent,
            [],
            context=transcript,
            max_turns=max_turns,
            hooks=ToolHooks(asker),
            run_config=RunConfig(
                model=PrimedModel(response, asker, agent if approved else None),
                model_provider=NO_PROVIDER,
                tracing_disabled=True,
                trace_include_sensitive_data=False,
                tool_not_found_behavior="return_error_to_model",
            ),
        )
    except MaxTurnsExceeded as error:
        if error.run_data is not None:
            await _write_outputs(error.run_data.new_items, transcript)
        raise
    await _write_outputs(result.new_items, transcript)
    return result.interruptions


async def _write_outputs(items: list[RunItem], transcript: Transcript) -> None:
    await transcript.sdk_outputs([item.raw_item for item in items])


class PrimedModel(Model):
    """Gives the SDK a response that was obtained before, then asks the run's model. Where the calls of that response
    were approved, no tool of `approved_for` asks again for them."""

    def __init__(self, response: ModelResponse, asker: Asker, approved_for: Agent[Transcript] | None = None) -> None:
        self._response: ModelResponse | None = response
        self._asker = asker
        tools = approved_for.tools if approved_for else []
        self._asking = [
            (tool, tool.needs_approval) for tool in tools if isinstance(tool, FunctionTool) and tool.needs_approval
        ]

    async def get_response(
        self, system_instructions: str | None, input: str | list[TResponseInputItem], *args: Any, **kwargs: Any
    ) -> ModelResponse:
        response, self._response = self._response, None
        for tool, asks in self._asking:
            tool.needs_approval = asks if response is None else False
        if response is not None:
            return response
        await self._asker.transcript.sdk_outputs(input)
        return await self._asker.ask()

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError("Answers are streamed to the run's writer, not to the SDK.")


class NoProvider(ModelProvider):
    """Each run is given its model object; none is looked up by name."""

    def get_model(self, model_name: str | None) -> Model:
        raise LookupError(model_name)


NO_PROVIDER = NoProvider()


class ToolHooks(RunHooks[Transcript]):
    def __init__(self, asker: Asker) -> None:
        self._asker = asker

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
            if (tools := await take_over(context.context)) is not None:
                self._asker.use(tools)
                agent.tools = [with_approval(tool, context.context.request) for tool in tools]


def _says_failure(result: str) -> bool:
    """Whether the result is JSON with `"success": false`, which our own tools answer when they fail."""
    if not result.startswith("{"):
        return False
    try:
        return orjson.loads(result).get("success") is False
    except ValueError:
        return False
