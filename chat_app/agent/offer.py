"""What the agent of a session could be given there, outside of runs: for who chooses which of it is switched off."""

from collections.abc import Iterator, Sequence

from agents import Tool

from chat_app.database import in_database
from chat_app.runs.contract import Offer, OfferedTool, ServerState, ToolsRequest
from chatjuicer.accounts.models import Allowance, GroupAllowance
from sessions_app.models.agent import FALLBACK

from .acting import Acting, acting
from .hand_off import hand_offs_of, toolbox_of
from .mcp import PATIENCE_S
from .tools import tools_at_hand


async def offer(request: ToolsRequest) -> Offer:
    """As a run of this moment would find it. Servers that are being started are waited for as by a run."""
    agent, allowance = await in_database(looked_up, request)
    box = await toolbox_of(agent, request, allowance, PATIENCE_S)
    own = [tool for tool in tools_at_hand() if agent.tools is None or tool.name in agent.tools]
    tools = [*offered(own), *offered(hand_offs_of(agent, box))]
    for key, made in box.of_servers.items():
        tools += offered(made, key)
    states: list[tuple[ServerState, list[str]]] = [
        ("connected", list(box.of_servers)),
        ("unavailable", box.unavailable),
        ("needs_authorization", box.unauthorized),
    ]
    return Offer(tools, {key: state for state, keys in states for key in keys})


def looked_up(request: ToolsRequest) -> tuple[Acting, Allowance]:
    agent = acting(request.user_id, request.agent_name) or Acting(FALLBACK)
    return agent, GroupAllowance.objects.of_user(request.user_id)


def offered(tools: Sequence[Tool], server: str = "") -> Iterator[OfferedTool]:
    return (OfferedTool(tool.name, getattr(tool, "description", ""), server) for tool in tools)
