"""Agents, prompts and MCP servers of an archive become the account's."""

from __future__ import annotations

from typing import Any

from chatjuicer.accounts.models import User
from sessions_app.catalogue import REASONING_EFFORTS
from sessions_app.exceptions import NameTaken
from sessions_app.models import Agent, McpServer, Prompt
from sessions_app.models.mcp_server import NAME

from .exceptions import UnreadableArchive
from .records import AgentLine, McpServerLine, PromptLine

NamedLine = AgentLine | PromptLine | McpServerLine
PATTERNS = {AgentLine: Agent.NAME, PromptLine: Prompt.NAME, McpServerLine: NAME}


def require_name(line: NamedLine) -> None:
    """Raises UnreadableArchive."""
    if not PATTERNS[type(line)].fullmatch(line.name):
        raise UnreadableArchive("A name in the archive is none.")


def keep(user: User, line: NamedLine) -> None:
    """Where the account has one of that name, its own stays. Raises TooMany."""
    fields: dict[str, Any] = {"name": line.name, "created_at": line.created_at}
    try:
        match line:
            case PromptLine():
                Prompt.objects.keep(user, **fields, updated_at=line.updated_at, text=line.text)
            case AgentLine():
                Agent.objects.keep(user, **fields, updated_at=line.updated_at, **settings_of(line))
            case McpServerLine():
                asks, usual = line.always_asks, line.in_new_chats
                McpServer.objects.add(user, **fields, url=line.url, always_asks=asks, in_new_chats=usual)
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
