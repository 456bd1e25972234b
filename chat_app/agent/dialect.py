"""How a history is put to models whose chat templates are strict, as those of many open models are: one system message
at the very beginning, and after it turns that alternate; and what else a kind of providers wants of it."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from chat_app.runs.contract import Item
from sessions_app.providers.kinds import ProviderKind

from .repair import text_of_parts

SYSTEM = ("system", "developer")


def leading(items: list[Item]) -> int:
    """How many of `items`, from the first on, are system messages: they belong to the one at the beginning."""
    return next((index for index, item in enumerate(items) if item.get("role") not in SYSTEM), len(items))


def text_of(item: Item) -> str:
    content = item.get("content")
    return text_of_parts(content) if isinstance(content, list) else str(content or "")


def alternating(items: Iterable[Item]) -> list[Item]:
    """Valid items without system messages, and without two messages in a row of the same role.

    A system message becomes a note in a person's turn, in brackets: so models have been trained to be told that an
    answer was stopped.
    """
    turns: list[Item] = []
    for item in items:
        turn = _note(item) if item.get("role") in SYSTEM else item
        if turns and turn.get("role") and turns[-1].get("role") == turn["role"]:
            turns[-1] = {**turns[-1], "content": _joined(turns[-1]["content"], turn["content"])}
        else:
            turns.append(turn)
    return turns


def _note(item: Item) -> Item:
    return {"type": "message", "role": "user", "content": f"[{text_of(item)}]"}


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Any]:
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def one_answer(messages: list[Any]) -> list[Any]:
    """Chat messages in which what an assistant says and the calls that it makes next are one."""
    joined: list[Any] = []
    for message in messages:
        if joined and message.get("role") == "assistant" and joined[-1].get("role") == "assistant":
            texts = filter(None, (joined[-1].get("content"), message.get("content")))
            joined[-1] = {**joined[-1], **message, "content": "\n\n".join(texts) or None}
        else:
            joined.append(message)
    return joined


STOPPED = "I was stopped before I could answer."


def as_kind_takes(messages: list[Any], kind: ProviderKind) -> list[Any]:
    """Chat messages with ids of calls, and in an order, that providers of that kind take."""
    if kind.call_id is not None:
        for message in messages:
            for call in message.get("tool_calls") or ():
                call["id"] = call_id_for(kind, call["id"])
            if "tool_call_id" in message:
                message["tool_call_id"] = call_id_for(kind, message["tool_call_id"])
    return list(_answered(messages)) if kind.answers_tools else messages


def call_id_for(kind: ProviderKind, call_id: str) -> str:
    """`call_id`, or the one that always stands for it where it is no id to providers of that kind."""
    if kind.call_id is None or kind.call_id.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode(errors="replace")).hexdigest()[: kind.call_id_chars]


def _answered(messages: list[Any]) -> Iterator[Any]:
    after_tool = False
    for message in messages:
        if after_tool and message.get("role") == "user":
            yield {"role": "assistant", "content": STOPPED}
        after_tool = message.get("role") == "tool"
        yield message
