"""Agents, with their files, prompts and MCP servers of an archive become the account's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from rest_framework.exceptions import ValidationError

from chatjuicer.accounts.models import User
from chatjuicer.api.destinations import require_sendable
from chatjuicer.api.exceptions import NameTaken
from files_app import names
from files_app.models import File
from sessions_app.catalogue import REASONING_EFFORTS
from sessions_app.models import Agent, McpServer, Prompt
from sessions_app.models.mcp_server import NAME

from .exceptions import UnreadableArchive
from .records import AgentFileLine, AgentLine, McpServerLine, PromptLine
from .session import Bytes, kept

NamedLine = AgentLine | PromptLine | McpServerLine
PATTERNS = {AgentLine: Agent.NAME, PromptLine: Prompt.NAME, McpServerLine: NAME}


def require_name(line: NamedLine) -> None:
    """Raises UnreadableArchive."""
    if not PATTERNS[type(line)].fullmatch(line.name):
        raise UnreadableArchive("A name in the archive is none.")


def keep(user: User, line: NamedLine, files: Sequence[AgentFileLine], source: Bytes | None) -> None:
    """Where the account has one of that name, its own stays as it is. Raises ApiError where it cannot be taken in;
    nothing of it is there then."""
    fields: dict[str, Any] = {"name": line.name, "created_at": line.created_at}
    try:
        match line:
            case PromptLine():
                Prompt.objects.keep(user, **fields, updated_at=line.updated_at, text=line.text)
            case AgentLine():
                keep_agent(user, fields | {"updated_at": line.updated_at} | settings_of(line), files, source)
            case McpServerLine():
                require_address(line)
                asks, usual = line.always_asks, line.in_new_chats
                McpServer.objects.add(user, **fields, url=line.url, always_asks=asks, in_new_chats=usual)
    except NameTaken:
        return


def require_address(line: McpServerLine) -> None:
    """As one that a person names. Raises UnreadableArchive."""
    try:
        require_sendable(line.url, settings.MCP_NETWORKS)
    except ValidationError:
        raise UnreadableArchive("The address of an MCP server is none that may be reached from here.") from None


def keep_agent(user: User, fields: dict[str, Any], files: Sequence[AgentFileLine], source: Bytes | None) -> None:
    """Bytes are stored before the transaction, and go again if it comes to nothing."""
    Agent.require_free(user.pk, fields["name"])
    holder = Agent(pk=uuid4(), owner=user)
    with ExitStack() as stack:
        stored = [
            (line, *stack.enter_context(kept(holder, line, source)))
            for line in files
            if source is not None and line.path in source.entries  # else its bytes were lost before
        ]
        with transaction.atomic():
            agent = Agent.objects.keep(user, id=holder.pk, **fields)
            for line, bytes, facts in stored:
                name = names.clean_name(line.name)
                File.objects.put(agent, names.AGENT, name, bytes, facts, modified_at=line.modified_at)


def settings_of(line: AgentLine) -> dict[str, Any]:
    return {
        "letter": line.letter,
        "description": line.description,
        "instructions": line.instructions,
        "model": line.model,
        "reasoning_effort": line.reasoning_effort if line.reasoning_effort in REASONING_EFFORTS else "",
        "tools": line.tools,
        "mcp_servers": line.mcp_servers,
        "hand_offs": line.hand_offs,
        "opening_lines": "\n".join(" ".join(starter.split()) for starter in line.starters),
    }
