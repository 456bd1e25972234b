"""ChatGPT's `conversations.json`: a mapping of nodes with branches; pictures lie beside it in the zip."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from .tree import Call, Conversation, Found, Node, Told, in_order, mapping, mappings, moment, text, texts_in

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
    nodes = in_order([node for key, one in rows.items() for node in nodes_of(key, one, entries)])
    give_results(nodes, {key for key, one in rows.items() if role_in(one) == "tool"})
    give_thoughts(nodes, {key: thoughts for key, one in rows.items() if (thoughts := thoughts_in(one))})
    named = text(said.get("conversation_id")) or text(said.get("id"))
    session = {
        "title": text(said.get("title"), 255),
        "is_named": bool(text(said.get("title"))),
        "created_at": moment(said.get("create_time")),
        "updated_at": moment(said.get("update_time")),
        "archived": said.get("is_archived") is True,
        "pinned": said.get("is_starred") is True,
    }
    shown, prompts = text(said.get("current_node")) or None, map(instructions_in, rows.values())
    return Conversation("chatgpt", named, session, nodes, shown, next(filter(None, prompts), ""))


def nodes_of(key: str, said: dict[str, Any], entries: Entries) -> list[Node]:
    parent = text(said.get("parent")) or None
    message = mapping(said.get("message"))
    author, about = mapping(message.get("author")), mapping(message.get("metadata"))
    content = mapping(message.get("content"))
    role, recipient = role_in(said), text(message.get("recipient")) or "all"
    if about.get("is_visually_hidden_from_conversation") is True:
        return [Node(key, parent, None)]
    fields = {
        "role": ROLES.get(role, "assistant"),  # a picture that a tool made is an answer
        "created_at": moment(message.get("create_time")),
        "model": text(about.get("model_slug"), 128),
        "partial": message.get("status") == "in_progress",
    }
    found, words = Told(), words_of(content)
    if role == "tool":
        found.call(Call("", text(author.get("name")), "", words, success=not has_failed(content, about)))
    elif recipient != "all":
        if words:
            found.call(Call("", recipient, words))
    elif text(content.get("content_type")) in THOUGHTS or role not in ROLES:
        return [Node(key, parent, None)]
    else:
        found.say(without_marks(words, about) if role == "assistant" else words)
    take_files(content, about, entries, found)
    return found.nodes(key, parent, fields)


def role_in(said: dict[str, Any]) -> str:
    return text(mapping(mapping(said.get("message")).get("author")).get("role"))


def has_failed(content: dict[str, Any], about: dict[str, Any]) -> bool:
    status = text(mapping(about.get("aggregate_result")).get("status"))
    return content.get("content_type") == "system_error" or status.startswith("failed")


def give_results(nodes: Sequence[Node], of_tools: Set[str]) -> None:
    """To the call that they are of; one whose call is not there stays by itself, if it says something. `of_tools` are
    the keys of what tools have said: results, and pictures."""
    known = {node.key: node for node in nodes}
    calls, results = list[Node](), list[Node]()
    for node in nodes:
        if node.said is not None and node.said["role"] == "tool_call":
            (calls if node.said["tool_success"] is None else results).append(node)
    given: dict[str, list[dict[str, Any]]] = {node.key: [] for node in calls}
    for node in results:
        said = node.said or {}
        if (call := call_of(node, known, given, of_tools)) is not None:
            given[call].append(said)
        if call is not None or not said["tool_result"]:
            node.said = None
    for node in calls:
        if node.said is not None and (some := given[node.key]):
            node.said["tool_result"] = "\n\n".join(filter(None, (said["tool_result"] for said in some)))
            node.said["tool_success"] = all(said["tool_success"] for said in some)


def call_of(
    result: Node, known: Mapping[str, Node], given: Mapping[str, Sequence[Any]], of_tools: Set[str]
) -> str | None:
    """Among those above it that no words of anybody part from it: the first that waits, rather one of its own tool."""
    above, at = list[str](), known.get(result.parent or "")
    for _ in range(NEAR):
        if at is None or (at.said is not None and at.said["role"] != "tool_call" and at.key not in of_tools):
            break
        if at.key in given:
            above.append(at.key)
        at = known.get(at.parent or "")
    waiting = [key for key in reversed(above) if not given[key]]
    same = [key for key in (*waiting, *above) if tool_in(known[key]) == tool_in(result)]
    return next(iter((*same, *waiting)), None)


NEAR = 50  # messages that are looked at for a call


def tool_in(node: Node) -> str:
    """`web` for `web.run`, too."""
    return (node.said or {})["tool_name"].partition(".")[0]


THOUGHTS = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")


def instructions_in(said: dict[str, Any]) -> str:
    """What the person has told all models of themselves."""
    content = mapping(mapping(said.get("message")).get("content"))
    told = (text(content.get(name)) for name in ("user_instructions", "user_profile"))
    return next(filter(None, told), "") if content.get("content_type") == "user_editable_context" else ""


def thoughts_in(said: dict[str, Any]) -> str:
    content = mapping(mapping(said.get("message")).get("content"))
    thoughts = mappings(content.get("thoughts")) if content.get("content_type") == "thoughts" else []
    return "\n\n".join(filter(None, (text(one.get("content")) or text(one.get("summary")) for one in thoughts)))


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
    it is told in Markdown, or something to be shown beside. Older references, `【1†source】`, have an address."""
    links = [(mark, link) for mark, link in (*cited(words, about), *referred(about)) if link]
    told, room = dict(links), TIMES * sum(len(link) for _, link in links)

    def tell(found: re.Match[str]) -> str:
        nonlocal room
        link = told.get(found[0], "")
        if not link or len(link) > room:
            return found[0] if found[0].startswith(OLD_MARK) else ""
        room -= len(link)
        return link

    return MARKED.sub(tell, words)


