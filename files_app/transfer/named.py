"""Agents and prompts of an archive become the account's."""

from __future__ import annotations

from typing import Any

from chatjuicer.accounts.models import User
from sessions_app.catalogue import REASONING_EFFORTS
from sessions_app.exceptions import NameTaken
from sessions_app.models import Agent, Prompt

from .exceptions import UnreadableArchive
from .records import AgentLine, PromptLine

NamedLine = AgentLine | PromptLine


def require_name(line: NamedLine) -> None:
    """Raises UnreadableArchive."""
    pattern = Agent.NAME if isinstance(line, AgentLine) else Prompt.NAME
    if not pattern.fullmatch(line.name):
        raise UnreadableArchive("A name in the archive is none.")


def keep(user: User, line: NamedLine) -> None:
    """Where the account has one of that name, its own stays. Raises TooMany."""
    fields: dict[str, Any] = {"name": line.name, "created_at": line.created_at, "updated_at": line.updated_at}
    try:
        if isinstance(line, PromptLine):
            Prompt.objects.keep(user, **fields, text=line.text)
        else:
            Agent.objects.keep(user, **fields, **settings_of(line))
    except NameTaken:
        return


def settings_of(line: AgentLine) -> dict[str, Any]:
    return {
        "letter": line.letter.replace("\x00", ""),
        "description": line.description,
        "instructions": line.instructions,
        "model": line.model.replace("\x00", ""),
        "reasoning_effort": line.reasoning_effort if line.reasoning_effort in REASONING_EFFORTS else "",
        "tools": storable(line.tools),
        "mcp_servers": storable(line.mcp_servers),
        "hand_offs": storable(line.hand_offs),
        "opening_lines": "\n".join(" ".join(starter.split()) for starter in line.starters),
    }


def storable(names: list[str] | None) -> list[str] | None:
    """Those that a database takes."""
    return None if names is None else [name for name in names if "\x00" not in name]
