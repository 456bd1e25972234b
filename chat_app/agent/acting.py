"""Who acts in a run: the named agent that its session has chosen, or one to whom that has handed over."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sessions_app.models import Agent
from sessions_app.models.agent import BUILT_IN

MAX_FILES = 50
"""Whose names the model is told."""


class Colleague(NamedTuple):
    """To whom a conversation may be handed over."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Acting:
    """The agent that acts in a run, as it is now; one that is built in sets nothing."""

    name: str
    instructions: str = ""
    tools: frozenset[str] | None = None  # names of our own tools that it has; None: all
    mcp_servers: tuple[str, ...] | None = None  # None: those of the session
    colleagues: tuple[Colleague, ...] = ()
    files: tuple[str, ...] = ()  # the first names of its own, one more than are told


def acting(user_id: UUID, name: str) -> Acting | None:
    """The agent of that name as it is now: the user's own, or else one for all; None where there is none."""
    if name in BUILT_IN:
        return Acting(name)
    agent = Agent.objects.called(user_id, name)
    if agent is None:
        return None
    return Acting(
        name=agent.name,
        instructions=agent.instructions.strip(),
        tools=None if agent.tools is None else frozenset(agent.tools),
        mcp_servers=None if agent.mcp_servers is None else tuple(agent.mcp_servers),
        colleagues=colleagues(user_id, agent),
        files=tuple(agent.files.order_by("name").values_list("name", flat=True)[: MAX_FILES + 1]),
    )


def colleagues(user_id: UUID, agent: Agent) -> tuple[Colleague, ...]:
    """In the order in which the agent names them; those that are gone are left out."""
    if not agent.hand_offs:
        return ()
    found = dict.fromkeys(BUILT_IN, "The assistant without a speciality.")
    # The own ones last, so that they stand for those of the same name.
    for other in list(Agent.objects.visible_to(user_id).filter(name__in=agent.hand_offs))[::-1]:
        found[other.name] = " ".join(other.description.split())
    return tuple(Colleague(name, found[name]) for name in agent.hand_offs if name in found and name != agent.name)
