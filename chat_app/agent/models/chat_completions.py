"""OpenAI's Chat Completions API, which most other providers speak."""

from dataclasses import dataclass, field
from typing import Any

from agents.models.chatcmpl_converter import Converter

from chat_app.agent.transcript import Turn, tokens
from chat_app.runs.contract import Item
from sessions_app import catalogue

from .base import Heard, ProviderModel, Question
from .failures import ProviderError, from_event
from .wire import DONE, Event, Reply


class ChatCompletionsModel(ProviderModel):
    path = "chat/completions"

    def body(self, question: Question) -> dict[str, Any]:
        settings = question.settings
        messages = Converter.items_to_messages([_for_chat(item) for item in question.items], model=self.name)
        if question.instructions:
            messages.insert(0, {"role": "system", "content": question.instructions})
        body: dict[str, Any] = {
            "model": self.name,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if question.tools:
            body["tools"] = [Converter.tool_to_openai(tool) for tool in question.tools]
        if catalogue.supports_reasoning(self.name) and settings.reasoning is not None and settings.reasoning.effort:
            body["reasoning_effort"] = settings.reasoning.effort
        if settings.max_tokens is not None:
            body["max_completion_tokens" if catalogue.supports_reasoning(self.name) else "max_tokens"] = (
                settings.max_tokens
            )
        return body

    async def hear(self, reply: Reply, turn: Turn) -> Heard:
        hearing = Hearing(turn)
        while not hearing.ended:
            try:
                events = await reply.events()
            except ProviderError:
                if hearing.finish_reason:  # some servers send no [DONE]
                    break
                raise
            pieces: list[str] = []
            for event in events:
                # The lines that every token passes.
                if type(event) is dict and (choices := event.get("choices")):
                    choice = choices[0]
                    delta = choice.get("delta") or {}
                    if content := delta.get("content"):
                        pieces.append(content)
                    if content and len(delta) == 1 and not choice.get("finish_reason") and not event.get("usage"):
                        continue
                if pieces:
                    await turn.text("".join(pieces))
                    pieces = []
                await hearing.event(event)
            if pieces:
                await turn.text("".join(pieces))
        return await hearing.finish()


def _for_chat(item: Item) -> Any:
    # `developer` is known to OpenAI alone; `system` says the same to everyone.
    return {**item, "role": "system"} if item.get("role") == "developer" else item


@dataclass(slots=True)
class Call:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


class Hearing:
    """The chunks of one completion but the plain text."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._calls: dict[int, Call] = {}
        self.usage: tuple[int | None, int | None] = (None, None)
        self.finish_reason = ""
        self.ended = False

    async def event(self, event: Event | str) -> None:
        if not isinstance(event, dict):
            self.ended = self.ended or event == DONE
            return
        if event.get("error"):
            raise from_event(event["error"])
        if usage := event.get("usage"):
            self.usage = tokens(usage, "prompt_tokens"), tokens(usage, "completion_tokens")
        for choice in event.get("choices") or []:
            if choice.get("index", 0) == 0:
                await self._delta(choice.get("delta") or {})
                self.finish_reason = choice.get("finish_reason") or self.finish_reason

    async def _delta(self, delta: dict[str, Any]) -> None:
        """All of a delta but its content, which has been said."""
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            await self._turn.reasoning(thought)
        if refusal := delta.get("refusal"):
            await self._turn.text(refusal)
        for part in delta.get("tool_calls") or []:
            await self._call(part)

    async def _call(self, part: dict[str, Any]) -> None:
        function = part.get("function") or {}
        index = part.get("index")
        if index is None:  # some servers send each call whole and unnumbered
            index = len(self._calls)
        call = self._calls.get(index)
        if call is None:
            if not function.get("name"):
                raise ProviderError("provider_protocol", detail="a tool call without a name")
            await self._turn.message()
            call_id = await self._turn.call_detected(part.get("id"), function["name"])
            call = self._calls[index] = Call(call_id, function["name"])
        if piece := function.get("arguments"):
            call.arguments.append(piece)
            await self._turn.call_arguments(call.id, piece)

    async def finish(self) -> Heard:
        if not self.finish_reason and not self.ended:
            raise ProviderError("provider_unavailable", detail="the stream ended without a reason", repeat=True)
        await self._turn.message()
        match self.finish_reason:
            case "length":  # a call that was cut has no use
                return Heard(*self.usage, cut=True)
            case "content_filter":
                raise ProviderError(
                    "provider_rejected",
                    message="The model provider's content rules ended the answer.",
                    detail="filtered",
                )
        for call in self._calls.values():
            await self._turn.call(call.id, call.name, "".join(call.arguments))
        return Heard(*self.usage)
