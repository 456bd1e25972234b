"""A change of an agent, and what follows of it. The next turn of its sessions knows it; nothing that was said does."""

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from chatjuicer.accounts.models.audit_entry import lines_at_end
from sessions_app import catalogue

from .agent import Agent
from .session import ChatSession
from .sessions import announce_all

FOLLOWED = {"name", "model", "reasoning_effort"}


def change_agent(agent: Agent, **changes: Any) -> None:
    """What a person sets of it. The sessions that have chosen it follow a new name, and what it sets of what nobody
    chose for them; their owner's devices are told. Raises NameTaken, and DoesNotExist if the agent is gone."""
    with transaction.atomic(), lines_at_end():
        was_called = agent.name
        agent.change(**changes)
        sessions, now = choosing(agent, was_called), timezone.now()
        if agent.model and "model" in changes:
            window = catalogue.context_window(agent.model)._asdict()
            sessions.filter(usual_model=True).update(model=agent.model, **window, updated_at=now)
        if agent.reasoning_effort and "reasoning_effort" in changes:
            effort = agent.reasoning_effort
            sessions.filter(usual_effort=True).update(reasoning_effort=effort, updated_at=now)
        if agent.name != was_called:
            sessions.update(agent_name=agent.name, updated_at=now)
            rename_hand_offs(agent, was_called)
        # Sessions of an agent for all are anybody's: they see it when they load them.
        if agent.owner_id and FOLLOWED & changes.keys():
            announce_all(choosing(agent, agent.name))


def choosing(agent: Agent, name: str) -> models.QuerySet[ChatSession]:
    """The sessions that use the agent while it has that name."""
    sessions = ChatSession.objects.filter(agent_name=name)
    if agent.owner_id:
        return sessions.filter(owner=agent.owner_id)
    return sessions.exclude(owner__agents__name=name)  # of who has one of their own of that name, it is that


def rename_hand_offs(agent: Agent, was_called: str) -> None:
    for other in Agent.objects.filter(owner=agent.owner_id):
        if was_called in other.hand_offs:
            hand_offs = [agent.name if name == was_called else name for name in other.hand_offs]
            Agent.objects.filter(pk=other.pk).update(hand_offs=hand_offs)
