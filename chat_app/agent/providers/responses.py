"""OpenAI's Responses API."""

from typing import Any

from agents.models.openai_responses import Converter

from chat_app.agent.prefix import array
from chat_app.agent.provider_data import of_origin
from chat_app.agent.transcript import Turn, Used
from chat_app.runs.contract import Item

from .base import AnswerEnd, ModelCall, ProviderModel
from .failures import ProviderError, from_event
from .wire import ProviderEvent, Reply


class ResponsesModel(ProviderModel):
    path = "responses"

    def messages(self, items: list[Item]) -> list[Item]:
        return items

    def body(self, model_call: ModelCall) -> dict[str, Any]:
        settings = model_call.settings
        preamble = [{"type": "message", "role": "system", "content": text} for text in model_call.preamble]
        body: dict[str, Any] = {
            "model": self.model,
            "instructions": model_call.instructions,
            "input": array(preamble, model_call.encoded, self.messages(model_call.items)),
            "stream": True,
            # The provider keeps nothing. What it would have to look up later comes back encrypted.
            "store": False,
        }
        if model_call.tools:
            body["tools"] = Converter.convert_tools(list(model_call.tools), []).tools
            body["parallel_tool_calls"] = True
        if self.reasons:
            body["include"] = ["reasoning.encrypted_content"]
            body["reasoning"] = {"summary": "auto"}
            if settings.reasoning is not None and settings.reasoning.effort:
                body["reasoning"]["effort"] = settings.reasoning.effort
        if settings.max_tokens is not None:
            body["max_output_tokens"] = settings.max_tokens
        if self.kind.cache_key:
            body["prompt_cache_key"] = str(self.transcript.request.session_pk)
        return body

    async def read(self, reply: Reply, turn: Turn) -> AnswerEnd:
        reader = ResponseReader(turn, self.origin)
        while reader.end is None:
            pieces: list[str] = []
            for event in await reply.events():
                # This line runs for every token.
                if type(event) is dict and event.get("type") == "response.output_text.delta":
                    pieces.append(event["delta"])
                    continue
                if pieces:
                    await turn.text("".join(pieces))
                    pieces = []
                if type(event) is dict:
                    await reader.event(event)
            if pieces:
                await turn.text("".join(pieces))
        return reader.end


class ResponseReader:
    """Reads all events of one response except the deltas of its text."""

    def __init__(self, turn: Turn, origin: str) -> None:
        self._turn = turn
        self._origin = origin
        self._calls: dict[str, str] = {}  # id of the item -> id of the call
        self.end: AnswerEnd | None = None  # set at the end

    async def event(self, event: ProviderEvent) -> None:
        match event.get("type"):
            case "response.function_call_arguments.delta":
                if (call_id := self._calls.get(event["item_id"])) is not None:
                    await self._turn.call_arguments(call_id, event["delta"])
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                await self._turn.reasoning(event["delta"])
            case "response.reasoning_summary_part.added" if event.get("summary_index"):
                await self._turn.reasoning("\n\n")
            case "response.refusal.delta":
                await self._turn.text(event["delta"])
            case "response.output_item.added":
                item = event["item"]
                if item["type"] == "function_call":
                    self._calls[item["id"]] = await self._turn.call_detected(item.get("call_id"), item["name"])
            case "response.output_item.done":
                await self._item(event["item"])
            case "response.completed":
                await self._completed(event["response"])
            case "response.incomplete":
                await self._incomplete(event["response"])
            case "response.failed":
                raise from_event(event["response"].get("error"))
            case "error" | "response.error":
                raise from_event(event.get("error") or event)

    async def _item(self, item: dict[str, Any]) -> None:
        match item["type"]:
            case "message":
                await self._turn.message(item)
            case "reasoning":
                await self._turn.reasoned({**item, **of_origin(self._origin)})
            case "function_call" if item.get("status") != "incomplete":
                call_id = self._calls.get(item.get("id", ""))
                if call_id is None:
                    call_id = await self._turn.call_detected(item.get("call_id"), item["name"])
                await self._turn.call(call_id, item["name"], item["arguments"], item)

    async def _completed(self, response: dict[str, Any]) -> None:
        if not self._turn.output:
            for item in response.get("output") or []:  # a server that lists its items only here
                await self._item(item)
        self.end = _end(response)

    async def _incomplete(self, response: dict[str, Any]) -> None:
        if (response.get("incomplete_details") or {}).get("reason") == "content_filter":
            raise ProviderError(
                "provider_rejected",
                message="The model provider's content rules ended the answer.",
                detail="filtered",
            )
        self.end = _end(response, cut=True)


def _end(response: dict[str, Any], *, cut: bool = False) -> AnswerEnd:
    return AnswerEnd(Used.reported(response.get("usage")), cut)
