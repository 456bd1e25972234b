"""The model and effort of sessions for which nobody chose any: their agent's, or else their owner's."""

from typing import TYPE_CHECKING, Any, NamedTuple

from chatjuicer.accounts.models import GroupAllowance
from sessions_app import catalogue
from sessions_app.allowed import first_allowed

from .agent import Agent

if TYPE_CHECKING:
    from chatjuicer.accounts.models import User

    from .session_row import SessionRow

FLAGS = {"model": "usual_model", "reasoning_effort": "usual_effort"}
"""The columns of a session that say so."""


class UsualSettings(NamedTuple):
    model: str
    reasoning_effort: str


def usual_settings(owner: "User", agent: Agent | None) -> UsualSettings:
    """Of the models, one that the owner may use, if there is any."""
    model, effort = (agent.model, agent.reasoning_effort) if agent else ("", "")
    wanted = (model, owner.default_model, catalogue.default_model())
    chosen = first_allowed(wanted, GroupAllowance.objects.of_user(owner.pk))
    return UsualSettings(chosen, effort or catalogue.DEFAULT_REASONING_EFFORT)


def with_flags(changes: dict[str, Any]) -> dict[str, Any]:
    """What a person changes of a session; what they choose there no agent sets any more."""
    return changes | {flag: False for name, flag in FLAGS.items() if name in changes}


def changes_with_agent(session: "SessionRow", agent_name: str) -> dict[str, Any]:
    """What changes when the session chooses that agent: nothing between two that are built in."""
    before, after = (Agent.objects.of_session(session.owner_id, name) for name in (session.agent_name, agent_name))
    if before is None and after is None:
        return {}
    usual = usual_settings(session.owner, after)._asdict()
    return {name: value for name, value in usual.items() if getattr(session, FLAGS[name])}
