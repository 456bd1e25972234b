"""What the real APIs refuse, in their words. Each check returns the message of the 400, or None."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.harness.provider import kinds

JSON = dict[str, Any]

NO_SIGNATURE = "skip_thought_signature_validator"
"""What Gemini takes for a call that it has not made."""
EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh"}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")

_RESPONSES_PARAMETERS = (
    "background context_management conversation include input instructions max_output_tokens "
    "max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier "
    "service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p "
    "truncation user"
)
_CHAT_PARAMETERS = (
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens messages metadata modalities model n parallel_tool_calls prediction presence_penalty "
    "prompt_cache_key prompt_cache_retention reasoning_effort response_format safety_identifier seed "
    "service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p "
    "user verbosity web_search_options"
)
_ITEM_FIELDS = {
    "message": {"type", "role", "content", "id", "status", "phase"},
    "function_call": {"type", "call_id", "name", "arguments", "id", "status", "namespace"},
    "function_call_output": {"type", "call_id", "output", "id", "status"},
    "reasoning": {"type", "id", "summary", "content", "encrypted_content", "status"},
}
_ID_PREFIX = {"message": "msg", "function_call": "fc", "reasoning": "rs", "function_call_output": "fc"}
_PARTS = {
    "user": {"input_text", "input_image", "input_file", "input_audio"},
    "system": {"input_text"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
}
_UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages"
)
_CHAT_FIELDS = {
    "developer": {"role", "content", "name"},
    "system": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {
        "role",
        "content",
        "name",
        "refusal",
        "tool_calls",
        "audio",
        "function_call",
        "annotations",
    },
    "tool": {"role", "content", "tool_call_id"},
}


def reasoning_model(model: str) -> bool:
    return re.match(r"gpt-[5-9]|o\d", model) is not None


def responses_fault(body: Any, issued: dict[str, str]) -> str | None:
    """`issued`: id of each item given out before -> id of the reasoning item it came with ("" for none)."""
    return next(_responses_faults(body, issued), None)


def chat_fault(body: Any, issued: dict[str, str], kind: str = "") -> str | None:
    """`issued`: what must come back with earlier calls: their ids -> signatures, "thoughts of ID" -> thoughts. `kind`:
    of kinds.KINDS; empty: the model's name tells."""
    return next(_chat_faults(body, issued, kind), None)


def is_gemini(model: str) -> bool:
    return model.startswith("gemini")


def is_deepseek(model: str) -> bool:
    return model.startswith("deepseek")


def unsupported_effort(api: str, body: JSON) -> JSON | None:
    """The error object with which OpenAI answers an effort that a model does not have; no fault of the request."""
    named = (body.get("reasoning") or {}).get("effort") if api == "responses" else body.get("reasoning_effort")
    if not body["model"].startswith("gpt-5-nano") or named in (None, "minimal", "low", "medium", "high"):
        return None
    return {
        "message": f"Unsupported value: '{named}' is not supported with the '{body['model']}' model.",
        "type": "invalid_request_error",
        "param": "reasoning.effort" if api == "responses" else "reasoning_effort",
        "code": "unsupported_value",
    }


# Status and body, as their providers word them.
REFUSALS: dict[str, tuple[int, Any]] = {
    "quota": (
        429,
        {
            "error": {
                "message": "You exceeded your current quota, please check your plan and billing details.",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            }
        },
    ),
    "too_long": (
        400,
        {
            "error": {
                "code": 400,
                "message": "request (4476 tokens) exceeds the available context size (4096 tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 4476,
                "n_ctx": 4096,
            }
        },
    ),
}


def too_long(tokens: int, window: int) -> JSON:
    """The answer of llama.cpp; its status is 400."""
    message = f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
    kind = "exceed_context_size_error"
    return {"error": {"code": 400, "message": message, "type": kind, "n_prompt_tokens": tokens, "n_ctx": window}}


def _top(body: Any, known: str) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "We could not parse the JSON body of your request."
        return
    for key in body.keys() - set(known.split()):
        yield f"Unknown parameter: '{key}'."
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "you must provide a model parameter"


def has_lone_surrogate(body: Any) -> bool:
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _responses_faults(body: Any, issued: dict[str, str]) -> Iterator[str]:
    yield from _top(body, _RESPONSES_PARAMETERS)
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is not None and not reasoning_model(body["model"]):
        yield "Unsupported parameter: 'reasoning.effort' is not supported with this model."
    if effort is not None and effort not in EFFORTS:
        yield f"Invalid value: '{effort}'. Supported values are: {sorted(EFFORTS)}."
    yield from _tools((tool, tool) for tool in body.get("tools") or [] if tool.get("type") == "function")
    items = body.get("input")
    if isinstance(items, str):
        if not items:
            yield "Invalid 'input': empty string."
        return
    if not isinstance(items, list) or not items:
        yield "Missing required parameter: 'input'."
        return
    for index, item in enumerate(items):
        yield from _item(f"input[{index}]", item)
    yield from _pairs(items)
    yield from _reasoning_neighbours(items, issued)


