"""How a history is put to models whose chat templates are strict, as those of many open models are: one system message
at the very beginning, and after it turns that alternate."""

from collections.abc import Iterable
from typing import Any

from chat_app.runs.contract import Item

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
