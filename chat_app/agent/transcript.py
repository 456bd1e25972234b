"""A run's output on its way from the model and the tools to the writer: a Transcript for a run, a Turn for a call."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import uuid4

from agents.items import ModelResponse, TResponseOutputItem
from agents.models.fake_id import FAKE_RESPONSES_ID
from agents.usage import Usage as SDKUsage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseReasoningItem,
)

from chat_app.model_calls import BYTES_PER_TOKEN, CallOutcome, CallRecord, Purpose
from chat_app.runs.contract import Item, RunRequest, Usage, Writer
from chatjuicer.accounts.models import ALL
from sessions_app.models.statements import countable

from .acting import Acting
from .characters import Joiner, whole, whole_value
from .context import Context
from .providers.failures import ProviderError


class Transcript:
    def __init__(self, request: RunRequest, writer: Writer) -> None:
        self.request = request
        self.writer = writer
        self.context = Context(request, writer)
        self.acting = Acting(request.agent_name)
        self.allowance = ALL  # what the person's groups let them use
        self.successor: Acting | None = None  # to whom a tool call has handed over, until the other calls have ended
        self.handed_over_at = -1  # the number of turns at that time
        self.usage: Usage | None = None
        self.model = request.model  # the one that is asked, which may stand in for the run's
        self.turns = 0  # model calls that were answered
        self.purpose: Purpose = "answer"
        self.last_call: CallRecord | None = None
        self.servers: list[str] = []  # keys of the MCP servers that are available
        self.unauthorized: list[str] = []  # of those that the person has to authorize us at again
        self.project_instructions: str | None = None  # None: not read yet
        self.images: dict[str, str] = {}  # id of the file -> data URL
        self.failed_calls: set[str] = set()
        self._calls: dict[str, tuple[str, str]] = {}  # id -> name, arguments; only calls without a result

    def own_call_id(self, given: Any) -> str:
        """`given`, or a new one where a provider gave none or one that is taken: a call is known by its id."""
        if (
            not isinstance(given, str)
            or not given
            or whole(given) != given
            or given in self._calls
            or self.context.has_call(given)
        ):
            given = f"call_{uuid4().hex}"
        self._calls[given] = ("", "")
        return given

    async def resume(self, usage: Usage | None, turns: int) -> None:
        """After an approval, perhaps in another process: restore the counts and the calls without a result."""
        self.usage, self.turns = usage, turns
        items = await self.context.items()
        done = {item.get("call_id") for item in items if item.get("type") == "function_call_output"}
        for item in items:
            if item.get("type") == "function_call" and item.get("call_id") not in done:
                self._calls[item["call_id"]] = (item["name"], item["arguments"])

    @property
    def open_calls(self) -> dict[str, tuple[str, str]]:
        """{id: (name, arguments)} of the calls without a result, oldest first."""
        return dict(self._calls)

    async def call_written(self, call: Item) -> None:
        self._calls[call["call_id"]] = (call["name"], call["arguments"])
        await self.context.write(call)

    async def tool_started(self, call_id: str, name: str, arguments: str) -> None:
        """Returns once the call is committed: a tool acts only after its call is in the log."""
        await self.writer.tool_call(id=call_id, name=name, arguments=arguments, status="executing")
        await self.writer.flush()

    async def tool_ended(self, call_id: str, result: str, *, success: bool) -> None:
        name, arguments = self._calls.pop(call_id, ("", ""))
        if not self.context.has_output(call_id):
            await self.context.write({"type": "function_call_output", "call_id": call_id, "output": result})
        await self.writer.tool_call(
            id=call_id, name=name, arguments=arguments, status="completed", result=result, success=success
        )

    async def sdk_outputs(self, items: Iterable[Any]) -> None:
        """Of these items of the SDK, the outputs that it gave itself, for a tool that does not exist or a call that was
        refused. They are kept and shown like a tool's."""
        for item in items:
            is_output = isinstance(item, dict) and item.get("type") == "function_call_output"
            if is_output and not self.context.has_output(item["call_id"]):
                await self.tool_ended(item["call_id"], str(item.get("output")), success=False)

    async def turn_ended(self, input_tokens: int, output_tokens: int, call: CallRecord) -> None:
        self.turns += 1
        self.last_call = call
        before = self.usage or {"input_tokens": 0, "output_tokens": 0}
        total_input = before["input_tokens"] + input_tokens
        total_output = before["output_tokens"] + output_tokens
        self.usage = {
            "input_tokens": total_input,
            "output_tokens": total_output,
            "total_tokens": total_input + total_output,
            "context_tokens": input_tokens + output_tokens,
        }
        await self.writer.usage(self.usage)
        await self.writer.model_call(call)


