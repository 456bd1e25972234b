"""What is started before the first run and stopped after the last."""

import asyncio
from uuid import UUID

import orjson
from agents import ModelResponse
from agents.models.chatcmpl_converter import Converter as ChatConverter
from agents.models.openai_responses import Converter as ResponsesConverter

from chat_app.runs.contract import RunRequest

from .asker import Asker
from .mcp import start_shared, stop_all
from .null_writer import NullWriter
from .providers.base import ModelCall, RunModel
from .providers.upkeep import upkeep
from .providers.wire import client, close_client
from .tool_loop import run_tools
from .tools import TOOLS
from .transcript import Transcript, Turn, Used

_WARM_UP = RunRequest(UUID(int=0), UUID(int=0), "", UUID(int=0), "warm-up", history=[{"role": "user", "content": "Hi"}])


async def warm_up() -> None:
    """Execute one run that belongs to nobody. The first run through the SDK takes half a second longer than others, for
    what it imports, builds and compiles."""
    transcript = Transcript(_WARM_UP, NullWriter())
    asker = Asker(transcript, WarmUpModel("warm-up", transcript), TOOLS)
    await run_tools(await asker.ask(), asker, max_turns=2)
    ResponsesConverter.convert_tools(TOOLS, [])
    ChatConverter.items_to_messages([{"role": "user", "content": "Hi"}], model="warm-up")


def start_up() -> None:
    """On the loop on which runs are executed from now on: the client, and the shared MCP servers."""
    client()
    upkeep.start()
    global _starting
    _starting = asyncio.create_task(start_shared())


_starting: asyncio.Task[None] | None = None


async def shut_down() -> None:
    if _starting is not None:
        _starting.cancel()
    await upkeep.stop()
    await stop_all()
    await close_client()


class WarmUpModel(RunModel):
    """Calls a tool, then answers: the two things that any run does."""

    async def answer(self, model_call: ModelCall) -> ModelResponse:
        turn = Turn(self.transcript)
        if model_call.items[-1].get("type") == "function_call_output":
            await turn.text("Hello")
            await turn.message()
        else:
            call_id = await turn.call_detected("", "current_time")
            await turn.call(call_id, "current_time", orjson.dumps({"timezone": "UTC"}).decode())
        return await turn.end(self.name, Used(1, 1), sent=0)
