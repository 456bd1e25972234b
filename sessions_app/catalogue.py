"""Which models and reasoning efforts can be chosen, what a new session gets, and how much a model can be given.

Knows the settings alone: neither the Agents SDK nor a provider's client is imported here.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from django.conf import settings

Provider = Literal["openai", "azure", "compatible", "demo"]

DEMO_MODEL = "demo"
# As OpenAI's reasoning models know them, each some of them; what a model refuses is left out when it is asked.
REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
DEFAULT_REASONING_EFFORT = "medium"
_LABELS = {"xhigh": "Extra high"}
REASONING_LEVELS: list[dict[str, Any]] = [
    {
        "value": effort,
        "label": _LABELS.get(effort, effort.capitalize()),
        "isDefault": effort == DEFAULT_REASONING_EFFORT,
    }
    for effort in REASONING_EFFORTS
]
# Above this share of its window a conversation is due for a summary: what is left must hold the next answer.
TRIGGER_SHARE = 0.8
UNKNOWN_WINDOW = 128_000  # tokens; what most current models take at least


class Price(NamedTuple):
    """In US dollars for a million tokens."""

    input: Decimal
    cached: Decimal
    output: Decimal

    @classmethod
    def of(cls, *dollars: str) -> "Price":
        return cls(*map(Decimal, dollars))

    def cost(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> Decimal:
        """Cached tokens are a part of the input."""
        cached = min(cached_tokens, input_tokens)
        dollars = (input_tokens - cached) * self.input + cached * self.cached + output_tokens * self.output
        return dollars / 1_000_000


@dataclass(frozen=True, slots=True)
class KnownModel:
    id: str
    name: str
    context_window: int  # tokens
    reasoning: bool
    price: Price | None = None


# Context windows and prices as OpenAI's model pages state them. Longest prefix first where one id begins another.
OPENAI_MODELS = [
    KnownModel("gpt-5.2", "GPT-5.2", 400_000, True, Price.of("1.75", "0.175", "14")),
    KnownModel("gpt-5.1", "GPT-5.1", 400_000, True, Price.of("1.25", "0.125", "10")),
    KnownModel("gpt-5-mini", "GPT-5 mini", 400_000, True, Price.of("0.25", "0.025", "2")),
    KnownModel("gpt-5-nano", "GPT-5 nano", 400_000, True, Price.of("0.05", "0.005", "0.4")),
    KnownModel("gpt-5", "GPT-5", 400_000, True, Price.of("1.25", "0.125", "10")),
    KnownModel("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576, False, Price.of("0.4", "0.1", "1.6")),
    KnownModel("gpt-4.1-nano", "GPT-4.1 nano", 1_047_576, False, Price.of("0.1", "0.025", "0.4")),
    KnownModel("gpt-4.1", "GPT-4.1", 1_047_576, False, Price.of("2", "0.5", "8")),
    KnownModel("gpt-4o-mini", "GPT-4o mini", 128_000, False, Price.of("0.15", "0.075", "0.6")),
    KnownModel("gpt-4o", "GPT-4o", 128_000, False, Price.of("2.5", "1.25", "10")),
    KnownModel("o4-mini", "o4-mini", 200_000, True, Price.of("1.1", "0.275", "4.4")),
    KnownModel("o3", "o3", 200_000, True, Price.of("2", "0.5", "8")),
]
OPENAI_DEFAULT = "gpt-5-mini"
DEMO = KnownModel(DEMO_MODEL, "Demo (offline)", 128_000, False)


def provider() -> Provider:
    if settings.AZURE_OPENAI_ENDPOINT and settings.AZURE_OPENAI_API_KEY:
        return "azure"
    if not settings.OPENAI_API_KEY:
        return "demo"
    base_url = settings.OPENAI_BASE_URL
    return "compatible" if base_url and "api.openai.com" not in base_url else "openai"


def default_model() -> str:
    if provider() == "demo":
        return DEMO_MODEL
    return settings.DEFAULT_MODEL or OPENAI_DEFAULT


def offered_models() -> list[dict[str, Any]]:
    """The entries of /api/config, the default one first."""
    source, default = provider(), default_model()
    if source == "demo":
        offered = [DEMO]
    else:
        # A base URL of one's own or an Azure resource serves the models it was set up with, and only its
        # operator knows which: the configured one is the one sure to exist.
        offered = [describe(default)]
        if source == "openai":
            offered += [model for model in OPENAI_MODELS if model.id != default]
    return [
        {
            "id": model.id,
            "value": model.id,
            "name": model.name,
            "provider": source,
            "context_window": window_of(model.id),
            "supports_reasoning": model.reasoning,
            "supportsReasoning": model.reasoning,
            "isDefault": model.id == default,
        }
        for model in offered
    ]


class ContextWindow(NamedTuple):
    """In tokens."""

    max_tokens: int
    trigger_tokens: int
    """From here on a summary is due."""


def context_window(model: str) -> ContextWindow:
    """Also of a model that is not known."""
    held = window_of(model)
    return ContextWindow(held, int(held * TRIGGER_SHARE))


def window_of(model: str) -> int:
    """In tokens; MODEL_WINDOWS counts before what is known."""
    return settings.MODEL_WINDOWS.get(model) or describe(model).context_window


def price_of(model: str) -> Price | None:
    """None where it is not known: who else serves a model of the same name asks another price."""
    return describe(model).price if provider() in ("openai", "azure") else None


def supports_reasoning(model: str) -> bool:
    return describe(model).reasoning


# Parts of the names of models that take images, as providers name them.
_SEEING = re.compile(
    r"vision|omni|\bvl\b|-vl|llava|pixtral|gemini|gemma-?3|claude|qwen.*vl|llama-?4|gpt-(4o|4\.1|5)|\bo[34](?!-mini)|\bo4-mini"
)


def can_see(model: str) -> bool:
    """Whether the model takes images. A provider refuses the whole request if its model does not, so a model that is
    not known gets none, only the names of the files."""
    return describe(model) in OPENAI_MODELS or _SEEING.search(model.lower()) is not None


@lru_cache(256)
def describe(model: str) -> KnownModel:
    """What is known of a model by its id; dated ids and vendor prefixes (`openai/gpt-5-2025-08-07`) included."""
    if model == DEMO_MODEL:
        return DEMO
    bare = model.rsplit("/", 1)[-1].lower()
    for known in OPENAI_MODELS:
        if bare == known.id:
            return known
    for known in OPENAI_MODELS:
        if bare.startswith(known.id + "-"):
            return KnownModel(model, model, known.context_window, known.reasoning and "chat" not in bare, known.price)
    return KnownModel(model, model, UNKNOWN_WINDOW, False)
