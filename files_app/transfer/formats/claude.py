"""Claude's `conversations.json`: messages in a list, newer ones with their parents."""

from __future__ import annotations

from typing import Any

from .tree import Call, Conversation, Node, Told, as_text, mappings, moment, text

ROLES = {"human": "user", "assistant": "assistant"}
ROOT = "00000000-0000-4000-8000-000000000000"


def conversation(said: dict[str, Any]) -> Conversation:
    nodes: list[Node] = []
    for number, message in enumerate(mappings(said["chat_messages"])):
        key = text(message.get("uuid")) or str(number)
        parent = text(message.get("parent_message_uuid")) or (nodes[-1].key if nodes else None)
        fields = {
            "role": ROLES.get(text(message.get("sender")), "system"),
            "created_at": moment(message.get("created_at")),
        }
        nodes += told(message).nodes(key, None if parent == ROOT else parent, fields)
    session = {
        "title": text(said.get("name"), 255),
        "is_named": bool(text(said.get("name"))),
        "created_at": moment(said.get("created_at")),
        "updated_at": moment(said.get("updated_at")),
        "pinned": said.get("is_starred") is True,
    }
    shown = text(said.get("current_leaf_message_uuid")) or None
    return Conversation("claude", text(said.get("uuid")), session, nodes, shown)


def told(message: dict[str, Any]) -> Told:
    """With the text of what was attached, which the export has in the place of the files."""
    found, spoken = Told(), False
    for part in mappings(message.get("content")):
        match part.get("type"):
            case "text":
                found.say(text(part.get("text")))
                spoken = spoken or bool(text(part.get("text")))
            case "thinking":
                found.think(text(part.get("thinking")))
            case "tool_use":  # artifacts, too
                found.call(Call(text(part.get("id")), text(part.get("name")), as_text(part.get("input"))))
            case "tool_result":
                give_result(part, found.calls)
    if not spoken and not found.calls:
        found.say(text(message.get("text")))
    attached = mappings(message.get("attachments"))
    for one in attached:
        found.quote(text(one.get("file_name"), 255), text(one.get("extracted_content")))
    quoted = {text(one.get("file_name"), 255) for one in attached}
    for one in mappings(message.get("files")):
        if (name := text(one.get("file_name"), 255)) not in quoted:
            found.quote(name, "")
    return found


def give_result(part: dict[str, Any], calls: list[Call]) -> None:
    """To the call that it names; older exports name none, and it stands after its call."""
    id = text(part.get("tool_use_id"))
    waiting = [call for call in calls if call.success is None and id in ("", call.id)]
    if waiting:
        waiting[-1].result = result_of(part.get("content"))
        waiting[-1].success = part.get("is_error") is not True


def result_of(content: Any) -> str:
    """Texts as they are, and what was found with its title and address; all else as JSON."""
    if not isinstance(content, list):
        return as_text(content)
    return "\n\n".join(filter(None, map(piece, content)))


def piece(part: Any) -> str:
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        return as_text(part)
    about = [text(part[name]) for name in ("title", "url") if isinstance(part.get(name), str)]
    return "\n".join([*about, text(part["text"])])
