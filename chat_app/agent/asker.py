"""Asks a run's model for its next answer, with what only this moment knows: the instructions and the context."""

import asyncio
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from agents import ModelResponse, ModelSettings, Tool
from openai.types.shared import Reasoning

from chat_app.database import in_database
from chat_app.models.budget import has_budgets, require_budget
from chat_app.window.held import held
from chat_app.window.tokens import count_item
from sessions_app import catalogue

from .agent import instructions_for
from .compactor import compact
from .context import Prepared
from .fallbacks import Fallbacks, rest
from .gauge import Gauge
from .inline_images import with_images
from .providers.base import ModelCall, RunModel
from .providers.failures import ProviderError
from .summarize import NoSummary
from .transcript import Transcript

logger = logging.getLogger(__name__)

COMPACTIONS = 4  # before one call: each finds less to take away


class Asker:
    """`fallbacks` are asked where `model` fails; what it has not begun to say, another may say."""

    def __init__(
        self, transcript: Transcript, model: RunModel, tools: Sequence[Tool], fallbacks: Fallbacks | None = None
    ) -> None:
        self.transcript, self.tools = transcript, tools
        self._fallbacks = fallbacks
        self._settings = model_settings(transcript.request.reasoning_effort)
        self._turn_to(model)

    def _turn_to(self, model: RunModel) -> None:
        self._model = model
        self.transcript.model = model.name
        self.use(self.tools)

    def use(self, tools: Sequence[Tool]) -> None:
        """Offers these tools to the model, from the next call on."""
        self.tools = tools
        self._gauge = Gauge(self._model.name, self._model.origin, tools)

    async def ask(self) -> ModelResponse:
        """Everything of the answer is written when this returns. Raises ProviderError, LengthReached, BudgetSpent."""
        await self._require_budget()
        while True:
            try:
                return await self._ask()
            except ProviderError as error:
                if error.begun or self._fallbacks is None:
                    raise
                failed = self._model.name
                self._turn_to(await self._fallbacks.next(error))
                rest(failed)
                await self.transcript.context.start_over()

    async def _ask(self) -> ModelResponse:
        for left in reversed(range(COMPACTIONS)):
            # First, because the rows also say whether there are files to name.
            prepared = await self.transcript.context.prepared(self._model.origin, self._model.messages)
            instructions = await instructions_for(self.transcript)
            is_too_long = await self._is_too_long(prepared, instructions)
            if left and is_too_long and await self._make_room():
                continue
            try:
                return await self._answer(prepared, instructions)
            except ProviderError as error:
                if error.error.code != "context_too_long" or error.begun or not left:
                    raise
                await self._measure(prepared, instructions)
                self._gauge.refused(error)
                if not await self._make_room():
                    raise
        raise AssertionError("the last round ends by itself")

    async def _answer(self, prepared: Prepared, instructions: str) -> ModelResponse:
        items = await with_images(prepared.items, self.transcript, catalogue.can_see(self._model.name))
        answer = await self._model.answer(
            ModelCall(
                instructions,
                items,
                self.tools,
                self._settings,
                encoded=prepared.encoded,
                preamble=prepared.preamble,
                patience_s=self._fallbacks.patience_s if self._fallbacks else None,
            )
        )
        if (call := self.transcript.last_call) and not call.estimated:
            self._gauge.learn(call.input_tokens)
        return answer

    async def _is_too_long(self, prepared: Prepared, instructions: str) -> bool:
        if self._model.plays_again or self._gauge.surely_fits(prepared, instructions):
            return False
        return await self._measure(prepared, instructions) > self._gauge.limits.trigger

    async def _measure(self, prepared: Prepared, instructions: str) -> int:
        request = self.transcript.request
        if request.history is not None and self.transcript.context.compaction is None:  # there is nothing before it
            return await asyncio.to_thread(
                lambda: self._gauge.measure(sum(map(count_item, prepared.items)), instructions)
            )
        await self.transcript.writer.flush()
        return await in_database(lambda: self._gauge.measure(held(request.session_pk).tokens, instructions))

    async def _make_room(self) -> bool:
        try:
            return await compact(self.transcript, self._gauge.limits)
        except NoSummary as error:
            logger.warning("There is no summary (%s); the context stays as it is", error.code)
            return False

    async def _require_budget(self) -> None:
        """Of what the run itself has used, all counts."""
        if has_budgets() and not self._model.plays_again:
            await self.transcript.writer.flush()
            await in_database(require_budget, self.transcript.request.user_id)


@lru_cache(maxsize=32)
def model_settings(effort: str) -> ModelSettings:
    return ModelSettings(reasoning=Reasoning(effort=cast(Any, effort)) if effort else None)
