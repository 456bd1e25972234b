import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from agents import FunctionTool, RunContextWrapper, function_tool
from agents.exceptions import ModelBehaviorError, ToolTimeoutError
from agents.tool_context import ToolContext

from chat_app.agent.transcript import Transcript
from chatjuicer.api.exceptions import ApiError

logger = logging.getLogger(__name__)

TOOL_TIMEOUT_S = 120.0

# What a tool's first parameter is: `.context.request` says whose run it is.
Context = RunContextWrapper[Transcript]


class ToolFailure(Exception):
    """A tool could not do what it was asked; its message is for the model and the person to read."""


def tool(function: Callable[..., Awaitable[str]]) -> FunctionTool:
    """A coroutine as a tool of the agent. Its docstring and annotations tell the model how to call it; an
    exception becomes a result that says so, and the run goes on."""
    return function_tool(function, failure_error_function=failed, timeout=TOOL_TIMEOUT_S, timeout_error_function=failed)


def done(**fields: Any) -> str:
    return orjson.dumps({"success": True, **fields}).decode()


def failed(context: RunContextWrapper[Any], error: Exception) -> str:
    name = context.tool_name if isinstance(context, ToolContext) else "tool"
    if isinstance(context, ToolContext):
        context.context.failed_calls.add(context.tool_call_id)
    return orjson.dumps({"success": False, "error": _message(name, error)}).decode()


def _message(name: str, error: Exception) -> str:
    match error:
        case ToolFailure():
            return str(error)
        case ApiError():
            return error.message
        case ModelBehaviorError():
            return f"The arguments of {name} are not valid. Look at its parameters and call it again."
        case ToolTimeoutError():
            return f"{name} took too long and was given up."
    logger.error("Tool %s failed", name, exc_info=error)
    return f"{name} failed because of an unexpected error."
