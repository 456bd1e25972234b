"""Asks a run's model for its next answer, with what only this moment knows: the instructions and the context."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from agents import ModelResponse, ModelSettings, Tool
from openai.types.shared import Reasoning

from sessions_app import catalogue

from .agent import instructions_for
from .inline_images import with_images
from .providers.base import ModelCall, RunModel
from .transcript import Transcript


class Asker:
    def __init__(self, transcript: Transcript, model: RunModel, tools: Sequence[Tool]) -> None:
        self.transcript, self.tools = transcript, tools
        self._model = model
        self._settings = model_settings(transcript.request.reasoning_effort)

    async def ask(self) -> ModelResponse:
        """Everything of the answer is written when this returns. Raises ProviderError and LengthReached."""
        transcript = self.transcript
        # First, because the rows also say whether there are files to name.
        encoded, items = await transcript.context.prepared(self._model.origin, self._model.messages)
        instructions = await instructions_for(transcript)
        items = await with_images(items, transcript, catalogue.can_see(self._model.name))
        return await self._model.answer(ModelCall(instructions, items, self.tools, self._settings, encoded=encoded))


@lru_cache(maxsize=32)
def model_settings(effort: str) -> ModelSettings:
    return ModelSettings(reasoning=Reasoning(effort=cast(Any, effort)) if effort else None)
