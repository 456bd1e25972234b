"""Which files are searched together."""

from typing import NamedTuple, Self
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from files_app.models import File
from sessions_app.models import Agent, ChatSession

MAX_SESSIONS = 200
"""Of a project, those used last."""


class Library(NamedTuple):
    """Of these sessions, the first of which is asked, and of the agent that acts in it."""

    sessions: tuple[UUID, ...]
    agent: UUID | None = None

    @classmethod
    def beside(cls, file: File) -> Self:
        """Of who has that file alone."""
        return cls((file.session_id,) if file.session_id else (), file.agent_id)

    @property
    def keys(self) -> tuple[UUID, ...]:
        """Of all, the nearest first."""
        return self.sessions if self.agent is None else (*self.sessions, self.agent)

    def rows(self, path: str = "") -> Q:
        """Its files, and its passages: both name whose they are. `path` leads to them, as in `passage__`."""
        of_sessions = Q(**{f"{path}session__in": self.sessions})
        return of_sessions if self.agent is None else of_sessions | Q(**{f"{path}agent": self.agent})


def library_of(session: ChatSession, agent_name: str | None = None) -> Library:
    """Of a session, what its owner has in the same project, and its agent: another one than it has chosen, where one is
    named."""
    agent = Agent.objects.of_session(session.owner_id, session.agent_name if agent_name is None else agent_name)
    return Library((session.pk, *others_in_project(session)), agent.pk if agent else None)


def others_in_project(session: ChatSession) -> list[UUID]:
    if session.project_id is None:
        return []
    others = ChatSession.objects.filter(
        Exists(File.objects.filter(session=OuterRef("pk"))),
        owner=session.owner_id,
        namespace=session.namespace,
        project=session.project_id,
    )
    last_used = others.exclude(pk=session.pk).order_by("-last_used_at").values_list("pk", flat=True)
    return list(last_used[: MAX_SESSIONS - 1])
