"""What kinds of model providers there are, what each takes and what it calls things: one row a kind.

Who asks a model reads its row and knows no provider by name. Facts are from the documentation of each, or from what it
was seen to refuse.
"""

import re
from dataclasses import dataclass
from typing import Literal

Api = Literal["responses", "chat_completions"]
# Whether the thoughts before a call go back with it (`reasoning_content`): to who asks for them, to who was never seen
# to mind and serves models that do, or to nobody.
Thoughts = Literal["always", "by_model", "never"]


@dataclass(frozen=True, slots=True)
class ProviderKind:
    label: str
    url: str = ""  # where it is unless another address is given; empty: one must be
    host: re.Pattern[str] | None = None  # of addresses that are surely of this kind
    api: Api = "chat_completions"
    key_header: str = "Authorization"
    list_headers: tuple[tuple[str, str], ...] = ()  # further ones, for its list of models; {key} is the key
    lists_models: bool = True  # GET /models says which models it serves, and each of them can be chosen
    curated: bool = False  # what can be chosen is what is known of its maker's models
    limit: str = ""  # parameter for the length of an answer; empty: by the model, as OpenAI has two
    effort: Literal["reasoning_effort", "reasoning", ""] = "reasoning_effort"
    counts_when_asked: bool = True  # takes `stream_options`; others count without
    cache_key: bool = False  # takes `prompt_cache_key`
    images: bool = True  # of a model that is not known otherwise
    call_id: re.Pattern[str] | None = None  # what the ids of calls must be; None: anything
    call_id_chars: int = 40
    answers_tools: bool = False  # after a tool's result comes an assistant's message, never a person's
    signs_calls: re.Pattern[str] | None = None  # models that want a signature with the first call of each message
    thoughts: Thoughts = "never"
    vendor: str = ""  # whose prices it takes


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_WORD = re.compile(r"[a-zA-Z0-9_-]{1,64}")

KINDS: dict[str, ProviderKind] = {
    "openai": ProviderKind(
        "OpenAI",
        "https://api.openai.com/v1",
        _any_case(r"//api\.openai\.com(/|$)"),
        api="responses",
        lists_models=False,
        curated=True,
        cache_key=True,
        vendor="openai",
    ),
    # Its list has the models that could be deployed, not the deployments.
    "azure": ProviderKind(
        "Azure OpenAI",
        host=_any_case(r"\.openai\.azure\.com(/|$)"),
        api="responses",
        key_header="api-key",
        lists_models=False,
        thoughts="by_model",
        vendor="openai",
    ),
    # https://openrouter.ai/docs/api-reference/parameters
    "openrouter": ProviderKind(
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        _any_case(r"//openrouter\.ai/"),
        limit="max_tokens",
        effort="reasoning",
        thoughts="by_model",
    ),
    # https://docs.claude.com/en/api/openai-sdk: it passes over an effort; its own list wants headers of its own.
    "anthropic": ProviderKind(
        "Anthropic",
        "https://api.anthropic.com/v1",
        _any_case(r"//api\.anthropic\.com(/|$)"),
        list_headers=(("x-api-key", "{key}"), ("anthropic-version", "2023-06-01")),
        limit="max_tokens",
        effort="",
        call_id=_WORD,
        vendor="anthropic",
    ),
    # https://ai.google.dev/gemini-api/docs/openai
    "gemini": ProviderKind(
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        _any_case(r"//generativelanguage\.googleapis\.com/"),
        limit="max_tokens",
        signs_calls=_any_case(r"gemini-([3-9]|\d\d)"),
        vendor="google",
    ),
    # https://api-docs.deepseek.com: text alone.
    "deepseek": ProviderKind(
        "DeepSeek",
        "https://api.deepseek.com/v1",
        _any_case(r"//api\.deepseek\.com(/|$)"),
        limit="max_tokens",
        effort="",
        images=False,
        thoughts="always",
        vendor="deepseek",
    ),
    # https://docs.mistral.ai/api: it refuses parameters that it does not know, ids of calls that are not nine letters
    # and digits, and a person's message right after a tool's.
    "mistral": ProviderKind(
        "Mistral",
        "https://api.mistral.ai/v1",
        _any_case(r"//api\.mistral\.ai(/|$)"),
        limit="max_tokens",
        effort="",
        counts_when_asked=False,
        call_id=re.compile(r"[a-zA-Z0-9]{9}"),
        call_id_chars=9,
        answers_tools=True,
        vendor="mistral",
    ),
    # https://console.groq.com/docs/openai: it refuses fields of messages that it does not know.
    "groq": ProviderKind(
        "Groq",
        "https://api.groq.com/openai/v1",
        _any_case(r"//api\.groq\.com(/|$)"),
        limit="max_completion_tokens",
        vendor="groq",
    ),
    "vllm": ProviderKind("vLLM", "http://127.0.0.1:8000/v1", limit="max_tokens", thoughts="by_model"),
    "llama.cpp": ProviderKind("llama.cpp", "http://127.0.0.1:8080/v1", limit="max_tokens", thoughts="by_model"),
    "ollama": ProviderKind(
        "Ollama", "http://127.0.0.1:11434/v1", _any_case(r":11434(/|$)"), limit="max_tokens", thoughts="by_model"
    ),
    "lmstudio": ProviderKind(
        "LM Studio", "http://127.0.0.1:1234/v1", _any_case(r":1234(/|$)"), limit="max_tokens", thoughts="by_model"
    ),
    # Any other: what most of them take.
    "compatible": ProviderKind("compatible", thoughts="by_model"),
}
KIND_NAMES = list(KINDS)


def kind_at(url: str) -> str:
    """The kind of the provider at that address, as far as the address tells."""
    return next((name for name, kind in KINDS.items() if kind.host and kind.host.search(url)), "compatible")
