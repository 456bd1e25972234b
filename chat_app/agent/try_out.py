"""Whether a provider answers, when an administrator wants to know: it is asked for its models, or one of these for a
word."""

import asyncio
import contextlib
import time
from uuid import UUID

from agents import ModelSettings

from chat_app.runs.contract import RunRequest, TriedOut
from sessions_app.providers.provider import Provider
from sessions_app.providers.served import Served, registry

from .null_writer import NullWriter
from .providers.base import ModelCall
from .providers.choice import model_at
from .providers.failures import LengthReached, ProviderError
from .providers.model_lists import NoList, ask_models
from .transcript import Transcript

TIMEOUT_S = 30.0
QUESTION = "Answer with one word: yes"
MAX_CHARS = 64 * 1024  # of an answer: a word was asked for
PATIENCE_S = 0.0  # who waits for the outcome may ask again


async def try_out(provider: Provider, model: str) -> TriedOut:
    """Of a provider that gives no list nothing is known until a model is asked. Raises nothing for what it does."""
    began_at, models, error = time.perf_counter(), None, None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if model:
                await _ask(provider, model)
            elif provider.kind.lists_models or provider.kind.curated:
                listed = await ask_models(provider)
                registry.put_list(provider, listed)  # this process would ask for it soon
                models = tuple(one.id for one in listed if provider.allows(one.id))
    except TimeoutError:
        error = ProviderError("provider_timeout").error
    except ProviderError as failure:
        error = failure.error
    except NoList as none:
        error = none.error
    return TriedOut(models, error, round((time.perf_counter() - began_at) * 1000))


async def _ask(provider: Provider, model: str) -> None:
    """What it says is passed over; who says too much has answered."""
    nobody, name = UUID(int=0), f"{provider.name}/{model}" if provider.name else model
    run = RunRequest(nobody, nobody, "", nobody, name, history=[])
    asked = model_at(name, Served(provider, model), Transcript(run, Listener()))
    words = [{"role": "user", "content": QUESTION}]
    with contextlib.suppress(LengthReached):
        await asked.answer(ModelCall("", words, [], ModelSettings(), patience_s=PATIENCE_S))


class Listener(NullWriter):
    """Raises LengthReached when there is too much of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.left_chars = MAX_CHARS

    async def text(self, content: str) -> None:
        self._count(content)

    async def reasoning(self, content: str) -> None:
        self._count(content)

    async def tool_arguments(self, call_id: str, delta: str) -> None:
        self._count(delta)

    def _count(self, content: str) -> None:
        self.left_chars -= len(content)
        if self.left_chars < 0:
            raise LengthReached
