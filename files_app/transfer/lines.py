"""What an account has, as the lines of its archive: read page by page, so that no session need fit into memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from uuid import UUID

from chatjuicer.accounts.models import User
from chatjuicer.api import budget
from files_app.models import File
from sessions_app.models import Agent, ChatSession, ContextItem, McpServer, Message, Project, Prompt
from sessions_app.models.message import NO_PARENT
from sessions_app.models.origins import origin_of

from .records import (
    AgentFileLine,
    AgentLine,
    ContextLine,
    Failure,
    Feedback,
    FileLine,
    Line,
    McpServerLine,
    MessageLine,
    ProjectLine,
    PromptLine,
    SessionLine,
)

ROWS = 50  # of one read, or fewer that are large
TEXTS: dict[type[Any], tuple[str, ...]] = {
    Message: ("content", "reasoning", "tool_arguments", "tool_result"),
    ContextItem: ("item",),
}
# How an image stands in the model's context (files_app.attachments.REFERENCE).
IMAGE = re.compile(r'("image_url":\s*"attachment:)([^"\\]+)(?=")')


def lines_of_account(user: User) -> Iterator[tuple[Line, File | None]]:
    """All lines, oldest session first, each of a file with its row."""
    for project in user.projects.order_by("created_at", "pk"):
        yield project_line(project), None
    for agent in user.agents.order_by("created_at", "pk"):
        yield agent_line(agent), None
        for file in agent.files.order_by("name"):
            yield agent_file_line(agent, file), file
    for prompt in user.prompts.order_by("created_at", "pk"):
        yield prompt_line(prompt), None
    for server in user.mcp_servers.order_by("name"):
        yield mcp_server_line(server), None
    for pk in list(user.chat_sessions.order_by("created_at", "pk").values_list("pk", flat=True)):
        session = user.chat_sessions.filter(pk=pk).first()
        if session is not None:  # deleted meanwhile
            yield from lines_of(session)


def lines_of(session: ChatSession) -> Iterator[tuple[Line, File | None]]:
    yield session_line(session), None
    ids: dict[str, str] = {}
    for number, file in enumerate(session.files.order_by("folder", "name"), 1):
        ids[str(file.pk)] = f"f{number}"
        yield file_line(file, ids[str(file.pk)]), file
    numbers: dict[UUID | None, int] = {}
    for number, message in enumerate(messages_of(session), 1):
        numbers[message.pk] = number
        parent = 0 if message.parent_id == NO_PARENT else numbers.get(message.parent_id or message.pk)
        yield message_line(message, number, parent, ids), None
    for item in (row for row in rows_of(session, ContextItem) if row.visible):
        stands_for = None if item.summary else numbers.get(item.message_id)
        yield ContextLine(with_images(item.item, ids), stands_for), None


def messages_of(session: ChatSession) -> Iterator[Message]:
    """In order, with all versions; what is still being written is left out."""
    return (message for message in rows_of(session, Message) if message.status != Message.Status.PENDING)


def rows_of(session: ChatSession, model: type[Any]) -> Iterator[Any]:
    """In order, a page at a time, so that they may be large."""
    position, found = 0, True
    while found:
        if session.packed:
            # Its cursor is the connection's, which whoever is given the rows may give back.
            with closing(session.packed_history.forwards(model, position, versions=True)) as packed:
                rows, _ = budget.fill(packed, ROWS, lambda row: sum(len(getattr(row, text)) for text in TEXTS[model]))
        else:
            after = model.objects.filter(session=session, position__gt=position).order_by("position")
            rows, _ = budget.read(after, ROWS, *TEXTS[model])
        yield from rows
        found = bool(rows)
        position = rows[-1].position if found else position


def project_line(project: Project) -> ProjectLine:
    return ProjectLine(
        id=str(project.pk),
        name=project.name,
        created_at=project.created_at,
        updated_at=project.updated_at,
        description=project.description,
        instructions=project.instructions,
    )


def agent_line(agent: Agent) -> AgentLine:
    return AgentLine(
        name=agent.name,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
        letter=agent.letter,
        description=agent.description,
        instructions=agent.instructions,
        model=agent.model,
        reasoning_effort=agent.reasoning_effort,
        tools=agent.tools,
        mcp_servers=agent.mcp_servers,
        hand_offs=agent.hand_offs,
        starters=agent.starters,
    )


def agent_file_line(agent: Agent, file: File) -> AgentFileLine:
    return AgentFileLine(
        agent=agent.name,
        name=file.name,
        modified_at=file.modified_at,
        sha256=file.sha256,
        size=file.size_bytes,
        content_type=file.content_type,
    )


def prompt_line(prompt: Prompt) -> PromptLine:
    return PromptLine(name=prompt.name, created_at=prompt.created_at, updated_at=prompt.updated_at, text=prompt.text)


def mcp_server_line(server: McpServer) -> McpServerLine:
    return McpServerLine(
        name=server.name,
        url=server.url,
        created_at=server.created_at,
        always_asks=server.always_asks,
        in_new_chats=server.in_new_chats,
    )


def session_line(session: ChatSession) -> SessionLine:
    return SessionLine(
        origin=origin_of(session),
        created_at=session.created_at,
        updated_at=session.updated_at,
        session_id=session.public_id,
        title=session.title,
        is_named=session.is_named,
        model=session.model,
        reasoning_effort=session.reasoning_effort,
        mcp_config=session.mcp_config,
        disabled_tools=session.disabled_tools,
        agent_name=session.agent_name,
        agent_type=session.agent_type,
        frontend=session.frontend,
        namespace=session.namespace,
        metadata=session.metadata,
        pinned=session.pinned,
        archived=session.archived,
        # A slot of a front end that counts its active sessions is not taken along.
        is_active=session.is_active and session.active_slot is None,
        project=str(session.project_id) if session.project_id else None,
        draft=session.draft,
    )


def file_line(file: File, id: str) -> FileLine:
    return FileLine(
        id=id,
        folder=file.folder,  # type: ignore[arg-type]  # one of its choices
        name=file.name,
        modified_at=file.modified_at,
        sha256=file.sha256,
        size=file.size_bytes,
        content_type=file.content_type,
    )


def message_line(message: Message, number: int, parent: int | None, ids: Mapping[str, str]) -> MessageLine:
    metadata, attachments = dict(message.metadata), list[str]()
    attached = metadata.get("attachments")
    if isinstance(attached, list) and all(isinstance(one, dict) and one.get("file_id") in ids for one in attached):
        attachments = [ids[one["file_id"]] for one in metadata.pop("attachments")]
    return MessageLine(
        id=number,
        parent=parent if message.parent_id else None,
        visible=message.visible,
        role=message.role,  # type: ignore[arg-type]  # one of its choices
        created_at=message.created_at,
        content=message.content,
        status=message.status,  # type: ignore[arg-type]
        partial=message.partial,
        tool_call_id=message.tool_call_id,
        tool_name=message.tool_name,
        tool_arguments=message.tool_arguments,
        tool_result=message.tool_result,
        tool_success=message.tool_success,
        token_count=message.token_count,
        model=message.model,
        agent_name=message.agent_name,
        response_time_ms=message.response_time_ms,
        is_error=message.is_error,
        reasoning=message.reasoning,
        error=Failure(*message.error) if message.error else None,
        metadata=metadata,
        attachments=attachments,
        feedback=Feedback(**message.feedback) if message.feedback else None,  # type: ignore[arg-type]
        pinned=message.pinned,
    )


def with_images(item: str, ids: Mapping[str, str]) -> str:
    """An item's JSON with other names of the files that it refers to; unknown ones stay."""
    return IMAGE.sub(lambda found: found[1] + ids.get(found[2], found[2]), item)