class Turn:
    """The answer to one model call. The readers of the providers' streams call it in the order of the stream."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._writer = transcript.writer
        self._text: list[str] = []
        self._joiners: defaultdict[str, Joiner] = defaultdict(Joiner)  # by what grows: the text, the reasoning, a call
        self.output: list[TResponseOutputItem] = []
        self._began = time.monotonic()
        self._first_word_at: float | None = None
        self.received_chars = 0  # once it is above 0 the call cannot be made again: clients have seen a part

    async def text(self, content: str) -> None:
        content = self._storable("text", content)
        if content:
            if self._first_word_at is None:
                self._first_word_at = time.monotonic()
            self.received_chars += len(content)
            self._text.append(content)
            await self._writer.text(content)

    async def reasoning(self, content: str) -> None:
        content = self._storable("reasoning", content)
        if content:
            self.received_chars += len(content)
            await self._writer.reasoning(content)

    def _storable(self, kind: str, content: str) -> str:
        """In whole characters, of which the last may wait for the next piece; without NUL, which no database takes."""
        content = self._joiners[kind].feed(content)
        return content.replace("\x00", "") if "\x00" in content else content

    async def message(self, item: Item | None = None) -> None:
        """The message is complete. `item` is the provider's own, where it has one; its text is used if none was
        streamed."""
        item = None if item is None else whole_value(item)
        if item is not None and not self._text:
            self._joiners.pop("text", None)
            await self.text(_text_of(item))
        await self.text(self._joiners["text"].rest())
        text = "".join(self._text)
        self._text = []
        if not text:
            return
        await self._transcript.context.write(item if item is not None and _text_of(item) == text else _message(text))
        await self._writer.end_message()
        self.output.append(_sdk_message(text))

    async def reasoned(self, item: Item) -> None:
        """A reasoning item is complete. Without encrypted content no later call can use it, so it is not kept."""
        item = whole_value(item)
        if item.get("encrypted_content"):
            await self._transcript.context.write(item)
        self.output.append(ResponseReasoningItem.model_validate({"id": FAKE_RESPONSES_ID, "summary": [], **item}))

    async def call_detected(self, given_id: Any, name: str) -> str:
        """The id under which the call is known from here on."""
        name = whole(name)
        call_id = self._transcript.own_call_id(given_id)
        self.received_chars += len(name)
        await self._writer.tool_call(id=call_id, name=name, arguments="", status="detected")
        return call_id

    async def call_arguments(self, call_id: str, delta: str) -> None:
        delta = self._storable(call_id, delta)
        self.received_chars += len(delta)
        await self._writer.tool_arguments(call_id, delta)

    async def call(self, call_id: str, name: str, arguments: str, item: Item | None = None) -> None:
        """A call is complete."""
        name, arguments = whole(name), whole(arguments) or "{}"
        call = {
            **whole_value(item or {}),
            "type": "function_call",
            "call_id": call_id,
            "name": name,
            "arguments": arguments,
        }
        await self._transcript.call_written(call)
        self.output.append(sdk_call(call_id, name, arguments))

    async def end(self, model: str, used: Used, sent: int, *, cut: bool = False) -> ModelResponse:
        """`sent`: bytes of the request, to estimate what the provider does not count. `cut`: at the model's limit."""
        await self.message()
        call = self._record(model, "length" if cut else "completed", used, sent)
        await self._transcript.turn_ended(call.input_tokens, call.output_tokens, call)
        if not self.output:
            self.output.append(_sdk_message(""))  # an empty answer ends the run like any other
        return ModelResponse(
            output=self.output,
            usage=SDKUsage(
                requests=1,
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens,
                total_tokens=call.input_tokens + call.output_tokens,
            ),
            response_id=None,  # the provider stores nothing that it could name
        )

    async def failed(self, model: str, sent: int) -> None:
        """Where nothing was received, nothing was used: providers take no money for a refusal."""
        used = Used() if self.received_chars else Used(0, 0)
        await self._writer.model_call(self._record(model, "failed", used, sent))

    def cut_off(self, model: str, sent: int) -> None:
        self._writer.cut_call(self._record(model, "interrupted", Used(), sent))

    def _record(self, model: str, outcome: CallOutcome, used: Used, sent: int) -> CallRecord:
        chars = self.received_chars
        return CallRecord(
            model=model,
            purpose=self._transcript.purpose,
            outcome=outcome,
            input_tokens=countable(sent // BYTES_PER_TOKEN if used.input is None else used.input),
            cached_tokens=countable(used.cached or 0),
            output_tokens=countable(chars // BYTES_PER_TOKEN if used.output is None else used.output),
            reasoning_tokens=countable(used.reasoning or 0),
            estimated=used.input is None or used.output is None,
            first_word_ms=None if self._first_word_at is None else _ms(self._first_word_at - self._began),
            duration_ms=_ms(time.monotonic() - self._began),
        )


class Used(NamedTuple):
    """Tokens as a provider reports them; None: it does not."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None  # of the input
    reasoning: int | None = None  # of the output

    @classmethod
    def reported(cls, usage: Any) -> Used:
        """By the names of either of the two APIs."""
        given = usage if isinstance(usage, dict) else {}
        of_input = given.get("input_tokens_details") or given.get("prompt_tokens_details")
        of_output = given.get("output_tokens_details") or given.get("completion_tokens_details")
        cached = tokens(of_input, "cached_tokens")
        return cls(
            tokens(given, "input_tokens", "prompt_tokens"),
            tokens(given, "output_tokens", "completion_tokens"),
            tokens(given, "prompt_cache_hit_tokens") if cached is None else cached,  # DeepSeek
            tokens(of_output, "reasoning_tokens"),
        )


def _ms(seconds: float) -> int:
    return countable(int(seconds * 1000))


def tokens(usage: Any, *names: str) -> int | None:
    """The first of `names` that a provider's usage object has."""
    if isinstance(usage, dict):
        for name in names:
            if type(usage.get(name)) is int:
                return int(usage[name])
    return None


def _text_of(item: Item) -> str:
    try:
        return "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ProviderError("provider_protocol", detail="a message without content") from error


def _message(text: str) -> Item:
    return {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def sdk_call(call_id: str, name: str, arguments: str) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        type="function_call",
        id=FAKE_RESPONSES_ID,
        call_id=call_id,
        name=name,
        arguments=arguments,
        status="completed",
    )


def _sdk_message(text: str) -> ResponseOutputMessage:
    return ResponseOutputMessage(
        id=FAKE_RESPONSES_ID,
        type="message",
        role="assistant",
        status="completed",
        content=[ResponseOutputText(type="output_text", text=text, annotations=[])],
    )