def cited(words: str, about: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Marks, and the links that stand for them; here by their places in the words."""
    for one in mappings(about.get("citations")):
        start, end = one.get("start_ix"), one.get("end_ix")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= start + MAX_MARK:
            yield words[start:end], link_in(mapping(one.get("metadata")))


def referred(about: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in mappings(about.get("content_references")):
        yield text(one.get("matched_text")), text(one.get("alt")) or link_in(one)


def link_in(reference: dict[str, Any]) -> str:
    """In Markdown; empty where it has no address."""
    url = text(reference.get("url"))
    title = text(reference.get("title"), 255).translate(BRACKETS)
    return f"([{title or url}]({quote(url, safe=IN_LINK)}))" if url.startswith(("http://", "https://")) else ""


TIMES = 10  # as much as was told, at most, so that it does not grow without end
MAX_MARK = 200
OLD_MARK = "【"
MARKED = re.compile(f"\ue200[^\ue200\ue201]*\ue201|【[^【】]{{1,{MAX_MARK}}}】")
BRACKETS = str.maketrans("", "", "[]\n")
IN_LINK = "%/:?#&=+,;@!$'*~"


def words_of(content: dict[str, Any]) -> str:
    """Text, and what was spoken; code and the output of tools in their place."""
    return "\n\n".join(texts_in(content.get("parts"))) or text(content.get("text")) or text(content.get("result"))


def take_files(content: dict[str, Any], about: dict[str, Any], entries: Entries, found: Told) -> None:
    """Pictures, what was spoken, and documents that came with the words; what is not in the archive is named."""
    attached = [(text(one.get("id")), text(one.get("name"), 255)) for one in mappings(about.get("attachments"))]
    names = dict(attached)
    kinds = {id_in(pointer): kind for kind, pointer in pointers(content, about) if id_in(pointer)}
    of_no_pointer = [(id, "file", name) for id, name in attached if id not in kinds]
    for id, kind, name in [*((id, kind, names.get(id, "")) for id, kind in kinds.items()), *of_no_pointer]:
        if (entry := entries.named(id)) is not None:
            found.files.append(Found(entry, name or PurePosixPath(entry).name))
        elif id or name:
            found.miss(name or f"{kind} {id}", "voice" if kind == "audio" else "files")


def pointers(content: dict[str, Any], about: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each with what it points to: an image, say."""
    for part in mappings(content.get("parts")):
        for one in (part, *(mapping(part.get(f"{name}_asset_pointer")) for name in ("audio", "video_container"))):
            yield text(one.get("content_type")).partition("_")[0], text(one.get("asset_pointer"))
    for one in mappings(mapping(about.get("aggregate_result")).get("messages")):
        yield "image", text(one.get("image_url"))


def id_in(pointer: str) -> str:
    id = next((pointer.removeprefix(start) for start in POINTERS if pointer.startswith(start)), "")
    return id.partition("#")[0]


# What was uploaded lies in the archive by its id, and may end in .json, too.
UPLOAD = re.compile(r"file(-[A-Za-z0-9]{20,}|_[0-9a-f]{20,})\b")
