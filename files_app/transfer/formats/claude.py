"""Claude's `conversations.json`: messages in a list, newer ones with their parents."""

from __future__ import annotations

from typing import Any

from .tree import Conversation, Node, mapping, mappings, moment, text

ROLES = {"human": "user", "assistant": "assistant"}
ROOT = "00000000-0000-4000-8000-000000000000"


def conversation(said: dict[str, Any]) -> Conversation:
    nodes: list[Node] = []
    for number, message in enumerate(mappings(said["chat_messages"])):
        key = text(message.get("uuid")) or str(number)
        parent = text(message.get("parent_message_uuid")) or (nodes[-1].key if nodes else None)
        fields = {
            "role": ROLES.get(text(message.get("sender")), "system"),
            "content": words_of(message),
            "reasoning": "\n\n".join(text(part.get("thinking")) for part in parts(message, "thinking")),
            "created_at": moment(message.get("created_at")),
        }
        nodes.append(Node(key, None if parent == ROOT else parent, fields if fields["content"] else None))
    session = {
        "title": text(said.get("name"), 255),
        "is_named": bool(said.get("name")),
        "created_at": moment(said.get("created_at")),
        "updated_at": moment(said.get("updated_at")),
    }
    shown = text(said.get("current_leaf_message_uuid")) or None
    return Conversation("claude", text(said.get("uuid")), session, nodes, shown)


def words_of(message: dict[str, Any]) -> str:
    """With the text of what was attached, which the export has in the place of the files."""
    words = "\n\n".join(text(part.get("text")) for part in parts(message, "text")) or text(message.get("text"))
    attached = [
        f"{text(one.get('file_name'))}\n\n{content}".strip()
        for one in mappings(message.get("attachments"))
        if (content := text(one.get("extracted_content")))
    ]
    return "\n\n".join(filter(None, [words, *attached]))


def parts(message: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [part for part in mappings(message.get("content")) if mapping(part).get("type") == type]
