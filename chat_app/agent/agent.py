"""The SDK's agent for one run: its instructions and its tools."""

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
from agents import Agent, AgentBase, FunctionTool, RunContextWrapper, Tool, set_tracing_disabled
from django.conf import settings

from chat_app.database import in_database
from chat_app.runs.contract import RunRequest
from chatjuicer.accounts.models import User
from files_app import names

from .tools import TOOLS
from .tools.workspace import source_names
from .transcript import Transcript

logger = logging.getLogger(__name__)

set_tracing_disabled(True)  # the SDK would send its traces to OpenAI

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text(encoding="utf-8").strip()

MAX_NAMES = 50
LISTING_TIMEOUT_S = 2.0


def agent_for(request: RunRequest, more_tools: Sequence[Tool] = ()) -> Agent[Transcript]:
    tools = [with_approval(tool, request) for tool in (*TOOLS, *more_tools)]
    return Agent(name=request.agent_name or "chat", instructions=instructions, tools=tools)


def with_approval(tool: Tool, request: RunRequest) -> Tool:
    """The tool with `needs_approval` as the settings and the session's earlier decisions have it."""
    if not isinstance(tool, FunctionTool):
        return tool
    asks = tool.needs_approval is True or tool.name in settings.TOOLS_REQUIRE_APPROVAL
    asks = asks and tool.name not in request.always_allowed
    tool = copy.copy(tool)
    tool.needs_approval = asks
    return tool


async def instructions(context: RunContextWrapper[Transcript], agent: AgentBase[Transcript]) -> str:
    """What changes stands last: providers cache a prompt up to its first difference."""
    changing = [await part(context.context) for part in INSTRUCTION_PARTS]
    today = f"Today is {datetime.now(UTC):%A, %d %B %Y} (UTC)."
    return "\n\n".join(filter(None, [INSTRUCTIONS, *changing, today]))


async def personal_instructions(transcript: Transcript) -> str:
    """What the person wants in all their sessions."""
    users = User.objects.filter(pk=transcript.request.user_id).values_list("instructions", flat=True)
    text = (await in_database(users.first) or "").strip()
    return f"# What the person asks for in all their conversations\n\n{text}" if text else ""


async def file_names(transcript: Transcript) -> str:
    try:
        async with asyncio.timeout(LISTING_TIMEOUT_S):
            found = await source_names(transcript.request.session_pk, MAX_NAMES + 1)
    except Exception as error:  # the run can do without the list
        logger.warning("The files for the instructions could not be listed: %s", type(error).__name__)
        return ""
    if not found:
        return ""
    listed = "\n".join(f"- {orjson.dumps(f'{names.SOURCES}/{name}').decode()}" for name in found[:MAX_NAMES])
    more = "\n- and more: list_directory shows them" if len(found) > MAX_NAMES else ""
    return f"# Files that the person has given\n\n{listed}{more}"


async def server_names(transcript: Transcript) -> str:
    if not transcript.servers:
        return ""
    return f"# MCP servers at hand\n\n{', '.join(transcript.servers)}"


# An empty answer is left out.
InstructionPart = Callable[[Transcript], Awaitable[str]]
INSTRUCTION_PARTS: list[InstructionPart] = [personal_instructions, file_names, server_names]
