"""LibreChat's exported conversation: its messages in a list, or each inside the one before it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from .tree import Call, Conversation, Node, Told, as_text, mapping, mappings, moment, text

ROOT = "00000000-0000-0000-0000-000000000000"


def conversation(said: dict[str, Any]) -> Conversation:
    options = mapping(said.get("options"))
    session = {
        "title": text(said.get("title"), 255),
        "is_named": bool(text(said.get("title"))),
        "created_at": moment(said.get("createdAt")),
        "updated_at": moment(said.get("updatedAt")),
        "model": text(options.get("model"), 128),
    }
    prompt = text(options.get("promptPrefix")) or text(options.get("system"))
    return Conversation("librechat", text(said.get("conversationId")), session, nodes_of(said), system_prompt=prompt)


def nodes_of(said: dict[str, Any]) -> list[Node]:
    """Which of the two it calls a tree changes with its versions."""
    nodes: list[Node] = []
    messages = said.get("messagesTree") or said.get("messages")
    waiting = [(message, None) for message in reversed(mappings(messages))]
    while waiting:
        message, above = waiting.pop()
        made = nodes_of_one(str(len(nodes)), message, above)
        nodes += made
        waiting += [(child, made[-1].key) for child in reversed(mappings(message.get("children")))]  # type: ignore[misc]
    return nodes


def nodes_of_one(place: str, said: dict[str, Any], above: str | None) -> list[Node]:
    parent = text(said.get("parentMessageId")) or above
    failed = said.get("error") is True
    fields = {
        "role": "user" if said.get("isCreatedByUser") is True else "assistant",
        "model": text(said.get("model"), 128),
        "created_at": moment(said.get("createdAt")),
        "is_error": failed,
        "status": "failed" if failed else "completed",
        "partial": said.get("unfinished") is True,
    }
    key = text(said.get("messageId")) or place
    return told(said).nodes(key, None if parent == ROOT else parent, fields)


def told(said: dict[str, Any]) -> Told:
    found, spoken = Told(), False
    for part in mappings(said.get("content")):
        match part.get("type"):
            case "text" | "error" as kind:
                held = part.get(kind) or part.get("text")
                words = text(held) or text(mapping(held).get("value"))
                found.say(words)
                spoken = spoken or bool(words)
            case "think":
                found.think(text(part.get("think")))
            case "tool_call":
                found.call(call_in(mapping(part.get("tool_call"))))
            case "image_file":
                found.miss(name_of(mapping(part.get("image_file"))))
    if not spoken and not found.calls:
        found.say(text(said.get("text")))
    for file in (*mappings(said.get("files")), *mappings(said.get("attachments"))):
        found.miss(name_of(file))
    return found


def name_of(file: dict[str, Any]) -> str:
    """Their bytes are in no export."""
    named = (file.get("filename"), PurePosixPath(text(file.get("filepath"))).name, file.get("file_id"))
    return next(filter(None, (text(one, 255) for one in named)), "file")


def call_in(said: dict[str, Any]) -> Call:
    """Tools of its assistants say in `function` what they were given."""
    function = mapping(said.get("function"))
    name, arguments = (said.get(one) or function.get(other) for one, other in (("name", "name"), ("args", "arguments")))
    output = said.get("output") or function.get("output")
    return Call(text(said.get("id")), text(name), as_text(arguments), as_text(output), None if output is None else True)
