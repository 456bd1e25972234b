"""Which models and reasoning efforts can be chosen, what a new session gets, and how much a model can be given.

Knows the settings and what providers have said (`providers/`) alone: neither the Agents SDK nor a provider's client is
imported here.
"""

import re
from typing import Any, Literal, NamedTuple

from django.conf import settings

from chatjuicer.api.exceptions import ApiError

from .providers.kinds import KINDS
from .providers.known_models import UNKNOWN_WINDOW, Price
from .providers.served import (
    DEMO_MODEL,
    Served,
    default_provider,
    facts,
    plays_again,
    providers,
    registry,
    served,
    shown,
)

Source = Literal["openai", "azure", "compatible", "demo"]

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
OPENAI_DEFAULT = "gpt-5-mini"
MAX_NAMED = 40  # models, in the answer to who asks for one that is not known
MAX_NAMED_CHARS = 900


class UnknownModel(ApiError):
    code = "unknown_model"

    def __init__(self) -> None:
        super().__init__(unknown_model_text())


def provider() -> Source:
    """The kind of the default provider."""
    default = default_provider()
    match default and default.kind_name:
        case None:
            return "demo"
        case "openai" | "azure" as kind:
            return kind
        case _:
            return "compatible"


def default_model() -> str:
    if default_provider() is not None:
        return settings.DEFAULT_MODEL or OPENAI_DEFAULT
    if settings.DEFAULT_MODEL and served(settings.DEFAULT_MODEL) is not None:
        return settings.DEFAULT_MODEL
    return next((model for model, _ in shown()), DEMO_MODEL)


def offered_models() -> list[dict[str, Any]]:
    """The entries of /api/config, the default one first."""
    default = default_model()
    place = served(default)
    offered: dict[str, Served | None] = {default: place}
    offered |= {model: at for model, at in shown() if at != place}
    return [_entry(model, at, is_default=model == default) for model, at in offered.items()]


def entry_of(model: str) -> dict[str, Any]:
    """Of /api/config, of a model that can be chosen and is on no list."""
    return _entry(model, served(model), is_default=False)


def _entry(model: str, at: Served | None, *, is_default: bool) -> dict[str, Any]:
    about = facts(model)
    entry = {
        "id": model,
        "value": model,
        "name": "Demo (offline)" if at is None and model == DEMO_MODEL else about.name,
        "provider": at.provider.name or provider() if at else "demo",
        "context_window": window_of(model),
        "output_limit": about.output_limit,
        "supports_reasoning": supports_reasoning(model),
        "supportsReasoning": supports_reasoning(model),
        "supports_images": can_see(model),
        "supports_tools": about.tools,
        "isDefault": is_default,
    }
    if price := price_of(model):
        # In US dollars for a million tokens.
        entry["input_price"], entry["output_price"] = float(price.input), float(price.output)
        entry["cached_price"], entry["price_as_of"] = float(price.cached), price.as_of.isoformat()
        entry["price_source"] = price.source or None
    return entry


def is_known(model: str) -> bool:
    """Whether a provider serves the model. Where no other provider is named, the default one is asked for any model."""
    return not registry.named or model == DEMO_MODEL or plays_again(model) or served(model) is not None


def require_known(model: str) -> None:
    """Raises UnknownModel."""
    if not is_known(model):
        raise UnknownModel()


def unknown_model_text() -> str:
    """With the models that are known, as many of them as an error can hold."""
    named: list[str] = []
    models = [entry["id"] for entry in offered_models()]
    for model in models[:MAX_NAMED]:
        if sum(map(len, named)) + len(model) > MAX_NAMED_CHARS:
            break
        named.append(model)
    more = f" and {len(models) - len(named)} more; /api/config has all" if len(named) < len(models) else ""
    return f"No provider has this model. There are: {', '.join(named)}{more}."


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
    at = served(model)
    by_operator = settings.MODEL_WINDOWS.get(model) or (settings.MODEL_WINDOWS.get(at.model) if at else None)
    return by_operator or facts(model).context_window or UNKNOWN_WINDOW


def price_of(model: str) -> Price | None:
    """None where it is not known: who else serves a model of the same name asks another price."""
    return facts(model).price if served(model) else None


def asks_nobody(model: str) -> bool:
    """The demo, which stands for any model while there are no providers, and what is played again: they cost nothing.
    Not so a model that nobody serves any more, or not in conversations."""
    return plays_again(model) or model == DEMO_MODEL or not providers()


def supports_reasoning(model: str) -> bool:
    """Whether an effort can be chosen for it."""
    at, about = served(model), facts(model)
    if at is not None and not at.provider.kind.effort:
        return False
    # What nearly-compatible servers make of others' parameters is not known.
    elsewhere = at is None or at.provider.kind is KINDS["compatible"]
    return bool(about.reasoning) and (not elsewhere or about.vendor == "openai")


# Parts of the names of models that take images, as providers name them.
_SEEING = re.compile(
    r"vision|omni|\bvl\b|-vl|llava|pixtral|gemini|gemma-?3|claude|qwen.*vl|llama-?4|gpt-(4o|4\.1|5)|\bo[34](?!-mini)|\bo4-mini"
)


def can_see(model: str) -> bool:
    """Whether the model takes images. A provider refuses the whole request if its model does not, so a model that is
    not known gets none, only the names of the files."""
    at, about = served(model), facts(model)
    if at is not None and not at.provider.kind.images:
        return False
    return _SEEING.search(model.lower()) is not None if about.images is None else about.images


def chain(model: str) -> list[str]:
    """The model, and those that are asked in its place, in their order, where its provider fails."""
    at = served(model)
    others = settings.MODEL_FALLBACKS.get(model)
    if others is None and at is not None:
        others = at.provider.fallbacks.get(at.model)
    return list(dict.fromkeys([model, *(other for other in others or () if served(other) is not None)]))
