"""Makes a history valid for any provider, whatever a crash, a stop or another provider has left in it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from chat_app.models.ending import INTERRUPTED_RESULT
from chat_app.runs.contract import Item
from files_app.attachments import REFERENCE

from .provider_data import is_of, with_data_of

NO_OUTPUT = "(no output)"
_ROLES = ("user", "assistant", "system", "developer")
_ATTACHMENTS = ("input_image", "input_file", "input_audio")
_BY_ADDRESS = ("file_url", "file_id")
_OURS = (REFERENCE, "data:")
_NOT_HERE = {"type": "input_text", "text": "(Something that was attached here cannot be shown.)"}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def repaired(items: Iterable[Any], origin: str = "", *, finished: bool = False) -> list[Item]:
    """`items` as both APIs take them, oldest first; the given ones are not changed.

    Each tool call is followed by its one output before any message. Ids are left out: only the provider that made
    them could look them up, and we ask it to store nothing. Reasoning is kept for the
    turn in progress only, which none is among those that are `finished`: providers drop older reasoning anyway, and one
    model cannot read another's. What a provider has added to its calls stays with those of `origin`; see
    provider_data.py.
    """
    known = [item for item in items if isinstance(item, dict)]
    outputs = {
        item["call_id"]: item
        for item in known
        if item.get("type") == "function_call_output" and isinstance(item.get("call_id"), str)
    }
    last_user = len(known) if finished else _last_user(known)
    return list(_without_dangling_reasoning(_paired(known, outputs, last_user, origin)))


def _last_user(items: list[Item]) -> int:
    return next((index for index in reversed(range(len(items))) if items[index].get("role") == "user"), -1)


def _paired(items: list[Item], outputs: dict[str, Item], last_user: int, origin: str) -> Iterator[Item]:
    called: set[str] = set()
    waiting: list[str] = []  # calls whose outputs have not been given yet
    answering = False  # the first of those outputs has been met
    for index, item in enumerate(items):
        kind = item.get("type", "message")
        if kind == "function_call_output":
            answering = answering or item.get("call_id") in waiting
            continue
        valid = _valid(kind, item, keep_reasoning=index > last_user and is_of(origin, item))
        if valid is None or (kind == "function_call" and valid["call_id"] in called):
            continue
        if waiting and (answering or kind == "message"):
            yield from (_output(call_id, outputs.get(call_id)) for call_id in waiting)
            waiting, answering = [], False
        if kind == "function_call":
            called.add(valid["call_id"])
            valid = with_data_of(origin, item, valid)
            waiting.append(valid["call_id"])
        yield valid
    yield from (_output(call_id, outputs.get(call_id)) for call_id in waiting)


def _without_dangling_reasoning(items: Iterable[Item]) -> Iterator[Item]:
    """Reasoning must stand before what it led to."""
    held: list[Item] = []
    for item in items:
        if item.get("type") == "reasoning":
            held.append(item)
            continue
        if held and (item.get("type") == "function_call" or item.get("role") == "assistant"):
            yield from held
        held = []
        yield item


def _valid(kind: Any, item: Item, *, keep_reasoning: bool) -> Item | None:
    match kind:
        case "message":
            return _message(item)
        case "function_call":
            return _call(item)
        case "reasoning" if keep_reasoning and item.get("encrypted_content"):
            summary = [part for part in item.get("summary") or [] if isinstance(part, dict) and part.get("text")]
            return {"type": "reasoning", "summary": summary, "encrypted_content": item["encrypted_content"]}
        case _:
            return None


def _message(item: Item) -> Item | None:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        return None
    if isinstance(content, list):
        parts = _without_addresses(content)
        # An assistant's parts carry annotations and log-probabilities that are output only, and a system's
        # can be nothing but text: the plain text is the same to the model.
        attached = [part for part in parts if part.get("type") in _ATTACHMENTS] if role == "user" else []
        text = text_of_parts(parts)
        content = [*([{"type": "input_text", "text": text}] if text else []), *attached] if attached else text
    if not isinstance(content, str | list) or not content or (isinstance(content, str) and not content.strip()):
        return None
    return {"type": "message", "role": role, "content": content}


def _without_addresses(parts: list[Any]) -> list[Item]:
    """Nothing that a provider would fetch: one that runs beside this server reaches what strangers cannot, and an
    import may name any address."""
    return [part if _is_here(part) else _NOT_HERE for part in parts if isinstance(part, dict)]


def _is_here(part: Item) -> bool:
    image = part.get("image_url")
    return not any(part.get(name) for name in _BY_ADDRESS) and (not image or str(image).startswith(_OURS))


def text_of_parts(parts: list[Item]) -> str:
    texts = (part.get("text") or part.get("refusal") for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _call(item: Item) -> Item | None:
    call_id, name, arguments = item.get("call_id"), item.get("name"), item.get("arguments")
    if not (isinstance(call_id, str) and call_id and isinstance(name, str) and name):
        return None
    if not _NAME.fullmatch(name):
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]
    if not isinstance(arguments, str) or not _is_object(arguments):
        arguments = "{}"
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(orjson.loads(arguments), dict)
    except ValueError:
        return False


def _output(call_id: str, item: Item | None) -> Item:
    output = INTERRUPTED_RESULT if item is None else item.get("output")
    if isinstance(output, list):
        output = _without_addresses(output)
    elif not isinstance(output, str):
        output = "" if output is None else str(output)
    return {"type": "function_call_output", "call_id": call_id, "output": output or NO_OUTPUT}
