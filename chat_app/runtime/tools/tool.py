import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agents import FunctionTool, RunContextWrapper, function_tool
from agents.exceptions import ModelBehaviorError
from agents.tool_context import ToolContext

from chat_app.runtime.transcript import Transcript

logger = logging.getLogger(__name__)

TOOL_TIMEOUT_S = 120.0

# What a tool's first parameter is: `.context.brief` says whose run it is.
Context = RunContextWrapper[Transcript]


class ToolFailure(Exception):
    """A tool could not do what it was asked; its words are written for the model and the person to read."""


def tool(function: Callable[..., Awaitable[str]]) -> FunctionTool:
    """A coroutine as a tool of the agent. Its docstring and annotations tell the model how to call it; what it raises
    becomes a result that says so, and the run goes on."""
    return function_tool(function, failure_error_function=_failed, timeout=TOOL_TIMEOUT_S)


def _failed(context: RunContextWrapper[Any], error: Exception) -> str:
    name = context.tool_name if isinstance(context, ToolContext) else "tool"
    if isinstance(context, ToolContext):
        context.context.failed_calls.add(context.tool_call_id)
    if isinstance(error, ToolFailure):
        return str(error)
    if isinstance(error, ModelBehaviorError):
        return f"The arguments of {name} are not valid. Look at its parameters and call it again."
    logger.error("Tool %s failed", name, exc_info=error)
    return f"{name} failed because of an unexpected error."
