"""Open WebUI's exported chats: a history with branches."""

from __future__ import annotations

import html
import re
from typing import Any

from files_app.transfer.embedded import Keep, picture_in

from .tree import Call, Conversation, Found, Node, Told, as_text, mapping, mappings, moment, text, texts_in


def conversation(said: dict[str, Any], keep: Keep) -> Conversation:
    """`said` is a row of the export, or only the chat that it holds."""
    chat = mapping(said.get("chat")) or said
    history = mapping(chat.get("history"))
    told = mapping(history.get("messages"))
    rows = list(told.items()) if told else listed(chat)
    nodes = [node for key, one in rows for node in nodes_of(key, mapping(one), keep)]
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
    prompt = text(mapping(chat.get("params")).get("system")) or text(chat.get("system"))
    return Conversation("openwebui", id, session, nodes, text(history.get("currentId")) or None, prompt)


def listed(chat: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Of old versions, which had no branches."""
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, message in enumerate(mappings(chat.get("messages"))):
        before = rows[-1][0] if rows else None
        rows.append((text(message.get("id")) or str(number), message | {"parentId": before}))
    return rows


def nodes_of(key: str, said: dict[str, Any], keep: Keep) -> list[Node]:
    role = text(said.get("role"))
    failed = bool(said.get("error"))
    fields = {
        "role": role if role in ("user", "assistant") else "system",
        "model": text(said.get("model"), 128),
        "created_at": moment(said.get("timestamp")),
        "is_error": failed,
        "status": "failed" if failed else "completed",
    }
    found = Told()
    if role == "assistant":
        read_output(mappings(said.get("output")), found, keep)
    if not found.is_spoken:  # else the same stands in the content, or nothing
        content = "\n\n".join(texts_in(said.get("content")))
        if BLOCK in content:
            found.parts.clear()
        if role == "assistant":
            read_answer(content, found)
        else:
            found.say(content)
    shown = [mapping(part.get("image_url")) for part in mappings(said.get("content"))]
    for file in (*mappings(said.get("files")), *({"type": "image", **one} for one in shown if one)):
        take_file(file, found, keep)
    found.say(failure_in(said.get("error")))
    return found.nodes(key, text(said.get("parentId")) or None, fields)


def failure_in(error: Any) -> str:
    about = mapping(error)
    return text(error) or next(filter(None, (text(about.get(name)) for name in ("content", "message", "detail"))), "")


def take_file(said: dict[str, Any], found: Told, keep: Keep) -> None:
    """Pictures may stand in it, and the text of what was read; all else lies in that product's own storage."""
    file, url = mapping(said.get("file")), text(said.get("url"))
    named = (said.get("name"), file.get("filename"), said.get("title"), said.get("type"))
    name = next(filter(None, (text(one, 255) for one in named)), "")
    if (picture := picture_in(url)) is not None:
        data, kind = picture
        found.files.append(Found(keep(data), text(said.get("name")) or f"picture.{kind}"))
    else:
        found.quote(name, text(mapping(file.get("data")).get("content")))


def read_output(output: list[dict[str, Any]], found: Told, keep: Keep) -> None:
    """What newer versions keep of an answer: items in the shape of the Responses API, and some of their own."""
    results = {text(item.get("call_id")): item for item in output if item.get("type") == RESULT}
    for item in output:
        id = text(item.get("call_id")) or text(item.get("id"))
        match text(item.get("type")):
            case "reasoning":
                found.think("".join(texts_in(item.get("summary")) or texts_in(item.get("content"))))
            case "function_call":
                result = results.pop(id, {})
                found.call(Call(id, text(item.get("name")), as_text(item.get("arguments")),
                                "".join(texts_in(result.get("output"))), success_of(result or item)))  # fmt: skip
                for file in mappings(result.get("files")):
                    take_file(file, found, keep)
            case "open_webui:code_interpreter":
                found.call(Call(id, "code_interpreter", text(item.get("code")), printed(item.get("output")),
                                success_of(item)))  # fmt: skip
            case "web_search_call" | "file_search_call" | "computer_call" as kind:
                asked = item.get("action") or item.get("actions") or item.get("queries")
                found.call(Call(id, kind.removesuffix("_call"), as_text(asked), success=success_of(item)))
            case kind if kind != RESULT:
                read_answer("".join(texts_in(item.get("content"))), found)


RESULT = "function_call_output"


def success_of(item: dict[str, Any]) -> bool | None:
    """Results need not say it."""
    status = text(item.get("status")) or ("completed" if item.get("type") == RESULT else "")
    return {"completed": True, "failed": False, "incomplete": False}.get(status)


def printed(output: Any) -> str:
    if not isinstance(output, dict):
        return as_text(output)
    return "\n".join(filter(None, (as_text(output.get(name)) for name in ("stdout", "stderr", "result"))))


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
