"""Failures of providers in our own words; a provider's text never reaches a client."""

import contextlib
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from chat_app.runs.contract import RunError

from .refusals import OPTIONAL

_MESSAGES = {
    "provider_rate_limited": "The model provider is receiving too many requests. Try again in a moment.",
    "provider_quota": "The model provider's account has no credit left, or has used up its quota.",
    "provider_unavailable": "The model provider is not available at the moment. Try again.",
    "provider_rejected": "The model provider did not accept the request.",
    "provider_timeout": "The model provider took too long to answer. Try again.",
    "provider_protocol": "The model provider's answer could not be understood. Try again.",
    "provider_auth": "The model provider refuses this server's key. Whoever administers the server can enter another.",
    "context_too_long": "The conversation is too long for this model. Summarize it or start a new session.",
    "model_not_found": "The model provider does not offer this model.",
}
_RETRYABLE = {"provider_rate_limited", "provider_unavailable", "provider_timeout", "provider_protocol"}

# How providers say that there is no money: of the fields `code` and `type`, and where these are the same as for any bad
# request, of the sentence. Gemini words its limits per minute as an exceeded quota, too: that sentence is not here.
_QUOTA = {
    "insufficient_quota",  # OpenAI, Azure: 429
    "billing_hard_limit_reached",  # OpenAI
    "billing_not_active",  # OpenAI
}
_QUOTA_STATUS = 402  # DeepSeek: "Insufficient Balance"; OpenRouter: credits
_QUOTA_TEXT = re.compile("credit balance is too low", re.IGNORECASE)  # Anthropic: 400

# How providers say that the context is too long: of `code` and `type`, else of the sentence. The statuses differ: 400,
# 413 and 422, and 500 of servers that find out while they generate.
_TOO_LONG = {
    "context_length_exceeded",  # OpenAI, Azure, Groq, LM Studio
    "string_above_max_length",  # OpenAI
    "exceed_context_size_error",  # llama.cpp, tools/server
    "request_too_large",  # Anthropic: 413
}
_TOO_LONG_TEXTS = (
    # OpenAI, Azure, DeepSeek, vLLM: "This model's maximum context length is 131072 tokens. However, you
    # requested 150000 tokens"; OpenRouter: "This endpoint's maximum context length is …"; Mistral: "Prompt
    # contains 65673 tokens …, too large for model with 32768 maximum context length"
    r"maximum context length",
    # OpenAI, Responses: "Your input exceeds the context window of this model."
    r"exceeds the context window",
    # OpenAI, Groq: "Request too large for gpt-4.1 … on tokens per min (TPM): Limit 30000, Requested 40000"; it
    # comes as 429 and 413, and never passes
    r"request too large for",
    # vLLM: "The decoder prompt (length 5951) is longer than the maximum model length of 4096."
    r"longer than the maximum model length",
    # vLLM: "The prompt (total length 25938) is too long to fit into the model (context length 4096)."
    # Anthropic: "prompt is too long: 213462 tokens > 200000 maximum"
    r"prompt (\([^)]*\) )?is too long",
    # Anthropic: "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000"
    r"exceed context limit",
    # llama.cpp: "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it",
    # and while it generates: "Context size has been exceeded."
    r"exceeds the available context size",
    r"context size has been exceeded",
    # Ollama: "the input length exceeds the context length"; most often it cuts the beginning off silently
    r"input length exceeds the (maximum )?context length",
    # LM Studio: "The number of tokens to keep from the initial prompt is greater than the context length"; or
    # "… when context the overflows. However, the model is loaded with context length of only 7866 tokens"
    r"greater than the context length",
    r"loaded with context length of only",
    # SGLang: "The input (9000 tokens) is longer than the model's context length (8192 tokens)."
    r"longer than the model's context length",
    # Gemini: "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)."
    r"input token count .*exceeds the maximum number of tokens",
    # Groq: "Please reduce the length of the messages or completion."
    r"reduce the length of the messages",
    # xAI: "This model's maximum prompt length is 131072 but the request contains 537812 tokens."
    r"maximum prompt length is \d+",
    # Moonshot: "Your request exceeded model token limit: 131072"
    r"exceeded model token limit",
)
_TOO_LONG_TEXT = re.compile("|".join(_TOO_LONG_TEXTS), re.IGNORECASE)

