"""Run by `manage.py shell`: the processor time of one message in the agent alone, by the length of its conversation.
The model answers at once, and nothing is written; what is measured is reading, repairing and encoding the context."""

import statistics
import time
from uuid import uuid4

import orjson
from agents import ModelResponse
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model

from chat_app.agent import answer as module
from chat_app.agent import fallbacks
from chat_app.agent.null_writer import NullWriter
from chat_app.agent.providers.base import ModelCall
from chat_app.agent.providers.responses import ResponsesModel
from chat_app.agent.providers.wire import encoded
from chat_app.agent.transcript import Transcript, Turn, Used
from chat_app.runs.contract import RunRequest
from sessions_app.models import ChatSession
from sessions_app.providers.provider import Provider
from sessions_app.providers.served import Served

LENGTHS = (2, 200, 1000)
TIMES = 40


class Quick(ResponsesModel):
    async def answer(self, model_call: ModelCall) -> ModelResponse:
        encoded(self.body(model_call))
        turn = Turn(self.transcript)
        await turn.text("Hello")
        return await turn.end(self.name, Used(1, 1), sent=0)


def quick(name: str, transcript: Transcript) -> Quick:
    return Quick(name, Served(Provider("", "openai", "https://api.openai.com/v1"), name), transcript)


def conversation(length: int) -> ChatSession:
    alice = get_user_model().objects.get()
    session, _ = ChatSession.objects.open(alice)
    pair = [{"role": "user", "content": "word " * 20}, {"role": "assistant", "content": "word " * 60}]
    session.add_context([*pair * (length // 2), {"role": "user", "content": "go on"}])
    return session


async def message_ms(session: ChatSession) -> float:
    times = []
    for _ in range(TIMES + 1):
        request = RunRequest(uuid4(), session.pk, session.public_id, session.owner_id, "gpt-4.1")
        before = time.process_time()
        outcome = await module.answer(request, NullWriter())
        times.append((time.process_time() - before) * 1000)
        assert outcome.finish_reason == "stop"
    return statistics.median(times[1:])


async def measure() -> dict[int, float]:
    setattr(fallbacks, "model_for", quick)  # noqa: B010  the module does not export it
    return {length: await message_ms(await sync_to_async(conversation)(length)) for length in LENGTHS}


def main() -> None:
    print(orjson.dumps(async_to_sync(measure)(), option=orjson.OPT_NON_STR_KEYS).decode())
