"""ChatGPT's `conversations.json`: a mapping of nodes with branches; pictures lie beside it in the zip."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from files_app.transfer.records import FileLine

from .tree import Conversation, Node, items, mapping, moment, shown_beside, text, word

ROLES = {"user": "user", "assistant": "assistant", "system": "system"}
POINTERS = ("file-service://", "sediment://")


class Entries:
    """Of an archive, found by how the last part of their name begins: a picture's is its id and more."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted((PurePosixPath(name).name, name) for name in names)

    def named(self, id: str) -> str | None:
        at = bisect_left(self._names, (id,))
        return self._names[at][1] if id and at < len(self._names) and self._names[at][0].startswith(id) else None


def conversation(said: dict[str, Any], entries: Entries) -> Conversation:
    rows = {key: mapping(one) for key, one in mapping(said["mapping"]).items()}
    nodes = [node(key, one, entries) for key, one in rows.items()]
    give_thoughts(nodes, {key: thoughts for key, one in rows.items() if (thoughts := thoughts_in(one))})
    named = text(said.get("conversation_id")) or text(said.get("id"))
    session = {
        "title": text(said.get("title"), 255),
        "is_named": bool(said.get("title")),
        "created_at": moment(said.get("create_time")),
        "updated_at": moment(said.get("update_time")),
        "archived": said.get("is_archived") is True,
        "pinned": said.get("is_starred") is True,
    }
    return Conversation("chatgpt", named, session, nodes, text(said.get("current_node")) or None)


def node(key: str, said: dict[str, Any], entries: Entries) -> Node:
    parent = text(said.get("parent")) or None
    message = mapping(said.get("message"))
    author, about = mapping(message.get("author")), mapping(message.get("metadata"))
    content = mapping(message.get("content"))
    if not message or about.get("is_visually_hidden_from_conversation") is True:
        return Node(key, parent, None)
    files = files_of(key, content, about, entries, moment(message.get("create_time")))
    words = words_of(content)
    role, recipient = text(author.get("role")), text(message.get("recipient")) or "all"
    fields: dict[str, Any] = {"created_at": moment(message.get("create_time"))}
    if role == "tool" and files:  # a picture that was made is an answer
        fields |= {"role": "assistant", "model": text(about.get("model_slug"), 128)}
    elif role == "tool" or recipient != "all":
        name = text(author.get("name")) if role == "tool" else recipient
        half = {"tool_result": words} if role == "tool" else {"tool_arguments": words}
        fields |= {"role": "tool_call", "tool_name": name[:255], "tool_success": True, **half}
    elif text(content.get("content_type")) in THOUGHTS or role not in ROLES:
        return Node(key, parent, None)
    else:
        words = without_marks(words, about) if role == "assistant" else words
        fields |= {"role": ROLES[role], "content": words, "model": text(about.get("model_slug"), 128)}
        fields["partial"] = text(message.get("status")) == "in_progress"
    return Node(key, parent, fields if words or files else None, files)


THOUGHTS = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")


def thoughts_in(said: dict[str, Any]) -> str:
    content = mapping(mapping(said.get("message")).get("content"))
    thoughts = shown_beside(content.get("thoughts")) if content.get("content_type") == "thoughts" else []
    return "\n\n".join(filter(None, (word(one.get("content")) or word(one.get("summary")) for one in thoughts)))


def give_thoughts(nodes: Iterable[Node], thoughts: dict[str, str]) -> None:
    """To the answer that follows them; what several answers follow, to the first."""
    known, given = {node.key: node for node in nodes}, set[str]()
    for node in known.values():
        if node.said is None or node.said["role"] != "assistant":
            continue
        found, at = list[str](), known.get(node.parent or "")
        while at is not None and at.key not in given and (at.said is None or at.said["role"] == "tool_call"):
            given.add(at.key)
            found.append(thoughts.get(at.key, ""))
            at = known.get(at.parent or "")
        node.said["reasoning"] = "\n\n".join(filter(None, reversed(found)))


def without_marks(words: str, about: dict[str, Any]) -> str:
    """What stands between marks that no font has is for that product's page alone: a reference, which says itself how
    it is told in Markdown, or something to be shown beside."""
    if MARK not in words:
        return words
    told = {
        word(one.get("matched_text")): word(one.get("alt")) for one in shown_beside(about.get("content_references"))
    }
    return MARKED.sub(lambda found: told.get(found[0], ""), words)


MARK = "\ue200"
MARKED = re.compile("\ue200[^\ue200\ue201]*\ue201")


def words_of(content: dict[str, Any]) -> str:
    """Text, and what was spoken; code and the output of tools in their place."""
    parts = []
    for part in items(content.get("parts")):
        if isinstance(part, str):
            parts.append(text(part))
        elif "text" in mapping(part):
            parts.append(text(part["text"]))
    return "\n\n".join(filter(None, parts)) or text(content.get("text")) or text(content.get("result"))


def files_of(key: str, content: dict[str, Any], about: dict[str, Any], entries: Entries, at: Any) -> list[FileLine]:
    """Pictures, and documents that came with the words: those that are in the archive, each once."""
    found: dict[str, FileLine] = {}

    def take(id: str) -> None:
        entry = entries.named(id)
        if entry is not None and entry not in found and at is not None:
            line = FileLine(id=f"{len(found)}-{key}"[:64], folder="sources", name=PurePosixPath(entry).name,
                            modified_at=at, entry=entry)  # fmt: skip
            found[entry] = line

    for part in items(content.get("parts")):
        pointer = text(part.get("asset_pointer")) if isinstance(part, dict) else ""
        id = next((pointer.removeprefix(start) for start in POINTERS if pointer.startswith(start)), "")
        take(id.partition("#")[0])
    for one in shown_beside(about.get("attachments")):
        take(word(one.get("id")))
    return list(found.values())


# What was uploaded lies in the archive by its id, and may end in .json, too.
UPLOAD = re.compile(r"file(-[A-Za-z0-9]{20,}|_[0-9a-f]{20,})\b")
