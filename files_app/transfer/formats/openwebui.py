"""Open WebUI's exported chats: a history with branches."""

from __future__ import annotations

import html
import re
from typing import Any

from .tree import Call, Conversation, Node, Told, mapping, mappings, moment, text


def conversation(said: dict[str, Any]) -> Conversation:
    """`said` is a row of the export, or only the chat that it holds."""
    chat = mapping(said.get("chat")) or said
    history = mapping(chat.get("history"))
    told = mapping(history.get("messages"))
    nodes = [node for key, one in told.items() for node in nodes_of(key, mapping(one))] if told else listed(chat)
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
        before = nodes[-1].key if nodes else None
        nodes += nodes_of(text(message.get("id")) or str(number), message | {"parentId": before})
    return nodes


def nodes_of(key: str, said: dict[str, Any]) -> list[Node]:
    role = text(said.get("role"))
    failed = bool(said.get("error"))
    fields = {
        "role": role if role in ("user", "assistant") else "system",
        "model": text(said.get("model"), 128),
        "created_at": moment(said.get("timestamp")),
        "is_error": failed,
        "status": "failed" if failed else "completed",
    }
    content, found = text(said.get("content")), Told()
    if role == "assistant":
        read_answer(content, found)
    else:
        found.say(content)
    return found.nodes(key, text(said.get("parentId")) or None, fields)


def read_answer(content: str, found: Told) -> None:
    """Thoughts, and calls of tools, stand in it as HTML: `<details type="reasoning" …>`. All else stays as it is."""
    at = 0
    while (start := content.find(BLOCK, at)) >= 0:
        head, end = content.find(">", start), content.find(BLOCK_END, start)
        if not start < head < end:
            break
        kind, named = content[start + len(BLOCK) : head].partition('"')[0], content[start:head]
        if kind in ("reasoning", "tool_calls"):
            found.say(content[at:start].strip())
            inside = content[head + 1 : end].partition(SUMMARY_END)
            if kind == "reasoning":
                found.think(thought_in(inside[2] or inside[0]))
            else:
                found.call(call_in(dict(ATTRIBUTE.findall(named))))
        else:
            found.say(content[at : end + len(BLOCK_END)].strip())
        at = end + len(BLOCK_END)
    found.say(content[at:].strip() if at else content)


def thought_in(block: str) -> str:
    """Quoted, line by line."""
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in html.unescape(block).strip().split("\n"))


def call_in(said: dict[str, str]) -> Call:
    values = {name: html.unescape(value) for name, value in said.items()}
    done = values.get("done") == "true"
    return Call(
        values.get("id", ""),
        values.get("name", ""),
        values.get("arguments", ""),
        values.get("result", ""),
        success=True if done else None,
    )


BLOCK, BLOCK_END, SUMMARY_END = '<details type="', "</details>", "</summary>"
ATTRIBUTE = re.compile(r'\b(\w+)="([^"]*)"')  # begins at a word's beginning, else a long one is read from each letter
