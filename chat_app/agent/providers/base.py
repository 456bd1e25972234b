"""Models. Each reads its provider's stream itself, hands each piece to the run's writer as it comes, and returns
complete items in the SDK's shape."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from agents import ModelResponse, ModelSettings, Tool
from django.conf import settings

from chat_app.agent.transcript import Transcript, Turn, Used
from chat_app.runs.contract import Item
from sessions_app import catalogue
from sessions_app.providers.endpoint import Endpoint, endpoint
from sessions_app.providers.served import Served

from .failures import LengthReached, ProviderError
from .patience import Patience
from .refusals import Refusals
from .wire import Reply, encoded, post

logger = logging.getLogger(__name__)

refusals = Refusals()


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What a model is given for one answer. `items` are valid for any provider, with images inline; before them come
    the messages that `encoded` has, if any: elements of a JSON array; and before these the system messages whose texts
    are the `preamble`."""

    instructions: str
    items: list[Item]
    tools: Sequence[Tool]
    settings: ModelSettings
    encoded: bytes = b""
    preamble: Sequence[str] = ()
    patience_s: float | None = None  # None: MODEL_PATIENCE_S


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """How an answer ended; `cut`: it reached the model's limit."""

    used: Used
    cut: bool = False


class RunModel(ABC):
    """A model bound to one run's transcript."""

    # The messages of this model's provider, for one that takes a beginning that is encoded already.
    messages: Callable[[list[Item]], list[Item]] | None = None
    plays_again: ClassVar[bool] = False  # what was said: nobody is asked, and nothing counts as used

    def __init__(self, name: str, transcript: Transcript) -> None:
        self.name = name
        self.transcript = transcript

    @property
    def origin(self) -> str:
        """Whose data this model is given back with its calls; see provider_data.py."""
        return ""

    @abstractmethod
    async def answer(self, model_call: ModelCall) -> ModelResponse: ...


class ProviderModel(RunModel):
    """`name` is the id by which it was chosen, `model` the one that its provider knows it by."""

    path: ClassVar[str]

    def __init__(self, name: str, at: Served, transcript: Transcript) -> None:
        super().__init__(name, transcript)
        self.provider, self.model = at
        self.kind = at.provider.kind
        self.reasons = catalogue.supports_reasoning(name)

    @property
    def origin(self) -> str:
        return f"{endpoint(self.path, self.provider, self.model).url} {self.model}"

    @abstractmethod
    def messages(self, items: list[Item]) -> list[Item]: ...

    @abstractmethod
    def body(self, model_call: ModelCall) -> dict[str, Any]: ...

    @abstractmethod
    async def read(self, reply: Reply, turn: Turn) -> AnswerEnd:
        """Pass the answer to `turn` piece by piece, until it ends."""

    async def answer(self, model_call: ModelCall) -> ModelResponse:
        target = endpoint(self.path, self.provider, self.model)
        body, left_out = refusals.accepted(target.url, self.name, self.body(model_call))
        await self._tell_left_out(left_out)
        patience = Patience(settings.MODEL_PATIENCE_S if model_call.patience_s is None else model_call.patience_s)
        while True:
            turn = Turn(self.transcript)
            try:
                return await self._ask(target, body, turn)
            except ProviderError as error:
                if turn.received_chars:
                    error.begun = True
                    raise
                if refusals.remember(target.url, self.name, body, error.parameter):
                    body, left_out = refusals.accepted(target.url, self.name, body)
                    await self._tell_left_out(left_out)
                    continue
                pause_s = patience.pause_s(error.retry_after_s) if error.repeat else None
                if pause_s is None:
                    raise
                await self._tell_retrying(error, pause_s)
                await asyncio.sleep(pause_s)

    async def _tell_left_out(self, left_out: dict[str, Any]) -> None:
        for parameter, value in left_out.items():
            logger.info("The provider does not take %s of %r for %s; going on without it", parameter, value, self.name)
        if any(_has_effort(parameter, value) for parameter, value in left_out.items()):
            message = "The model does not offer the chosen reasoning effort, and answers with its own."
            await self.transcript.writer.status("effort_left_out", message)

    async def _tell_retrying(self, error: ProviderError, pause_s: float) -> None:
        logger.warning("The provider failed before its answer began (%s); asking again in %.1f s", error, pause_s)
        busy = error.error.code == "provider_rate_limited"
        why = "is receiving too many requests" if busy else "is not available at the moment"
        message = f"The model provider {why}. It is asked again in a few seconds."
        await self.transcript.writer.status("retrying", message, retry_in_s=round(pause_s, 1))

    async def _ask(self, target: Endpoint, body: dict[str, Any], turn: Turn) -> ModelResponse:
        request = encoded(body)
        try:
            end = await self._read(target, request, turn)
        except ProviderError:
            await turn.failed(self.name, len(request))
            raise
        except BaseException:
            turn.cut_off(self.name, len(request))
            raise
        answer = await turn.end(self.name, end.used, len(request), cut=end.cut)
        if end.cut:
            raise LengthReached
        return answer

    async def _read(self, target: Endpoint, request: bytes, turn: Turn) -> AnswerEnd:
        async with post(target, request) as reply:
            try:
                end = await self.read(reply, turn)
            except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
                raise ProviderError("provider_protocol", detail=f"an event of another shape: {error!r}") from error
            reply.complete = True
            return end


def _has_effort(parameter: str, value: Any) -> bool:
    """Whether a person's choice went with it."""
    return parameter.endswith("effort") or (isinstance(value, dict) and "effort" in value)
