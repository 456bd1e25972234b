"""The model that answers without an API key: offline, always the same, and it says so."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from agents import FunctionTool, ModelResponse

from chat_app.agent.dialect import text_of
from chat_app.agent.transcript import Turn, Used
from chat_app.runs.contract import Item
from sessions_app import catalogue

from .base import ModelCall, RunModel
from .wire import encoded

WORD_PAUSE_S = 0.02
MAX_COUNT = 1000
LONG_PARAGRAPHS = 12

INTRODUCTION = (
    "I am the offline demo model of Chat Juicer: {why}, so no language model reads this. "
    "I can show how everything works, though."
)
NO_KEY, CHOSEN = "no API key is set", "this session was made with me"
HINTS = (
    "Try “what time is it”, “list my files”, “count to 200” or “write a long answer”. "
    "Stop me in the middle or reload the page: nothing is lost. "
)
WITH_KEY = "With `OPENAI_API_KEY` in the environment a real model answers here."
CHOOSE = "A real model is there: choose it for this session, and it answers."


class DemoModel(RunModel):
    async def answer(self, model_call: ModelCall) -> ModelResponse:
        turn = Turn(self.transcript)
        sent = len(encoded(model_call.items))
        try:
            await self._say(model_call, turn)
        except BaseException:
            turn.cut_off(self.name, sent)
            raise
        return await turn.end(self.name, Used(), sent)

    async def _say(self, model_call: ModelCall, turn: Turn) -> None:
        since = _since_last_user(model_call.items)
        asked = text_of(since[0]) if since else ""
        results = [str(item.get("output")) for item in since if item.get("type") == "function_call_output"]
        call = None if results else wanted_call(asked, {tool.name for tool in model_call.tools if _is_function(tool)})
        if call is not None:
            name, arguments = call
            call_id = await turn.call_detected("", name)
            text = orjson.dumps(arguments).decode()
            await turn.call_arguments(call_id, text)
            await turn.call(call_id, name, text)
        else:
            for word in words(reply(asked, results)):
                await turn.text(word)
                await asyncio.sleep(WORD_PAUSE_S)
            await turn.message()


def _is_function(tool: object) -> bool:
    return isinstance(tool, FunctionTool)


def words(text: str) -> Iterator[str]:
    """Words with the space before them; together they are `text`."""
    return (found.group() for found in re.finditer(r"\s*\S+|\s+$", text))


def reply(asked: str, results: list[str]) -> str:
    if results:
        return "This is what the tool answered:\n\n" + "\n\n".join(_shown(result) for result in results)
    if count := re.search(r"\bcount\s+(?:up\s+)?to\s+(\d{1,9})\b", asked, re.IGNORECASE):
        top = min(int(count.group(1)), MAX_COUNT)
        return f"Counting as the offline demo model: {', '.join(map(str, range(1, top + 1)))}."
    if re.search(r"\b(long|lengthy)\b.*\b(answer|text|story|essay|message|reply)\b", asked, re.IGNORECASE | re.DOTALL):
        return _long_answer()
    quoted = "\n".join(f"> {line}" for line in asked.strip().splitlines() or [""])
    alone = catalogue.provider() == "demo"
    introduction = INTRODUCTION.format(why=NO_KEY if alone else CHOSEN)
    return f"{introduction}\n\nYou said:\n\n{quoted}\n\n{HINTS}{WITH_KEY if alone else CHOOSE}"


def _long_answer() -> str:
    paragraphs = (
        f"**Paragraph {number} of {LONG_PARAGRAPHS}.** This is the offline demo model filling a page so that there is "
        "something to scroll, to stop and to reload. Each word is written to the log before anyone sees it, so "
        "a second window, a lost connection or a new start of the server all show the same text."
        for number in range(1, LONG_PARAGRAPHS + 1)
    )
    return "A long answer, as asked.\n\n" + "\n\n".join(paragraphs)


def _shown(result: str) -> str:
    try:
        answer = orjson.loads(result)
    except ValueError:
        answer = None
    match answer:
        case {"success": True, "entries": list(entries)}:
            lines = (f"- `{entry['path']}`" for entry in entries if entry["type"] == "file")
            return "\n".join(lines) or "No files."
        case {"success": True, "content": str(content)}:
            return f"```\n{content}\n```"
        case {"success": False, "error": str(error)}:
            return error
    return f"```\n{result}\n```" if "\n" in result or result.startswith(("{", "[")) else result


Arguments = dict[str, Any]
# What one can ask for in plain words: pattern, tool, its arguments from the match.
_ASKS: list[tuple[str, str, Callable[[re.Match[str]], Arguments]]] = [
    (
        r"\b(?:list|show|what)\b.*\bfiles\b(?:\s+in\s+(?P<path>[\w./-]+))?",
        "list_directory",
        lambda found: {"path": found["path"] or "."},
    ),
    (
        r"\bread\s+(?:me\s+)?(?:the\s+)?(?:file\s+)?[`\"']?(?P<path>[\w./-]+\.\w+)",
        "read_file",
        lambda found: {"file_path": found["path"], "head": None, "tail": None},
    ),
    (
        r"\bsearch\s+(?:the\s+|my\s+)?(?:files\s+)?for\s+[`\"']?(?P<pattern>[^\s`\"']+)",
        "search_files",
        lambda found: {"pattern": found["pattern"], "base_path": "."},
    ),
    (
        r"\bwhat(?:\s+time\s+is\s+it|['’]?s?\s+(?:is\s+)?the\s+(?:current\s+)?time)\b(?:.*?\bin\s+(?P<zone>\w+/\w+))?",
        "current_time",
        lambda found: {"timezone": found["zone"] or "UTC"},
    ),
]


def wanted_call(asked: str, tools: set[str]) -> tuple[str, Arguments] | None:
    for pattern, name, arguments in _ASKS:
        found = re.search(pattern, asked, re.IGNORECASE)
        if found and name in tools:
            return name, arguments(found)
    return None


def _since_last_user(items: list[Item]) -> list[Item]:
    start = max((index for index, item in enumerate(items) if item.get("role") == "user"), default=len(items))
    return items[start:]
