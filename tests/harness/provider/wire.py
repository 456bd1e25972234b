"""The two APIs' event streams, as bytes: each method answers the events of one step."""

import json
import time
import uuid
from typing import Any, Protocol

from tests.harness.provider.kinds import KINDS
from tests.harness.provider.rules import is_deepseek, is_gemini

JSON = dict[str, Any]


def sse(payload: JSON, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()


class Wire(Protocol):
    def begin(self) -> bytes: ...
    def reasoning(self, words: list[str]) -> bytes: ...
    def call_begin(self, name: str) -> bytes: ...
    def call_arguments(self, piece: str) -> bytes: ...
    def call_end(self) -> bytes: ...
    def text_begin(self) -> bytes: ...
    def delta(self, token: str) -> bytes: ...
    def text_end(self) -> bytes: ...
    def error(self) -> bytes: ...
    def end(self, *, truncated: bool) -> bytes: ...
    def whole(self) -> JSON:
        """The answer of a request that did not ask for a stream."""
        ...


class ResponsesWire:
    def __init__(self, body: JSON, input_tokens: int, issued: dict[str, str]) -> None:
        self.id = f"resp_{uuid.uuid4().hex}"
        self.body, self.input_tokens, self.issued = body, input_tokens, issued
        self.created_at = int(time.time())
        self.sequence = 0
        self.output: list[JSON] = []
        self.item: JSON = {}
        self.tokens: list[str] = []
        self.output_tokens = self.reasoning_tokens = 0
        self.reasoning_id = ""
        self.status = "in_progress"
        self.incomplete: JSON | None = None
        self.failure: JSON | None = None

    def event(self, kind: str, **fields: Any) -> bytes:
        payload = {"type": kind, "sequence_number": self.sequence, **fields}
        self.sequence += 1
        return sse(payload, kind)

    def begin(self) -> bytes:
        whole = self.whole()
        return self.event("response.created", response=whole) + self.event("response.in_progress", response=whole)

    def _added(self, item: JSON) -> bytes:
        self.item = item
        self.issued[item["id"]] = self.reasoning_id
        return self.event("response.output_item.added", output_index=len(self.output), item=item)

    def _done(self, item: JSON) -> bytes:
        event = self.event("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)
        return event

    def reasoning(self, words: list[str]) -> bytes:
        self.reasoning_id = ""
        item: JSON = {"id": f"rs_{uuid.uuid4().hex}", "type": "reasoning", "summary": []}
        place = {"item_id": item["id"], "output_index": len(self.output), "summary_index": 0}
        text = "".join(words)
        part = {"type": "summary_text", "text": text}
        out = self._added(item)
        out += self.event("response.reasoning_summary_part.added", **place, part={**part, "text": ""})
        for word in words:
            out += self.event("response.reasoning_summary_text.delta", **place, delta=word, obfuscation="tZ3")
        out += self.event("response.reasoning_summary_text.done", **place, text=text)
        out += self.event("response.reasoning_summary_part.done", **place, part=part)
        out += self._done({**item, "summary": [part]})
        self.reasoning_id = item["id"]
        self.reasoning_tokens += len(words)
        self.output_tokens += len(words)
        return out

    def call_begin(self, name: str) -> bytes:
        self.tokens = []
        return self._added(
            {
                "id": f"fc_{uuid.uuid4().hex}",
                "type": "function_call",
                "status": "in_progress",
                "arguments": "",
                "call_id": f"call_{uuid.uuid4().hex[:24]}",
                "name": name,
            }
        )

    def call_arguments(self, piece: str) -> bytes:
        self.tokens.append(piece)
        self.output_tokens += 1
        return self.event(
            "response.function_call_arguments.delta",
            item_id=self.item["id"],
            output_index=len(self.output),
            delta=piece,
            obfuscation="k9",
        )

    def call_end(self) -> bytes:
        arguments = "".join(self.tokens)
        out = self.event(
            "response.function_call_arguments.done",
            item_id=self.item["id"],
            output_index=len(self.output),
            arguments=arguments,
        )
        return out + self._done({**self.item, "status": "completed", "arguments": arguments})

    def text_begin(self) -> bytes:
        self.tokens = []
        item_id = f"msg_{uuid.uuid4().hex}"
        place: JSON = {"item_id": item_id, "output_index": len(self.output), "content_index": 0}
        out = self._added(
            {"id": item_id, "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
        )
        out += self.event("response.content_part.added", **place, part=_text_part(""))
        shape = {
            "type": "response.output_text.delta",
            "sequence_number": 0,
            **place,
            "delta": "",
            "logprobs": [],
        }
        blank = sse({**shape, "obfuscation": "Xq2mP"}, "response.output_text.delta")
        head, _, rest = blank.partition(b'"sequence_number":0')
        middle, _, tail = rest.partition(b'"delta":""')
        self._head, self._middle, self._tail = head + b'"sequence_number":', middle + b'"delta":', tail
        return out

    def delta(self, token: str) -> bytes:
        self.tokens.append(token)
        number = self.sequence
        self.sequence += 1
        quoted = b'"%b"' % token.encode() if token.isalnum() and token.isascii() else json.dumps(token).encode()
        return b"%b%d%b%b%b" % (self._head, number, self._middle, quoted, self._tail)

    def text_end(self, status: str = "completed") -> bytes:
        text = "".join(self.tokens)
        self.output_tokens += len(self.tokens)
        place: JSON = {"item_id": self.item["id"], "output_index": len(self.output), "content_index": 0}
        out = self.event("response.output_text.done", **place, text=text, logprobs=[])
        out += self.event("response.content_part.done", **place, part=_text_part(text))
        return out + self._done({**self.item, "status": status, "content": [_text_part(text)]})

    def error(self) -> bytes:
        self.status = "failed"
        self.failure = {"code": "server_error", "message": "The model failed to generate a response."}
        return self.event("response.failed", response=self.whole())

    def end(self, *, truncated: bool) -> bytes:
        self.status = "incomplete" if truncated else "completed"
        self.incomplete = {"reason": "max_output_tokens"} if truncated else None
        return self.event(f"response.{self.status}", response=self.whole())

    def whole(self) -> JSON:
        ended = self.status in ("completed", "incomplete")
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": self.status,
            "background": False,
            "error": self.failure,
            "incomplete_details": self.incomplete,
            "instructions": self.body.get("instructions"),
            "max_output_tokens": self.body.get("max_output_tokens"),
            "model": self.body["model"],
            "output": self.output,
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": {"effort": (self.body.get("reasoning") or {}).get("effort"), "summary": None},
            "store": self.body.get("store", True),
            "temperature": 1.0,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": self.body.get("tool_choice", "auto"),
            "tools": self.body.get("tools") or [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": self._usage() if ended else None,
            "user": None,
            "metadata": {},
        }

    def _usage(self) -> JSON:
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            "total_tokens": self.input_tokens + self.output_tokens,
        }


def _text_part(text: str) -> JSON:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


class ChatWire:
    """In the shapes of a kind of kinds.KINDS; empty: OpenAI's, and DeepSeek's for thoughts."""

    def __init__(self, body: JSON, input_tokens: int, issued: dict[str, str], kind: str = "") -> None:
        self.kind = kind
        self.id = f"chatcmpl-{uuid.uuid4().hex[:29]}"
        self.model, self.input_tokens, self.issued = body["model"], input_tokens, issued
        self.thoughts = ""
        self.created = int(time.time())
        self.with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self.output_tokens = self.reasoning_tokens = 0
        self.tokens: list[str] = []
        self.calls: list[JSON] = []
        self.finish_reason = "stop"
        shape = self._chunk({"content": ""})
        self._head, _, self._tail = shape.partition(b'"content":""')
        self._head += b'"content":'

    def _chunk(self, delta: JSON, finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._envelope([choice], None)

    def _envelope(self, choices: list[JSON], usage: JSON | None) -> bytes:
        payload: JSON = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_50cad350e4",
            "choices": choices,
        }
        if self.with_usage:
            payload["usage"] = usage
        payload["obfuscation"] = "Xq2mP"
        return sse(payload)

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def reasoning(self, words: list[str]) -> bytes:
        self.reasoning_tokens += len(words)
        self.output_tokens += len(words)
        self.thoughts += "".join(words)
        return b"".join(self._chunk(self._thought(word)) for word in words)

    def _thought(self, word: str) -> JSON:
        field = KINDS[self.kind].thoughts if self.kind else "reasoning_content"
        if field == "content":
            return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": word}]}]}
        if self.kind == "openrouter":
            detail = {"type": "reasoning.text", "text": word, "format": "unknown", "index": 0}
            return {"reasoning": word, "reasoning_details": [detail]}
        return {field: word}

    def call_begin(self, name: str) -> bytes:
        function = {"name": name, "arguments": ""}
        id = uuid.uuid4().hex[:9] if self.kind == "mistral" else f"call_{uuid.uuid4().hex[:24]}"
        call: JSON = {"id": id, "type": "function", "function": function}
        self.calls.append(call)
        self.finish_reason = "tool_calls"
        if is_gemini(self.model) and len(self.calls) == 1:
            self.issued[call["id"]] = f"signature of {call['id']}"
            call["extra_content"] = {"google": {"thought_signature": self.issued[call["id"]]}}
        if is_deepseek(self.model):
            self.issued[f"thoughts of {call['id']}"] = self.thoughts
        return self._chunk({"tool_calls": [{"index": self._index, **call}]})

    @property
    def _index(self) -> int:
        """Gemini's compatible endpoint numbers every call of a turn 0; only their ids tell them apart."""
        return 0 if is_gemini(self.model) else len(self.calls) - 1

    def call_arguments(self, piece: str) -> bytes:
        call = self.calls[-1]
        call["function"] = {**call["function"], "arguments": call["function"]["arguments"] + piece}
        self.output_tokens += 1
        return self._chunk({"tool_calls": [{"index": self._index, "function": {"arguments": piece}}]})

    def call_end(self) -> bytes:
        return b""

    def text_begin(self) -> bytes:
        return b""

    def delta(self, token: str) -> bytes:
        self.tokens.append(token)
        quoted = b'"%b"' % token.encode() if token.isalnum() and token.isascii() else json.dumps(token).encode()
        return b"%b%b%b" % (self._head, quoted, self._tail)

    def text_end(self, status: str = "completed") -> bytes:
        self.output_tokens += len(self.tokens)
        return b""

    def error(self) -> bytes:
        return sse({"error": {"message": "The server had an error.", "type": "server_error", "code": None}})

    def end(self, *, truncated: bool) -> bytes:
        if truncated:
            self.finish_reason = "length"
        out = self._chunk({}, self.finish_reason)
        if self.with_usage:
            out += self._envelope([], self._usage())
        return out + b"data: [DONE]\n\n"

    def whole(self) -> JSON:
        message: JSON = {"role": "assistant", "content": "".join(self.tokens) or None, "refusal": None}
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self._usage(),
            "service_tier": "default",
        }

    def _usage(self) -> JSON:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens, "audio_tokens": 0},
        }
