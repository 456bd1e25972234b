"""The tools of the agent that acts, and how another one takes over in the middle of a run.

A hand-off is a tool call like others, `transfer_to_<name>`: it stands in the history, is logged, and stays what it was
when a run waits for an approval and goes on elsewhere. The Agents SDK's own hand-offs call no hooks, so that nobody
would see them, and are forgotten while a run waits, of which the SDK keeps nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson
from agents import FunctionTool, RunContextWrapper, Tool

from chat_app.database import in_database
from chat_app.runs.contract import RunRequest, ToolsRequest
from chat_app.window.shorten import READER
from chatjuicer.accounts.models import Allowance
from sessions_app.models.agent import BUILT_IN, FALLBACK

from .acting import Acting, Colleague, acting
from .mcp import PATIENCE_S, RESUME_PATIENCE_S, Toolbox, toolbox_for
from .mcp.toolbox import free_name
from .tools import tools_at_hand
from .tools.tool import ToolFailure, done, failed
from .transcript import Transcript

UNAUTHORIZED = "The MCP server {key} needs your authorization again: connect it in Settings, under MCP servers."
MISSING = "There is no agent {name!r} any more: {fallback} answers in its place."
NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False, "required": []}


async def appoint(transcript: Transcript) -> None:
    """Who begins to act in the run, or goes on after an approval. In the place of one that is gone, or was never there
    for this person, it is `primary`, and whoever looks on is told."""
    request = transcript.request
    name = acting_before(request) or request.agent_name
    found = Acting(name) if name in BUILT_IN else await in_database(acting, request.user_id, name)
    if found is None:
        await transcript.writer.status("agent_missing", MISSING.format(name=name, fallback=FALLBACK))
        found = Acting(FALLBACK)
    transcript.acting = found
    if found.name != request.agent_name:
        await transcript.writer.act_as(found.name)


def acting_before(request: RunRequest) -> str:
    """Who acted when the run began to wait for an approval; empty: it has not, or an older version has."""
    return str(orjson.loads(request.state).get("agent") or "") if request.state else ""


async def tools_of(transcript: Transcript) -> Sequence[Tool]:
    """Of the agent that acts: ours, those of MCP servers, and those by which it hands over; without those that are
    disabled in the session, whose names no other tool gets."""
    acting, request = transcript.acting, transcript.request
    patience_s = RESUME_PATIENCE_S if request.state else PATIENCE_S
    box = await toolbox_of(acting, request, transcript.allowance, patience_s)
    transcript.servers = [key for key, tools in box.of_servers.items() if not tools or enabled(request, tools)]
    for key in set(box.unauthorized) - set(transcript.unauthorized):
        await transcript.writer.status("needs_authorization", UNAUTHORIZED.format(key=key))
    transcript.unauthorized = box.unauthorized
    others = enabled(request, (*box.tools, *hand_offs_of(acting, box)))
    at_hand = enabled(request, tools_at_hand())
    if acting.tools is None:
        return (*at_hand, *others)
    own = [tool for tool in at_hand if tool.name in acting.tools]
    if own or others:  # a result that is shortened names the tool that reads the whole
        own = [tool for tool in at_hand if tool.name in acting.tools or tool.name == READER]
    return (*own, *others)


def enabled(request: RunRequest, tools: Iterable[Tool]) -> list[Tool]:
    return [tool for tool in tools if tool.name not in request.disabled_tools]


async def toolbox_of(
    acting: Acting, request: RunRequest | ToolsRequest, allowance: Allowance, patience_s: float
) -> Toolbox:
    """Of the servers that the agent has; of the session's, where it names none."""
    if acting.mcp_servers is not None:
        request = replace(request, mcp_config=list(acting.mcp_servers))
    return await toolbox_for(request, allowance, patience_s)


def hand_offs_of(acting: Acting, box: Toolbox) -> list[FunctionTool]:
    taken = {tool.name for tool in (*tools_at_hand(), *box.tools)}
    return [hand_off_to(colleague, taken) for colleague in acting.colleagues]


def hand_off_to(colleague: Colleague, taken: set[str]) -> FunctionTool:
    """The tool that hands over to the colleague. Its name is none of `taken`, and is added to them."""

    async def invoke(context: RunContextWrapper[Transcript], arguments: str) -> str:
        transcript = context.context
        if transcript.handed_over_at == transcript.turns:
            return failed(context, ToolFailure("The conversation has just been handed over: only one can go on."))
        transcript.handed_over_at = transcript.turns
        found = await in_database(acting, transcript.request.user_id, colleague.name)
        if found is None:
            return failed(context, ToolFailure(f"There is no agent {colleague.name!r} any more."))
        transcript.successor = found
        return done(agent=found.name)

    name = free_name("agent", f"transfer_to_{colleague.name}", taken)
    taken.add(name)
    return FunctionTool(
        name=name,
        description=f"Hand the conversation over to the agent {colleague.name!r}, which goes on in your place. "
        + colleague.description,
        params_json_schema=NO_PARAMETERS,
        on_invoke_tool=invoke,
    )


async def take_over(transcript: Transcript) -> Sequence[Tool] | None:
    """Once a call has handed over: the tools of the agent that acts from now on; else None."""
    successor, transcript.successor = transcript.successor, None
    if successor is None:
        return None
    transcript.acting = successor
    await transcript.writer.act_as(successor.name)
    return await tools_of(transcript)
