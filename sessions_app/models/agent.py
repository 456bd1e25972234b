"""A named agent: what the model is told, and may do, in the sessions that choose it."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction

from chatjuicer.accounts.models import Act
from chatjuicer.api.exceptions import NameTaken
from chatjuicer.encryption import EncryptedTextField
from sessions_app.catalogue import REASONING_EFFORTS

from .named import Named, NamedManager

FALLBACK = "primary"
BUILT_IN = ("chat", FALLBACK, "log_analysis")
"""They set nothing: the model is told what it is told anyway, and has all tools."""

MAX_DESCRIPTION_CHARS = 2_000
MAX_INSTRUCTIONS_CHARS = 32_000
MAX_LETTER_CHARS = 8  # of one character as people see it, such as a flag
MAX_NAMES = 100
MAX_HAND_OFFS = 20
MAX_STARTERS = 8
MAX_STARTER_CHARS = 500


class AgentManager(NamedManager["Agent"]):
    def of_session(self, user_pk: UUID, name: str) -> Agent | None:
        """The one that a session's `agent_name` chooses; None: one that is built in, or none."""
        return None if name in BUILT_IN else self.called(user_pk, name)


class Agent(Named):
    MOST = 100
    DELETED = Act.AGENT_DELETED
    NAME = re.compile(r"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?")
    NAME_IS = "No spaces around it and no control characters are expected."

    # Its name is as plain as the `agent_name` of the sessions that choose it.
    letter = models.CharField(max_length=MAX_LETTER_CHARS, blank=True, default="", help_text="its picture: a character")
    description = EncryptedTextField(max_length=MAX_DESCRIPTION_CHARS, blank=True, default="")
    instructions = EncryptedTextField(
        max_length=MAX_INSTRUCTIONS_CHARS,
        blank=True,
        default="",
        help_text="given to the model; of an agent for all, everybody can read them",
    )
    model = models.CharField(
        max_length=128, blank=True, default="", help_text="of sessions for which nobody chose one; empty: as without it"
    )
    reasoning_effort = models.CharField(max_length=16, blank=True, default="", help_text="as the model")
    tools = models.JSONField(
        null=True,
        blank=True,
        default=None,
        help_text="names of the server's tools that it has; empty: all",
    )
    mcp_servers = models.JSONField(
        null=True,
        blank=True,
        default=None,
        help_text="keys of the MCP servers that it has; empty: the session's",
    )
    hand_offs = models.JSONField(
        blank=True,
        default=list,
        help_text="names of the agents to whom it may hand a conversation over",
    )
    opening_lines = EncryptedTextField(
        max_length=(MAX_STARTER_CHARS + 1) * MAX_STARTERS,
        blank=True,
        default="",
        help_text="what a person may begin with, one on each line",
    )

    objects: ClassVar[AgentManager] = AgentManager()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """With its files. Whoever gives it one at this moment waits, and learns that it is gone."""
        with transaction.atomic():
            Agent.objects.filter(pk=self.pk).select_for_update().values_list("pk").first()
            return super().delete(*args, **kwargs)

    @property
    def starters(self) -> list[str]:
        return [line.strip() for line in self.opening_lines.split("\n") if line.strip()]

    def clean(self) -> None:
        super().clean()
        self.hand_offs = self.hand_offs or []  # an empty field of a form is null
        said: dict[str, str] = {}
        if self.name in BUILT_IN:
            said["name"] = f"{self.name} is built in."
        if self.reasoning_effort not in ("", *REASONING_EFFORTS):
            said["reasoning_effort"] = f"One of {', '.join(REASONING_EFFORTS)} is expected."
        for field in ("tools", "mcp_servers", "hand_offs"):
            if not are_names(getattr(self, field)):
                said[field] = 'A list of names is expected, such as ["read_file"].'
        if said:
            raise ValidationError(said)

    @classmethod
    def require_free(cls, owner_pk: UUID | None, name: str) -> None:
        if name in BUILT_IN:
            raise NameTaken(f"{name} is built in.")
        super().require_free(owner_pk, name)


def are_names(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and len(value) <= MAX_NAMES and all(isinstance(name, str) for name in value)