def _item(where: str, item: Any) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"Invalid type for '{where}': expected an object."
        return
    kind = item.get("type", "message" if "role" in item else None)
    if kind not in _ITEM_FIELDS:
        yield f"Invalid value: '{kind}' in '{where}.type'."
        return
    for key in item.keys() - _ITEM_FIELDS[kind]:
        yield f"Unknown parameter: '{where}.{key}'."
    if "id" in item and not str(item["id"]).startswith(_ID_PREFIX[kind]):
        yield f"Invalid '{where}.id': '{item['id']}'. Expected an ID that begins with '{_ID_PREFIX[kind]}'."
    if item.get("status", "completed") not in ("completed", "in_progress", "incomplete"):
        yield f"Invalid value: '{item['status']}' in '{where}.status'."
    match kind:
        case "message":
            yield from _message(where, item)
        case "function_call":
            if not _NAME.fullmatch(str(item.get("name", ""))):
                yield f"Invalid '{where}.name': string does not match pattern."
            if not isinstance(item.get("arguments"), str):
                yield f"Missing required parameter: '{where}.arguments'."
        case "function_call_output":
            if not isinstance(item.get("output"), str | list):
                yield f"Missing required parameter: '{where}.output'."
        case "reasoning":
            if not isinstance(item.get("summary"), list):
                yield f"Missing required parameter: '{where}.summary'."


def _message(where: str, item: JSON) -> Iterator[str]:
    role, content = item.get("role"), item.get("content")
    if role not in _PARTS:
        yield f"Invalid value: '{role}' in '{where}.role'."
        return
    if not content or not isinstance(content, str | list):
        yield f"Invalid '{where}.content': empty."
        return
    for number, part in enumerate(content if isinstance(content, list) else []):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _PARTS[role]:
            yield f"Invalid '{kind}'. Not one of {sorted(_PARTS[role])} in '{where}.content[{number}]'."
        elif kind in ("input_text", "output_text") and not part.get("text"):
            yield f"Invalid '{where}.content[{number}].text': empty string."


def _pairs(items: list[JSON]) -> Iterator[str]:
    ids: set[str] = set()
    called: set[str] = set()
    answered: set[str] = set()
    for item in items:
        if (id_ := item.get("id")) is not None:
            if id_ in ids:
                yield f"Duplicate item found with id {id_}. Remove duplicate items from your input."
            ids.add(id_)
        call_id = str(item.get("call_id", ""))
        if item.get("type") == "function_call":
            if not call_id or call_id in called:
                yield f"Duplicate or missing call_id '{call_id}'."
            called.add(call_id)
        elif item.get("type") == "function_call_output":
            if call_id not in called:
                yield f"No tool call found for function call output with call_id {call_id}."
            if call_id in answered:
                yield f"Duplicate function call output with call_id {call_id}."
            answered.add(call_id)
    for call_id in called - answered:
        yield f"No tool output found for function call {call_id}."


def _reasoning_neighbours(items: list[JSON], issued: dict[str, str]) -> Iterator[str]:
    present = {item.get("id") for item in items}
    for item, following in zip(items, [*items[1:], {}], strict=True):
        if item.get("type") == "reasoning":
            produced = following.get("type") in ("reasoning", "function_call") or following.get("role") == "assistant"
            if not produced:
                id_ = item.get("id")
                yield f"Item '{id_}' of type 'reasoning' was provided without its required following item."
        elif (needed := issued.get(item.get("id", ""))) and needed not in present:
            yield f"Item '{item['id']}' was provided without its required 'reasoning' item: '{needed}'."


def _tools(pairs: Iterator[tuple[JSON, JSON]]) -> Iterator[str]:
    names: set[str] = set()
    for index, (_tool, function) in enumerate(pairs):
        name = str(function.get("name", ""))
        if not _NAME.fullmatch(name):
            yield f"Invalid 'tools[{index}].name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        if name in names:
            yield f"Duplicate tool name '{name}'."
        names.add(name)
        schema = function.get("parameters") or {"type": "object"}
        if schema.get("type") != "object":
            yield f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        if function.get("strict"):
            missing = set(schema.get("properties", {})) - set(schema.get("required", []))
            if missing or schema.get("additionalProperties") is not False:
                yield f"Invalid schema for '{name}': strict needs all required and no additionalProperties."


