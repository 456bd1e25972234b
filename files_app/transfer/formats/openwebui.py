"""Open WebUI's exported chats: a history with branches."""

from __future__ import annotations

from typing import Any

from .tree import Conversation, Node, mapping, mappings, moment, text


def conversation(said: dict[str, Any]) -> Conversation:
    """`said` is a row of the export, or only the chat that it holds."""
    chat = mapping(said.get("chat")) or said
    history = mapping(chat.get("history"))
    told = mapping(history.get("messages"))
    nodes = [node(key, mapping(one)) for key, one in told.items()] if told else listed(chat)
    title = text(chat.get("title"), 255) or text(said.get("title"), 255)
    session = {
        "title": title,
        "is_named": bool(title),
        "created_at": moment(said.get("created_at")) or moment(chat.get("timestamp")),
        "updated_at": moment(said.get("updated_at")),
        "archived": said.get("archived") is True,
        "pinned": said.get("pinned") is True,
    }
    id = text(said.get("id")) or text(chat.get("id"))
    return Conversation("openwebui", id, session, nodes, text(history.get("currentId")) or None)


def listed(chat: dict[str, Any]) -> list[Node]:
    """Of old versions, which had no branches."""
    nodes: list[Node] = []
    for number, message in enumerate(mappings(chat.get("messages"))):
        made = node(text(message.get("id")) or str(number), message)
        made.parent = nodes[-1].key if nodes else None
        nodes.append(made)
    return nodes


def node(key: str, said: dict[str, Any]) -> Node:
    role = text(said.get("role"))
    failed = bool(said.get("error"))
    fields = {
        "role": role if role in ("user", "assistant") else "system",
        "content": text(said.get("content")),
        "model": text(said.get("model"), 128),
        "created_at": moment(said.get("timestamp")),
        "is_error": failed,
        "status": "failed" if failed else "completed",
    }
    return Node(key, text(said.get("parentId")) or None, fields if fields["content"] else None)
