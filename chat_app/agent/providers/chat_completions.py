"""OpenAI's Chat Completions API, which most other providers speak."""

from dataclasses import dataclass, field
from typing import Any

from agents.models.chatcmpl_converter import Converter

from chat_app.agent.dialect import alternating, as_kind_takes, one_answer
from chat_app.agent.prefix import array
from chat_app.agent.provider_data import OF_CALL, OF_MESSAGE, THOUGHTS, give_back, kept, wants_thoughts
from chat_app.agent.transcript import Turn, Used
from chat_app.runs.contract import Item
from sessions_app.providers.kinds import ProviderKind

from .base import AnswerEnd, ModelCall, ProviderModel
from .failures import ProviderError, from_event
from .wire import DONE, ProviderEvent, Reply


class ChatCompletionsModel(ProviderModel):
    path = "chat/completions"

    def messages(self, items: list[Item]) -> list[Item]:
        items = alternating(items)
        messages = one_answer(Converter.items_to_messages(items, model=self.model))  # type: ignore[arg-type]
        give_back(messages, items, self.kind, self.origin)
        return as_kind_takes(messages, self.kind)

    def body(self, model_call: ModelCall) -> dict[str, Any]:
        settings = model_call.settings
        texts = filter(None, [model_call.instructions, *model_call.preamble])
        system = [{"role": "system", "content": text}] if (text := "\n\n".join(texts)) else []
        body: dict[str, Any] = {
            "model": self.model,
            "messages": array(system, model_call.encoded, self.messages(model_call.items)),
            "stream": True,
        }
        if self.kind.counts_when_asked:
            body["stream_options"] = {"include_usage": True}
        if model_call.tools:
            body["tools"] = [Converter.tool_to_openai(tool) for tool in model_call.tools]
        effort = settings.reasoning.effort if settings.reasoning is not None else None
        if self.reasons and effort:
            body[self.kind.effort] = effort if self.kind.effort == "reasoning_effort" else {"effort": effort}
        if settings.max_tokens is not None:
            limit = self.kind.limit or ("max_completion_tokens" if self.reasons else "max_tokens")
            body[limit] = settings.max_tokens
        return body

    async def read(self, reply: Reply, turn: Turn) -> AnswerEnd:
        reader = CompletionReader(turn, self.kind, self.origin)
        while not reader.ended:
            try:
                events = await reply.events()
            except ProviderError:
                if reader.finish_reason:  # some servers send no [DONE]
                    break
                raise
            pieces: list[str] = []
            for event in events:
                # These lines run for every token.
                if type(event) is dict and (choices := event.get("choices")):
                    choice = choices[0]
                    delta = choice.get("delta") or {}
                    content = delta.get("content")
                    if type(content) is not str:  # parts, which Mistral has
                        content = ""
                    elif content:
                        pieces.append(content)
                    if content and len(delta) == 1 and not choice.get("finish_reason") and not event.get("usage"):
                        continue
                if pieces:
                    await turn.text("".join(pieces))
                    pieces = []
                await reader.event(event)
            if pieces:
                await turn.text("".join(pieces))
        return await reader.finish()


@dataclass(slots=True)
class Call:
    id: str
    given_id: Any  # the provider's
    name: str
    arguments: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)  # of the provider, to be given back to it


class CompletionReader:
    """Reads all of one completion's chunks except the deltas of its text."""

    def __init__(self, turn: Turn, kind: ProviderKind, origin: str) -> None:
        self._turn = turn
        self._kind = kind
        self._origin = origin
        self._calls: list[Call] = []
        self._at: dict[int, Call] = {}  # index in the stream -> the latest call there
        self._thoughts: list[str] = []
        self._data: dict[str, list[Any]] = {}  # of the whole message, to be given back to the provider
        self.used = Used()
        self.finish_reason = ""
        self.ended = False

    async def event(self, event: ProviderEvent | str) -> None:
        if not isinstance(event, dict):
            self.ended = self.ended or event == DONE
            return
        if event.get("error"):
            raise from_event(event["error"])
        if usage := event.get("usage") or (event.get("x_groq") or {}).get("usage"):
            self.used = Used.reported(usage)
        for choice in event.get("choices") or []:
            if choice.get("index", 0) == 0:
                await self._delta(choice.get("delta") or {})
                self.finish_reason = choice.get("finish_reason") or self.finish_reason

    async def _delta(self, delta: dict[str, Any]) -> None:
        """All of a delta but its content, which was read before where it is a text."""
        if isinstance(parts := delta.get("content"), list):
            await self._parts(parts)
        if thought := delta.get(THOUGHTS) or delta.get("reasoning"):
            self._thoughts.append(thought)
            await self._turn.reasoning(thought)
        for name in OF_MESSAGE:
            if isinstance(delta.get(name), list):
                self._data.setdefault(name, []).extend(delta[name])
        if refusal := delta.get("refusal"):
            await self._turn.text(refusal)
        for part in delta.get("tool_calls") or []:
            await self._call(part)

    async def _parts(self, parts: list[Any]) -> None:
        """As Mistral's reasoning models have them."""
        for part in parts:
            if part.get("type") == "thinking":
                await self._turn.reasoning("".join(thought.get("text") or "" for thought in part["thinking"]))
            elif text := part.get("text"):
                await self._turn.text(text)

    async def _call(self, part: dict[str, Any]) -> None:
        function = part.get("function") or {}
        index = part.get("index")
        if index is None:  # some servers send each call whole and unnumbered
            index = len(self._calls)
        call = self._at.get(index)
        if call is None or _is_another(part, call):
            if not function.get("name"):
                raise ProviderError("provider_protocol", detail="a tool call without a name")
            await self._turn.message()
            call_id = await self._turn.call_detected(part.get("id"), function["name"])
            call = self._at[index] = Call(call_id, part.get("id"), function["name"])
            self._calls.append(call)
        call.data.update({name: part[name] for name in OF_CALL if part.get(name)})
        if piece := function.get("arguments"):
            call.arguments.append(piece)
            await self._turn.call_arguments(call.id, piece)

    async def finish(self) -> AnswerEnd:
        if not self.finish_reason and not self.ended:
            raise ProviderError("provider_unavailable", detail="the stream ended without a reason", repeat=True)
        await self._turn.message()
        match self.finish_reason:
            case "length":  # calls are left out: their arguments are cut
                return AnswerEnd(self.used, cut=True)
            case "content_filter":
                raise ProviderError(
                    "provider_rejected",
                    message="The model provider's content rules ended the answer.",
                    detail="filtered",
                )
        of_message: dict[str, Any] = dict(self._data)
        if wants_thoughts(self._kind, self._origin):
            of_message[THOUGHTS] = "".join(self._thoughts)
        for call in self._calls:
            item = kept(self._origin, {**of_message, **call.data})
            await self._turn.call(call.id, call.name, "".join(call.arguments), item)
            of_message = {}  # once is enough
        return AnswerEnd(self.used)


def _is_another(part: dict[str, Any], call: Call) -> bool:
    """Gemini's compatible endpoint numbers all calls of a turn 0: a new id with a name begins another."""
    return bool(part.get("id")) and part["id"] != call.given_id and bool((part.get("function") or {}).get("name"))
