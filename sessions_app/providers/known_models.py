"""What is known of models by their ids alone, from the one data file."""

import tomllib
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

UNKNOWN_WINDOW = 128_000  # tokens; what most current models take at least
_VERSION_MARKS = ("-", "@", ":")  # between an id and its version


class Price(NamedTuple):
    """In US dollars for a million tokens, as it was on that day, by the page `source`; empty: by the provider's own
    list."""

    input: Decimal
    cached: Decimal
    output: Decimal
    as_of: date
    source: str = ""

    @classmethod
    def of(cls, dollars: list[str], as_of: date, source: str) -> "Price":
        given, cached, answered = map(Decimal, dollars)
        return cls(given, cached, answered, as_of, source)

    def cost(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> Decimal:
        """Cached tokens are a part of the input."""
        cached = min(cached_tokens, input_tokens)
        dollars = (input_tokens - cached) * self.input + cached * self.cached + output_tokens * self.output
        return dollars / 1_000_000


@dataclass(frozen=True, slots=True)
class KnownModel:
    """None is not known. `price` is what its `vendor` asks; who else serves it may ask another."""

    id: str
    name: str
    context_window: int | None = None  # tokens
    output_limit: int | None = None  # tokens
    reasoning: bool | None = None
    images: bool | None = None
    tools: bool | None = None
    price: Price | None = None
    vendor: str = ""


def _read() -> list[KnownModel]:
    data = tomllib.loads((Path(__file__).parent / "known_models.toml").read_text(encoding="utf-8"))
    return [_model(given, maker) for maker in data["makers"] for given in maker["models"]]


def _model(given: dict[str, Any], maker: dict[str, Any]) -> KnownModel:
    return KnownModel(
        given["id"],
        given["name"],
        given["window"],
        given.get("output"),
        given.get("reasoning", False),
        given.get("images", True),
        given.get("tools", True),
        Price.of(given["price"], maker["as_of"], maker["source"]),
        maker["vendor"],
    )


KNOWN_MODELS = _read()
_BY_LENGTH = sorted(KNOWN_MODELS, key=lambda known: -len(known.id))


@lru_cache(512)
def known(model: str) -> KnownModel:
    """By its id; dated ids and vendor prefixes (`openai/gpt-5-2025-08-07`) included."""
    bare = model.rsplit("/", 1)[-1].lower()
    for found in _BY_LENGTH:
        if bare == found.id:
            return found
    for found in _BY_LENGTH:
        if bare.startswith(tuple(found.id + mark for mark in _VERSION_MARKS)):
            # Of OpenAI's, some that are named after a model that sees or reasons do not (`o3-mini`, `gpt-5-chat`).
            images = None if found.vendor == "openai" else found.images
            return replace(found, id=model, name=model, images=images, reasoning=found.reasoning and "chat" not in bare)
    return KnownModel(model, model)
