"""LibreChat's exported conversation: its messages in a list, or each inside the one before it."""

from __future__ import annotations

from typing import Any

from .tree import Conversation, Node, mapping, mappings, moment, text

ROOT = "00000000-0000-0000-0000-000000000000"


def conversation(said: dict[str, Any]) -> Conversation:
    options = mapping(said.get("options"))
    session = {
        "title": text(said.get("title"), 255),
        "is_named": bool(said.get("title")),
        "created_at": moment(said.get("createdAt")),
        "updated_at": moment(said.get("updatedAt")),
        "model": text(options.get("model"), 128),
    }
    return Conversation("librechat", text(said.get("conversationId")), session, nodes_of(said))


def nodes_of(said: dict[str, Any]) -> list[Node]:
    nodes: list[Node] = []
    waiting = [(message, None) for message in reversed(mappings(said["messages"]))]
    while waiting:
        message, above = waiting.pop()
        made = node(str(len(nodes)), message, above)
        nodes.append(made)
        waiting += [(child, made.key) for child in reversed(mappings(message.get("children")))]  # type: ignore[misc]
    return nodes


def node(place: str, said: dict[str, Any], above: str | None) -> Node:
    parent = text(said.get("parentMessageId")) or above
    failed = said.get("error") is True
    fields = {
        "role": "user" if said.get("isCreatedByUser") is True else "assistant",
        "content": words_of(said),
        "reasoning": "\n\n".join(text(part.get("think")) for part in parts(said, "think")),
        "model": text(said.get("model"), 128),
        "created_at": moment(said.get("createdAt")),
        "is_error": failed,
        "status": "failed" if failed else "completed",
        "partial": said.get("unfinished") is True,
    }
    key = text(said.get("messageId")) or place
    return Node(key, None if parent == ROOT else parent, fields if fields["content"] else None)


def words_of(said: dict[str, Any]) -> str:
    words = []
    for part in parts(said, "text"):
        held = part.get("text")
        words.append(text(held.get("value")) if isinstance(held, dict) else text(held))
    return "\n\n".join(filter(None, words)) or text(said.get("text"))


def parts(said: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [part for part in mappings(said.get("content")) if part.get("type") == type]