_NO_MODEL = {"model_not_found", "invalid_model"}  # OpenAI; Mistral: 400
_NO_MODEL_TEXT = re.compile("is not a valid model id|^model not exist", re.IGNORECASE)  # OpenRouter, DeepSeek: 400
_AUTH_TEXT = re.compile("api key not valid", re.IGNORECASE)  # Gemini: 400

# OpenAI, Groq: "Please try again in 7.66s."; Gemini: "Please retry in 34.07s."
_RETRY_IN = re.compile(r"(?:try again|retry) in (\d+(?:\.\d+)?)s", re.IGNORECASE)


class ProviderError(Exception):
    """A model call failed.

    `repeat`: the same call may succeed later; it is made again if nothing of the answer has arrived. `parameter`: the
    one that the provider refused by name. `window` and `asked`: of a context that is too long, how many tokens the
    provider takes, and how many it was given, where it says so. `detail` is for the operator's log.
    """

    def __init__(
        self,
        code: str,
        *,
        detail: str = "",
        message: str = "",
        repeat: bool = False,
        retry_after_s: float | None = None,
        parameter: str = "",
        window: int = 0,
        asked: int = 0,
    ) -> None:
        super().__init__(detail or code)
        self.window, self.asked = window, asked
        self.begun = False  # clients have seen a part of the answer
        self.repeat = repeat
        self.retry_after_s = retry_after_s
        self.parameter = parameter
        self.error = RunError(code, message or _MESSAGES[code], code in _RETRYABLE)


class LengthReached(Exception):
    """The answer ended at the model's token limit; its text until then is written."""


def from_status(status: int, body: bytes, retry_after: str | None) -> ProviderError:
    given = _error_object(body)
    detail = f"HTTP {status} {' '.join(sorted(_kinds(given)))}".strip()
    return _failure(status, given, detail, _seconds(retry_after))


def from_event(error: Any) -> ProviderError:
    """From the error object that a stream carries after its status 200."""
    given = error if isinstance(error, dict) else {"message": error}
    kinds = _kinds(given)
    detail = f"failed in mid-stream: {' '.join(sorted(kinds))}"
    status = next((int(kind) for kind in kinds if re.fullmatch(r"[45]\d\d", kind)), 0)
    if not status and "rate_limit_exceeded" in kinds:
        status = 429
    if not status and any(kind.startswith(("invalid_", "content_")) for kind in kinds):
        status = 400
    return _failure(status or 500, given, detail, None)


def _failure(status: int, given: dict[str, Any], detail: str, retry_after_s: float | None) -> ProviderError:
    kinds, sentence = _kinds(given), _sentence(given)
    if status == _QUOTA_STATUS or kinds & _QUOTA or _QUOTA_TEXT.search(sentence):
        return ProviderError("provider_quota", detail=detail)
    if status == 413 or kinds & _TOO_LONG or _TOO_LONG_TEXT.search(sentence):
        window, asked = _window(given, sentence), _asked(sentence)
        return ProviderError("context_too_long", detail=detail, window=window, asked=asked)
    if status == 429:
        wait_s = retry_after_s if retry_after_s is not None else _wait_in(sentence)
        return ProviderError("provider_rate_limited", detail=detail, repeat=True, retry_after_s=wait_s)
    if "tool_use_failed" in kinds:  # Groq: the model wrote a call that cannot be read; it may write another
        return ProviderError("provider_protocol", detail=detail, repeat=True)
    if status in (401, 403) or _AUTH_TEXT.search(sentence):
        return ProviderError("provider_auth", detail=detail)
    if status == 404 or kinds & _NO_MODEL or _NO_MODEL_TEXT.search(sentence):
        return ProviderError("model_not_found", detail=detail)
    if status in (408, 409, 425, 498) or status >= 500:  # 498: Groq has no room
        return ProviderError("provider_unavailable", detail=detail, repeat=True, retry_after_s=retry_after_s)
    return ProviderError("provider_rejected", detail=detail, parameter=_parameter(given, sentence))


