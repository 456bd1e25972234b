"""A context that is too long, in the words of each provider."""

from typing import Any

import orjson
import pytest

from chat_app.agent.providers.failures import from_event, from_status

OPENAI = {
    "message": "This model's maximum context length is 128000 tokens. However, your messages have 204308.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "context_length_exceeded",
}
RAW = """{"error":{"message":"prompt is too long: 213462 tokens > 200000 maximum"}}"""
WORDED: dict[str, tuple[int, Any]] = {
    "OpenAI": (400, {"error": OPENAI}),
    "OpenAI, a limit per minute": (
        429,
        {
            "error": {
                "message": "Request too large for gpt-4.1 on tokens per min (TPM): Limit 30000, Requested 40000.",
                "type": "tokens",
                "code": "rate_limit_exceeded",
            }
        },
    ),
    "Azure": (400, {"error": {"message": "Too long.", "code": "context_length_exceeded"}}),
    "vLLM": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "vLLM, later": (
        400,
        {"error": {"message": "The decoder prompt (length 5951) is longer than the maximum model length of 4096."}},
    ),
    "vLLM, with images": (
        400,
        {"error": {"message": "The prompt (total length 25938) is too long to fit into the model."}},
    ),
    "SGLang": (400, {"message": "The input (9000 tokens) is longer than the model's context length (8192 tokens)."}),
    "llama.cpp": (
        400,
        {"error": {"code": 400, "message": "request is too big", "type": "exceed_context_size_error", "n_ctx": 4096}},
    ),
    "llama.cpp, older": (
        400,
        {"error": {"message": "the request exceeds the available context size"}},
    ),
    "llama.cpp, generating": (500, {"error": {"code": 500, "message": "Context size has been exceeded."}}),
    "Ollama": (400, {"error": "the input length exceeds the context length"}),
    "LM Studio": (
        400,
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length."},
    ),
    "DeepSeek": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 131072 tokens. You requested 150000.",
                "type": "invalid_request_error",
                "code": "invalid_request_error",
            }
        },
    ),
    "Gemini": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1196265) exceeds the maximum number of tokens allowed.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    "Anthropic": (
        400,
        {"error": {"type": "invalid_request_error", "message": "prompt is too long: 213462 tokens > 200000 maximum"}},
    ),
    "Anthropic, with the answer": (
        400,
        {"error": {"message": "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000"}},
    ),
    "Anthropic, bytes": (413, {"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}),
    "Mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 65673 tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_error",
            "code": "3051",
        },
    ),
    "OpenRouter": (
        400,
        {
            "error": {
                "code": 400,
                "message": "This endpoint's maximum context length is 32768 tokens. You requested more.",
            }
        },
    ),
    "OpenRouter, of whom it asked": (
        400,
        {"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": RAW}}},
    ),
    "Groq": (
        400,
        {"error": {"message": "Please reduce the length of the messages or completion.", "code": "400"}},
    ),
    "xAI": (400, {"error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."}),
    "Moonshot": (400, {"error": {"message": "Your request exceeded model token limit: 131072"}}),
}


@pytest.mark.parametrize("name", WORDED)
def test_a_context_that_is_too_long_is_known(name: str) -> None:
    status, body = WORDED[name]
    failure = from_status(status, orjson.dumps(body), None)
    assert (failure.error.code, failure.error.retryable, failure.repeat) == ("context_too_long", False, False)
    assert "token" not in failure.error.message


def test_it_is_known_in_the_stream_too() -> None:
    for error in (
        OPENAI,
        {"code": 400, "message": "Context size has been exceeded."},
        "Context size has been exceeded.",
    ):
        assert from_event(error).error.code == "context_too_long"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, "provider_quota"),
        (429, {"code": None, "type": "insufficient_quota"}, "provider_quota"),
        (402, {"message": "Insufficient Balance", "code": "invalid_request_error"}, "provider_quota"),
        (400, {"message": "Your credit balance is too low to access the Anthropic API."}, "provider_quota"),
        (429, {"code": "rate_limit_exceeded", "message": "Rate limit reached."}, "provider_rate_limited"),
        # Gemini words its limits per minute so.
        (
            429,
            {"code": 429, "message": "You exceeded your current quota. Please retry in 34.07s."},
            "provider_rate_limited",
        ),
        (400, {"message": "Invalid value for 'temperature'.", "param": "temperature"}, "provider_rejected"),
    ],
)
def test_what_passes_is_told_from_what_does_not(status: int, error: dict[str, Any], code: str) -> None:
    failure = from_status(status, orjson.dumps({"error": error}), None)
    assert failure.error.code == code
    assert failure.repeat == failure.error.retryable == (code == "provider_rate_limited")


def test_when_to_ask_again_is_said_in_several_ways() -> None:
    sentence = orjson.dumps({"error": {"message": "Rate limit reached. Please try again in 7.66s."}})
    assert from_status(429, sentence, None).retry_after_s == 7.66
    assert from_status(429, sentence, "3").retry_after_s == 3
    assert from_status(503, b"", "Wed, 21 Oct 2015 07:28:00 GMT").retry_after_s == 0
    assert from_status(503, b"", "soon").retry_after_s is None
    assert from_event({"code": 429, "message": "Slow down."}).repeat