def _chat_faults(body: Any, issued: dict[str, str], kind: str) -> Iterator[str]:
    yield from _top(body, f"{_CHAT_PARAMETERS} reasoning" if kind == "openrouter" else _CHAT_PARAMETERS)
    if body.get("reasoning_effort") is not None and not kind and not reasoning_model(body["model"]):
        yield "Unrecognized request argument supplied: reasoning_effort"
    yield from _tools((tool, tool.get("function") or {}) for tool in body.get("tools") or [])
    if body.get("stream_options") is not None and not body.get("stream"):
        yield "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "Invalid 'messages': empty array. Expected an array with minimum length 1."
        return
    yield from _vendor_faults(body["model"], messages, issued)
    if kind:
        yield from kinds.faults(kind, messages)
    yield from _template_faults(messages)
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _CHAT_FIELDS:
            yield f"Invalid value: '{role}' in '{where}.role'."
            continue
        further = {"reasoning_content"} if is_deepseek(body["model"]) else set()
        if kind and role == "assistant":
            further |= kinds.KINDS[kind].of_assistant
        for key in message.keys() - _CHAT_FIELDS[role] - further:
            yield f"Unrecognized request argument supplied: {where}.{key}"
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                yield "messages with role 'tool' must respond to a preceeding message with 'tool_calls'."
            waiting.discard(message.get("tool_call_id", ""))
            if not isinstance(message.get("content"), str | list):
                yield f"Missing required parameter: '{where}.content'."
            continue
        if waiting:
            yield f"{_UNANSWERED}: {sorted(waiting)}"
        waiting = set()
        yield from _chat_content(where, message)
        for call in message.get("tool_calls") or []:
            if not call.get("id") or call["id"] in waiting:
                yield f"Duplicate or missing id in '{where}.tool_calls'."
            waiting.add(call.get("id", ""))
            if not isinstance((call.get("function") or {}).get("arguments"), str) or not call["function"].get("name"):
                yield f"Missing required parameter: '{where}.tool_calls[].function'."
    if waiting:
        yield f"{_UNANSWERED}: {sorted(waiting)}"


def _template_faults(messages: list[JSON]) -> Iterator[str]:
    """What the chat templates of many open models raise."""
    roles = [message.get("role") for message in messages if isinstance(message, dict)]
    if any(role in ("system", "developer") for role in roles[1:]):
        yield "System message must be at the beginning."
    if any(role == following and role in ("user", "assistant") for role, following in pairwise(roles)):
        yield "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."


def _chat_content(where: str, message: JSON) -> Iterator[str]:
    content = message.get("content")
    if content is None and message["role"] == "assistant" and message.get("tool_calls"):
        return
    if "tool_calls" in message and not message["tool_calls"]:
        yield f"Invalid '{where}.tool_calls': empty array."
    if not content or not isinstance(content, str | list):
        yield f"Invalid value for '{where}.content': expected a non-empty string."
        return
    for number, part in enumerate(content if isinstance(content, list) else []):
        if part.get("type") == "text" and not part.get("text"):
            yield f"Invalid '{where}.content[{number}].text': empty string."


def _vendor_faults(model: str, messages: list[JSON], issued: dict[str, str]) -> Iterator[str]:
    """What Gemini and DeepSeek want back with a call, and that nobody is given what is another's."""
    last_user = max((index for index, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    for index, message in enumerate(messages):
        calls = message.get("tool_calls") or []
        for number, call in enumerate(calls):
            for key in call.keys() - {"id", "type", "function"} - ({"extra_content"} if is_gemini(model) else set()):
                yield f"Unrecognized request argument supplied: messages[{index}].tool_calls[{number}].{key}"
        if calls and is_gemini(model):
            signature = ((calls[0].get("extra_content") or {}).get("google") or {}).get("thought_signature")
            if index > last_user and signature is None:
                yield "Function call is missing a thought_signature in functionCall parts."
            if signature not in (None, NO_SIGNATURE, issued.get(calls[0].get("id", ""))):
                yield "Thought signature is not valid."
        if calls and is_deepseek(model):
            thoughts = message.get("reasoning_content")
            if thoughts is None or thoughts not in ("", issued.get(f"thoughts of {calls[0].get('id')}")):
                yield "The `reasoning_content` in the thinking mode must be passed back to the API."
        if not calls and "reasoning_content" in message:
            yield "reasoning_content without a call is of no use."
