"""Whose files they are: a session's, or an agent's, whose files are read in every session that chooses it.

Both have `files` and `uploads`. Files, uploads and passages name one of the two.
"""

from typing import TypedDict

from django.db.models import Q

from sessions_app.models import Agent, ChatSession, known

Holder = ChatSession | Agent


class Held(TypedDict, total=False):
    session: ChatSession
    agent: Agent


def held_by(holder: Holder) -> Held:
    """The field that names it."""
    return {"agent": holder} if isinstance(holder, Agent) else {"session": holder}


def lock(holder: Holder) -> None:
    """Whoever else changes or deletes this holder's files waits until the transaction ends. Raises its DoesNotExist."""
    model = type(holder)
    if not model._default_manager.filter(pk=holder.pk).select_for_update(no_key=True).values_list("pk").first():
        raise model.DoesNotExist


def of_active_owner() -> Q:
    """Of a session that exists, or of an agent; whose owner may sign in. Agents for all are nobody's."""
    of_agent = Q(agent__owner__is_active=True) | Q(agent__isnull=False, agent__owner=None)
    return Q(known("session__"), session__owner__is_active=True) | of_agent
