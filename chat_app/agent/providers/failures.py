"""Failures of providers in our own words; a provider's text never reaches a client."""

import contextlib
from typing import Any

import orjson

from chat_app.runs.contract import RunError

TOO_LONG = "The conversation is too long for this model. Summarize it or start a new session."
_MESSAGES = {
    "provider_rate_limited": "The model provider is receiving too many requests. Try again in a moment.",
    "provider_unavailable": "The model provider is not available at the moment. Try again.",
    "provider_rejected": "The model provider did not accept the request.",
    "provider_timeout": "The model provider took too long to answer. Try again.",
    "provider_protocol": "The model provider's answer could not be understood. Try again.",
    "provider_auth": "The model provider refused this server's credentials.",
    "model_not_found": "The model provider does not offer this model.",
}
_RETRYABLE = {"provider_rate_limited", "provider_unavailable", "provider_timeout", "provider_protocol"}
_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}
_TOO_LONG = {"context_length_exceeded", "string_above_max_length"}


class ProviderError(Exception):
    """A model call failed.

    `repeat`: the same call may succeed later; it is made again if nothing of the answer has arrived. `parameter`: the
    one that the provider refused by name. `detail` is for the operator's log.
    """

    def __init__(
        self,
        code: str,
        *,
        detail: str = "",
        message: str = "",
        repeat: bool = False,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
        parameter: str = "",
    ) -> None:
        super().__init__(detail or code)
        self.repeat = repeat
        self.retry_after_s = retry_after_s
        self.parameter = parameter
        self.error = RunError(code, message or _MESSAGES[code], code in _RETRYABLE if retryable is None else retryable)


class LengthReached(Exception):
    """The answer ended at the model's token limit; its text until then is written."""


def from_status(status: int, body: bytes, retry_after: str | None) -> ProviderError:
    given = _error_object(body)
    kind = str(given.get("code") or given.get("type") or "")
    detail = f"HTTP {status} {kind}".strip()
    if status == 429 and kind not in _QUOTA:
        return ProviderError("provider_rate_limited", detail=detail, repeat=True, retry_after_s=_seconds(retry_after))
    if status == 429:
        return ProviderError("provider_rate_limited", detail=detail, retryable=False)
    if status in (401, 403):
        return ProviderError("provider_auth", detail=detail)
    if status == 404:
        return ProviderError("model_not_found", detail=detail)
    if status in (408, 409, 425) or status >= 500:
        return ProviderError("provider_unavailable", detail=detail, repeat=True, retry_after_s=_seconds(retry_after))
    if status == 413 or kind in _TOO_LONG:
        return ProviderError("provider_rejected", detail=detail, message=TOO_LONG)
    return ProviderError("provider_rejected", detail=detail, parameter=_parameter(given))


def from_event(error: Any) -> ProviderError:
    """From the error object that a stream carries after its status 200."""
    given = error if isinstance(error, dict) else {}
    kind = str(given.get("code") or given.get("type") or "")
    detail = f"failed in mid-stream: {kind}"
    if kind == "rate_limit_exceeded":
        return ProviderError("provider_rate_limited", detail=detail, repeat=True)
    if kind in _QUOTA:
        return ProviderError("provider_rate_limited", detail=detail, retryable=False)
    if kind in _TOO_LONG:
        return ProviderError("provider_rejected", detail=detail, message=TOO_LONG)
    if kind.startswith(("invalid_", "content_")):
        return ProviderError("provider_rejected", detail=detail)
    return ProviderError("provider_unavailable", detail=detail, repeat=True)


def _error_object(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        given = orjson.loads(body)
        if isinstance(given, list) and given:  # Google's compatible endpoint wraps it so
            given = given[0]
        if isinstance(given, dict):
            inner = given.get("error", given)
            return inner if isinstance(inner, dict) else {"message": inner}
    return {}


# Some providers name the parameter in a field, some only in the sentence.
_OPTIONAL = (
    "reasoning.summary",
    "reasoning.effort",
    "reasoning_effort",
    "stream_options",
    "parallel_tool_calls",
)


def _parameter(given: dict[str, Any]) -> str:
    named = given.get("param")
    if isinstance(named, str) and named:
        return named
    sentence = str(given.get("message") or "")
    return next((name for name in _OPTIONAL if name in sentence), "")


def _seconds(retry_after: str | None) -> float | None:
    with contextlib.suppress(ValueError):
        return max(0.0, float(retry_after or ""))
    return None
