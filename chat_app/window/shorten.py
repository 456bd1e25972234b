"""Items that are given to the model in part, because the whole would take too much of its window."""

from typing import Any

import orjson

from sessions_app.models import Compaction

Item = dict[str, Any]
READER = "read_result"  # the tool that reads what is left out of a result
HEAD_SHARE = 0.7  # of what is left: results say what they are at their beginning


def given(item: Item, position: int, tokens: int, compaction: Compaction | None) -> Item:
    """The item as the model is given it while `compaction` is in force; always the same, so that providers can cache
    it."""
    if compaction is None or position > compaction.shortened_through or position in compaction.pinned:
        return item
    limit = limit_of(item, compaction.result_tokens, compaction.text_tokens)
    return shortened(item, position, limit / tokens) if limit and tokens > limit else item


def is_of_tool(item: Item) -> bool:
    return item.get("type") in ("function_call", "function_call_output")


def limit_of(item: Item, result_tokens: int, text_tokens: int) -> int:
    """In tokens; 0: none."""
    if item.get("type") == "reasoning":
        return 0
    return result_tokens if is_of_tool(item) else text_tokens


def shortened(item: Item, position: int, share: float) -> Item:
    """Of a tool's result it says how to read the whole."""
    match item.get("type"):
        case "function_call_output":
            return {**item, "output": without_middle(text_of_output(item), share, f"; {READER}({position}) reads them")}
        case "function_call":
            return {**item, "arguments": _arguments(str(item.get("arguments") or "{}"), share)}
    content = item.get("content")
    if isinstance(content, list):
        return {**item, "content": [_part(part, share) for part in content]}
    return {**item, "content": without_middle(str(content or ""), share)}


def without_middle(text: str, share: float, and_how: str = "") -> str:
    kept = int(len(text) * share)
    head, tail = int(kept * HEAD_SHARE), kept - int(kept * HEAD_SHARE)
    left_out = len(text) - head - tail
    note = f"\n[… {left_out} characters are left out here to save room{and_how} …]\n"
    return text if left_out <= len(note) else text[:head] + note + text[len(text) - tail :]


def text_of_output(item: Item) -> str:
    output = item.get("output")
    return output if isinstance(output, str) else orjson.dumps(output).decode()


def _part(part: Any, share: float) -> Any:
    return (
        {**part, "text": without_middle(str(part["text"]), share)}
        if isinstance(part, dict) and part.get("text")
        else part
    )


def _arguments(arguments: str, share: float) -> str:
    """Still the JSON of an object, with its long texts cut."""
    try:
        given = orjson.loads(arguments)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return "{}"
    whole = {name: without_middle(value, share) if isinstance(value, str) else value for name, value in given.items()}
    text = orjson.dumps(whole).decode()
    return text if len(text) < len(arguments) else orjson.dumps({"left_out": f"{len(arguments)} characters"}).decode()
