"""The SDK's agent for one run: its instructions and its tools."""

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import orjson
from agents import Agent, FunctionTool, Tool, set_trace_provider
from agents.tracing.provider import DefaultTraceProvider
from django.conf import settings

from chat_app.database import in_database
from chat_app.runs.contract import RunRequest
from files_app import names
from sessions_app.models import Project

from .acting import MAX_FILES as MAX_NAMES
from .tools.workspace import source_names
from .transcript import Transcript

logger = logging.getLogger(__name__)

# The SDK would send its traces to OpenAI. A provider without a processor has nobody to send them, nor a client to make.
_traces = DefaultTraceProvider()
_traces.set_disabled(True)
set_trace_provider(_traces)

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text(encoding="utf-8").strip()

LISTING_TIMEOUT_S = 2.0


def agent_for(request: RunRequest, tools: Sequence[Tool]) -> Agent[Transcript]:
    """For the SDK's Runner. It has no instructions: the models are given ours by who asks them."""
    agent = copy.copy(_agent(request.agent_name or "chat"))
    agent.tools = [with_approval(tool, request) for tool in tools]
    return agent


@lru_cache(maxsize=64)
def _agent(name: str) -> Agent[Transcript]:
    """Without tools. To make one costs a millisecond, most of it for checks of what it is given; a copy costs none."""
    return Agent(name=name)


def with_approval(tool: Tool, request: RunRequest) -> Tool:
    """The tool with `needs_approval` as the settings and the session's earlier decisions have it."""
    if not isinstance(tool, FunctionTool):
        return tool
    asks = True if tool.name in settings.TOOLS_REQUIRE_APPROVAL else tool.needs_approval
    if tool.name in request.always_allowed:
        asks = False
    if tool.needs_approval is asks is False:
        return tool  # a copy costs 100 µs, for the SDK checks the schema anew
    tool = copy.copy(tool)
    tool.needs_approval = asks
    return tool


async def instructions_for(transcript: Transcript) -> str:
    """What changes stands last: providers cache a prompt up to its first difference."""
    changing = [await part(transcript) for part in INSTRUCTION_PARTS]
    today = f"Today is {datetime.now(UTC):%A, %d %B %Y} (UTC)."
    return "\n\n".join(filter(None, [INSTRUCTIONS, *changing, today]))


async def agent_instructions(transcript: Transcript) -> str:
    acting = transcript.acting
    return f"# What you are here: the agent {acting.name!r}\n\n{acting.instructions}" if acting.instructions else ""


async def personal_instructions(transcript: Transcript) -> str:
    text = transcript.request.instructions.strip()
    return f"# What the person asks for in all their conversations\n\n{text}" if text else ""


async def project_instructions(transcript: Transcript) -> str:
    """Read once in a run."""
    if transcript.request.project_id is None:
        return ""
    if transcript.project_instructions is None:
        transcript.project_instructions = await in_database(_instructions_of, transcript.request.project_id)
    if not transcript.project_instructions:
        return ""
    return f"# What the person wants in this project\n\n{transcript.project_instructions}"


def _instructions_of(project_id: UUID) -> str:
    """Empty, too, if the project has gone since the run was claimed."""
    return Project.objects.filter(pk=project_id).values_list("instructions", flat=True).first() or ""


async def file_names(transcript: Transcript) -> str:
    if transcript.context.has_files is False:
        return ""
    try:
        async with asyncio.timeout(LISTING_TIMEOUT_S):
            found = await source_names(transcript.request.session_pk, MAX_NAMES + 1)
    except Exception as error:  # the run can do without the list
        logger.warning("The files for the instructions could not be listed: %s", type(error).__name__)
        return ""
    return listed("Files that the person has given", names.SOURCES, found)


async def agent_file_names(transcript: Transcript) -> str:
    return listed("Files that you have in every conversation", names.AGENT, transcript.acting.files)


def listed(heading: str, folder: str, found: Sequence[str]) -> str:
    if not found:
        return ""
    paths = "\n".join(f"- {orjson.dumps(f'{folder}/{name}').decode()}" for name in found[:MAX_NAMES])
    more = "\n- and more: list_directory shows them" if len(found) > MAX_NAMES else ""
    return f"# {heading}\n\n{paths}{more}"


async def server_names(transcript: Transcript) -> str:
    parts = [f"# MCP servers at hand\n\n{', '.join(transcript.servers)}"] if transcript.servers else []
    if transcript.unauthorized:
        names = ", ".join(transcript.unauthorized)
        parts.append(f"Not at hand until the person authorizes them again, in Settings under MCP servers: {names}")
    return "\n\n".join(parts)


# An empty answer is left out. Of what people ask for, the more special comes later.
InstructionPart = Callable[[Transcript], Awaitable[str]]
INSTRUCTION_PARTS: list[InstructionPart] = [
    agent_instructions, agent_file_names, personal_instructions, project_instructions, file_names, server_names
]  # fmt: skip