def _error_object(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        given = orjson.loads(body)
        if isinstance(given, list) and given:  # Google's compatible endpoint wraps it so
            given = given[0]
        if isinstance(given, dict):
            inner = given.get("error", given)
            return inner if isinstance(inner, dict) else {"message": inner}
    return {}


def _kinds(given: dict[str, Any]) -> set[str]:
    return {str(given[key]) for key in ("code", "type") if isinstance(given.get(key), str | int)}


def _sentence(given: dict[str, Any]) -> str:
    """What it says to people; OpenRouter has the words of the provider behind it apart."""
    metadata = given.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    refused = [f"{name}: {said}" for name, said in _refused_fields(given)]
    return " ".join(str(part) for part in (given.get("message"), raw, *refused) if part)


def _refused_fields(given: dict[str, Any]) -> list[tuple[str, str]]:
    """Of Mistral's 422, which lists each field of the body that it does not take, and why."""
    detail = given.get("detail")
    entries = [entry for entry in detail if isinstance(entry, dict)] if isinstance(detail, list) else []
    return [(".".join(map(str, (entry.get("loc") or [])[1:])), str(entry.get("msg") or "")) for entry in entries]


def _parameter(given: dict[str, Any], sentence: str) -> str:
    """Some providers name the parameter in a field, some only in the sentence."""
    named = given.get("param")
    if isinstance(named, str) and named:
        return named
    if refused := _refused_fields(given):
        return refused[0][0]
    quoted = set(_QUOTED.findall(sentence))
    return next((name for name in OPTIONAL if name in quoted or (not name.isalpha() and name in sentence)), "")


_QUOTED = re.compile(r"['\"`]([a-z_.]+)['\"`]")  # a name that is a word, too, is one in quotation marks only


# "maximum context length is 16384 tokens. However, you requested 122946 tokens", "213462 tokens > 200000 maximum",
# "request (9000 tokens) exceeds the available context size (4096 tokens)", "(1196265) exceeds the maximum number of
# tokens allowed (1048575)"; see _TOO_LONG_TEXTS for whose words they are.
_WINDOW = re.compile(
    r"(?:maximum (?:context|model|prompt) length (?:is|of)|context (?:size|length)|maximum number of tokens allowed"
    r"|context limit: [\d +]+>|tokens >|for model with|model token limit:|Limit|context length of only)"
    r"\W{0,3}(\d{3,8})",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"(?:requested(?: about)?|resulted in|messages have|request contains|prompt contains|Requested|token count|length"
    r"|request|input|too long:)\W{1,3}(\d{3,8})",
    re.IGNORECASE,
)


def _window(given: dict[str, Any], sentence: str) -> int:
    """0 where it is not said."""
    if isinstance(size := given.get("n_ctx"), int):  # llama.cpp
        return size
    found = _WINDOW.search(sentence)
    return int(found.group(1)) if found else 0


def _asked(sentence: str) -> int:
    found = _ASKED.search(sentence)
    return int(found.group(1)) if found else 0


def _wait_in(sentence: str) -> float | None:
    found = _RETRY_IN.search(sentence)
    return float(found.group(1)) if found else None


def _seconds(retry_after: str | None) -> float | None:
    """Of the header: a number of seconds, or the time to wait for."""
    if not retry_after:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(retry_after))
    with contextlib.suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    return None
