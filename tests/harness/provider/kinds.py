"""What providers refuse, answer and list that are not OpenAI: as their documentation and their servers word it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

JSON = dict[str, Any]
Refusal = tuple[int, Any]  # status and body


def error(message: str, kind: str = "invalid_request_error", code: Any = None, **more: Any) -> JSON:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def google(status: int, message: str, name: str) -> Refusal:
    return status, [{"error": {"code": status, "message": message, "status": name}}]


def mistral(status: int, message: str, kind: str, code: str) -> Refusal:
    return status, {"object": "error", "message": message, "type": kind, "param": None, "code": code}


@dataclass(frozen=True)
class Kind:
    errors: dict[str, Refusal]  # by what they mean: quota, busy, too_long, auth, missing, down
    models: Any = field(default_factory=lambda: {"object": "list", "data": []})
    unknown: frozenset[str] = frozenset()  # parameters
    call_id: str = ""  # pattern
    text_alone: bool = False
    tool_then_user: bool = True  # is taken
    keyless: bool = False
    thoughts: str = "reasoning_content"  # the field of a delta that has them
    of_assistant: frozenset[str] = frozenset()  # further fields of its messages


def _listed(*models: JSON) -> JSON:
    return {"object": "list", "data": [{"object": "model", "created": 1, "owned_by": "tests", **m} for m in models]}


_TOO_LONG = "This model's maximum context length is {} tokens. However, you requested {} tokens in the messages."
_NOT_THERE = "The model `{}` does not exist or you do not have access to it."

KINDS: dict[str, Kind] = {
    "openai": Kind(
        {
            "quota": (429, error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")),
            "busy": (
                429,
                error("Rate limit reached for gpt-4.1. Please try again in 2s.", "tokens", "rate_limit_exceeded"),
            ),
            "too_long": (
                400,
                error("Your input exceeds the context window of this model.", code="context_length_exceeded"),
            ),
            "auth": (401, error("Incorrect API key provided: sk-x.", code="invalid_api_key")),
            "missing": (404, error(_NOT_THERE.format("gpt-9"), code="model_not_found")),
            "down": (503, error("The engine is currently overloaded, please try again later.", "server_error")),
        },
        _listed({"id": "gpt-4.1"}, {"id": "whisper-1"}),
    ),
    "azure": Kind(
        {
            "quota": (429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota."}}),
            "busy": (
                429,
                {
                    "error": {
                        "code": "429",
                        "message": "Requests have exceeded token rate limit. Please retry after 6 s.",
                    }
                },
            ),
            "too_long": (400, error(_TOO_LONG.format(128000, 130010), code="context_length_exceeded")),
            "auth": (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}),
            "missing": (
                404,
                {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}},
            ),
        },
    ),
    "openrouter": Kind(
        {
            "quota": (402, {"error": {"code": 402, "message": "Insufficient credits."}}),
            "busy": (
                429,
                {
                    "error": {
                        "code": 429,
                        "message": "Provider returned error",
                        "metadata": {"raw": "x/y is temporarily rate-limited upstream.", "provider_name": "X"},
                    }
                },
            ),
            "too_long": (
                400,
                {"error": {"code": 400, "message": "This endpoint's maximum context length is 131072 tokens."}},
            ),
            "auth": (401, {"error": {"code": 401, "message": "No auth credentials found"}}),
            "missing": (400, {"error": {"code": 400, "message": "x/y is not a valid model ID"}}),
            "down": (502, {"error": {"code": 502, "message": "Provider returned error"}}),
        },
        {
            "data": [
                {
                    "id": "vendor/small",
                    "name": "Vendor: Small",
                    "context_length": 65536,
                    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                    "pricing": {"prompt": "0.0000002", "completion": "0.0000006"},
                    "top_provider": {"context_length": 65536, "max_completion_tokens": 8192},
                    "supported_parameters": ["max_tokens", "reasoning", "tools"],
                }
            ]
        },
        unknown=frozenset({"reasoning_effort"}),
        thoughts="reasoning",
        of_assistant=frozenset({"reasoning_details"}),
    ),
    "anthropic": Kind(
        {
            "quota": (400, error("Your credit balance is too low to access the Anthropic API.")),
            "busy": (429, error("This request would exceed your organization's rate limit.", "rate_limit_error")),
            "too_long": (400, error("prompt is too long: 213462 tokens > 200000 maximum")),
            "auth": (401, error("invalid x-api-key", "authentication_error")),
            "missing": (404, error("model: claude-9", "not_found_error")),
            "down": (529, error("Overloaded", "overloaded_error")),
        },
        {
            "data": [{"type": "model", "id": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5"}],
            "has_more": False,
        },
        call_id=r"[a-zA-Z0-9_-]+",
    ),
    "gemini": Kind(
        {
            "busy": google(429, "You exceeded your current quota. Please retry in 34.07s.", "RESOURCE_EXHAUSTED"),
            "too_long": google(
                400,
                "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
                "INVALID_ARGUMENT",
            ),
            "auth": google(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
            "missing": google(404, "models/gemini-9 is not found for API version v1main.", "NOT_FOUND"),
            "down": google(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
        },
        _listed({"id": "models/gemini-3-pro-preview"}, {"id": "models/text-embedding-004"}),
        unknown=frozenset({"store", "prompt_cache_key"}),
    ),
    "deepseek": Kind(
        {
            "quota": (402, error("Insufficient Balance", "unknown_error", "invalid_request_error")),
            "busy": (429, error("Rate limit reached for requests.", "rate_limit_reached_error")),
            "too_long": (400, error(_TOO_LONG.format(131072, 131093), code="invalid_request_error")),
            "auth": (401, error("Authentication Fails, Your api key is invalid", "authentication_error")),
            "missing": (400, error("Model Not Exist", code="invalid_request_error")),
            "down": (503, error("Server is overloaded.", "service_unavailable_error")),
        },
        _listed({"id": "deepseek-chat"}, {"id": "deepseek-reasoner"}),
        unknown=frozenset({"reasoning_effort"}),
        text_alone=True,
        of_assistant=frozenset({"reasoning_content"}),
    ),
    "mistral": Kind(
        {
            "busy": mistral(
                429, "Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded", "3505"
            ),
            "too_long": mistral(
                400,
                "Prompt contains 65673 tokens, too large for model with 32768 maximum context length",
                "invalid_request_prompt_token_limit",
                "3051",
            ),
            "auth": (401, {"detail": "Unauthorized"}),
            "missing": mistral(400, "Invalid model: mistral-huge", "invalid_model", "1500"),
            "down": mistral(503, "Service unavailable.", "internal_server_error", "3000"),
        },
        _listed(
            {
                "id": "mistral-small-latest",
                "name": "mistral-small-2506",
                "max_context_length": 131072,
                "capabilities": {"completion_chat": True, "function_calling": True, "vision": True},
            },
            {"id": "mistral-ocr-latest", "capabilities": {"completion_chat": False}},
        ),
        unknown=frozenset({"stream_options", "reasoning_effort", "max_completion_tokens", "store", "prompt_cache_key"}),
        call_id=r"[a-zA-Z0-9]{9}",
        tool_then_user=False,
        thoughts="content",
    ),
    "groq": Kind(
        {
            "busy": (
                429,
                error("Rate limit reached for model `m`. Please try again in 7.66s.", "tokens", "rate_limit_exceeded"),
            ),
            "too_long": (413, error("Request too large for model `m`: Limit 6000, Requested 9000", "tokens")),
            "auth": (401, error("Invalid API Key", code="invalid_api_key")),
            "missing": (404, error(_NOT_THERE.format("m"), code="model_not_found")),
            "down": (498, error("Flex tier capacity exceeded.", "internal_server_error")),
        },
        _listed({"id": "llama-3.3-70b-versatile", "context_window": 131072, "max_completion_tokens": 32768}),
        unknown=frozenset({"store", "prompt_cache_key"}),
        thoughts="reasoning",
        of_assistant=frozenset({"reasoning"}),
    ),
    "vllm": Kind(
        {
            "too_long": (400, error(_TOO_LONG.format(16384, 122946), "BadRequestError", 400)),
            "auth": (401, {"error": "Unauthorized"}),
            "missing": (404, error("The model `m` does not exist.", "NotFoundError", 404)),
            "down": (500, error("EngineCore encountered an issue.", "InternalServerError", 500)),
        },
        _listed({"id": "Qwen/Qwen3-8B", "max_model_len": 16384}),
        keyless=True,
    ),
    "llama.cpp": Kind(
        {
            "too_long": (
                400,
                {
                    "error": {
                        "code": 400,
                        "message": "request (4476 tokens) exceeds the available context size (4096 tokens)",
                        "type": "exceed_context_size_error",
                        "n_prompt_tokens": 4476,
                        "n_ctx": 4096,
                    }
                },
            ),
            "auth": (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}),
            "down": (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
        },
        _listed({"id": "qwen3-8b.gguf", "meta": {"n_ctx_train": 40960, "n_params": 8190735360}}),
        keyless=True,
    ),
    "ollama": Kind(
        {
            "too_long": (400, error("the input length exceeds the context length", "api_error")),
            "missing": (404, error('model "m" not found, try pulling it first', "api_error")),
            "down": (503, error("server busy, please try again.  maximum pending requests exceeded", "api_error")),
        },
        _listed({"id": "qwen3:8b"}, {"id": "nomic-embed-text:latest"}),
        keyless=True,
        thoughts="reasoning",
    ),
    "lmstudio": Kind(
        {
            "too_long": (
                400,
                {
                    "error": "The number of tokens to keep from the initial prompt is greater than the context length. "
                    "Try to load the model with a larger context length, or provide a shorter input."
                },
            ),
            "missing": (404, error("Model not found.", code="model_not_found")),
        },
        _listed({"id": "qwen/qwen3-8b"}, {"id": "text-embedding-nomic-embed-text-v1.5"}),
        keyless=True,
    ),
}


def unknown_parameter(name: str, body: Any) -> Refusal | None:
    """How that kind refuses a parameter that it does not know."""
    found = sorted(body.keys() & KINDS[name].unknown) if isinstance(body, dict) else []
    if not found:
        return None
    if name == "mistral":
        entry = {"type": "extra_forbidden", "loc": ["body", found[0]], "msg": "Extra inputs are not permitted"}
        return 422, {"detail": [entry]}
    if name == "gemini":
        return google(
            400, f'Invalid JSON payload received. Unknown name "{found[0]}": Cannot find field.', "INVALID_ARGUMENT"
        )
    return 400, error(f"property '{found[0]}' is unsupported")


def faults(name: str, messages: list[JSON]) -> Iterator[str]:
    kind = KINDS[name]
    for index, message in enumerate(messages):
        ids = [call.get("id") for call in message.get("tool_calls") or []]
        ids += [message["tool_call_id"]] if "tool_call_id" in message else []
        for id in ids:
            if kind.call_id and not re.fullmatch(kind.call_id, str(id)):
                yield f"Tool call id was {id} but must match {kind.call_id}"
        content = message.get("content")
        if kind.text_alone and isinstance(content, list) and any(part.get("type") != "text" for part in content):
            yield f"messages[{index}]: unknown variant `image_url`, expected `text`"
    for message, following in pairwise(messages):
        if not kind.tool_then_user and (message["role"], following["role"]) == ("tool", "user"):
            yield "Unexpected role 'user' after role 'tool'"
