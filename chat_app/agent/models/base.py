"""The seam to the Agents SDK: a Model that reads its provider's stream itself, hands each piece to the run's writer
as it comes, and gives the SDK whole items only."""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from agents import Model, ModelResponse, ModelSettings, ModelTracing, Tool
from agents.agent_output import AgentOutputSchemaBase
from agents.handoffs import Handoff
from agents.items import TResponseInputItem, TResponseStreamEvent
from openai.types.responses import Response, ResponseCompletedEvent
from openai.types.responses.response_prompt_param import ResponsePromptParam

from chat_app.agent.inline_images import with_images
from chat_app.agent.repair import repaired
from chat_app.agent.transcript import Transcript, Turn
from chat_app.runs.contract import Item
from sessions_app import catalogue

from .failures import LengthReached, ProviderError
from .wire import Endpoint, Reply, encoded, endpoint, post

logger = logging.getLogger(__name__)

RETRY_PAUSES_S = (0.3, 1.0)
LONGEST_RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Question:
    """What one turn asks a model."""

    instructions: str
    items: list[Item]
    tools: list[Tool]
    settings: ModelSettings


@dataclass(frozen=True, slots=True)
class Heard:
    """How an answer ended. Tokens are None where the provider does not count; `cut`: at the model's limit."""

    input_tokens: int | None
    output_tokens: int | None
    cut: bool = False


class TurnModel(Model):
    """A model bound to one run's transcript."""

    def __init__(self, name: str, transcript: Transcript) -> None:
        self.name = name
        self.transcript = transcript

    @abstractmethod
    async def answer(self, question: Question) -> ModelResponse: ...

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None,
        conversation_id: str | None,
        prompt: ResponsePromptParam | None,
    ) -> ModelResponse:
        items = [{"role": "user", "content": input}] if isinstance(input, str) else cast(list[Item], input)
        items = await with_images(repaired(items), self.transcript, catalogue.sees(self.name))
        return await self.answer(Question(system_instructions or "", items, tools, model_settings))

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        answer = await self.get_response(*args, **kwargs)
        response = Response.model_construct(
            id="",
            object="response",
            created_at=time.time(),
            model=self.name,
            output=answer.output,
            usage=None,
        )
        yield ResponseCompletedEvent(type="response.completed", sequence_number=0, response=response)


class ProviderModel(TurnModel):
    path: ClassVar[str]
    # Optional parameters that an endpoint has refused, by (URL, model): compatible servers differ in what they
    # know, and some of OpenAI's own are open only to verified organisations.
    _refused: ClassVar[dict[tuple[str, str], set[str]]] = {}

    @abstractmethod
    def body(self, question: Question) -> dict[str, Any]: ...

    @abstractmethod
    async def hear(self, reply: Reply, turn: Turn) -> Heard:
        """Read to the end of the answer."""

    async def answer(self, question: Question) -> ModelResponse:
        target = endpoint(self.path, self.name)
        refused = self._refused.setdefault((target.url, self.name), set())
        body = without(self.body(question), refused)
        pauses = iter(RETRY_PAUSES_S)
        while True:
            turn = Turn(self.transcript)
            try:
                return await self._ask(target, body, turn)
            except ProviderError as error:
                if turn.heard:
                    raise
                if error.parameter in _OPTIONAL and error.parameter not in refused:
                    logger.info("The provider does not take %s; going on without it", error.parameter)
                    refused.add(error.parameter)
                    body = without(body, refused)
                    continue
                pause_s = next(pauses, None)
                wanted_s = error.retry_after_s
                if not error.repeat or pause_s is None or (wanted_s or 0) > LONGEST_RETRY_AFTER_S:
                    raise
                logger.warning("The provider failed before its answer began (%s); asking again", error)
                await asyncio.sleep(pause_s if wanted_s is None else wanted_s)

    async def _ask(self, target: Endpoint, body: dict[str, Any], turn: Turn) -> ModelResponse:
        async with post(target, encoded(body)) as reply:
            try:
                heard = await self.hear(reply, turn)
            except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
                raise ProviderError("provider_protocol", detail=f"an event of another shape: {error!r}") from error
            reply.whole = True
        answer = await turn.end(heard.input_tokens, heard.output_tokens, sent=reply.sent)
        if heard.cut:
            raise LengthReached
        return answer


# Parameters that may be left out without changing what the answer means, and what of the body names each.
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "reasoning": ("reasoning",),
    "reasoning.summary": ("reasoning", "summary"),
    "reasoning.effort": ("reasoning", "effort"),
    "reasoning_effort": ("reasoning_effort",),
    "stream_options": ("stream_options",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "include": ("include",),
    "store": ("store",),
    "prompt_cache_key": ("prompt_cache_key",),
}


def without(body: dict[str, Any], refused: set[str]) -> dict[str, Any]:
    body = dict(body)
    for parameter in refused:
        *outer, last = _OPTIONAL[parameter]
        place = body
        for key in outer:
            place[key] = dict(place.get(key) or {})
            place = place[key]
        place.pop(last, None)
        if outer and not place:
            body.pop(outer[0])
    return body
