"""Which provider serves which model: those of the settings, those of the admin, and the lists that they gave.

A process keeps this in memory. Its task of upkeep and requests of administrators put whole dictionaries in the place of
others; any thread reads them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, cast

from django.conf import settings

from .kinds import Api, kind_at
from .known_models import KNOWN_MODELS, KnownModel, known
from .provider import Provider

DEMO_MODEL = "demo"
REPLAY = "replay:"
"""Before the id of a run, which that model plays again."""

MAX_SHOWN = 500  # models of one provider


class Served(NamedTuple):
    """A model at its provider; `model` is the id that it has there."""

    provider: Provider
    model: str


def plays_again(model: str) -> bool:
    """What was said: nobody is asked, and nothing counts as used."""
    return model.startswith(REPLAY)


class Registry:
    def __init__(self) -> None:
        self.version = 0  # grows with each change
        self._rows: dict[str, Provider | None] = {}
        self._lists: dict[tuple[str, str], dict[str, KnownModel]] = {}  # by name and address of the provider

    def put_rows(self, rows: dict[str, Provider | None]) -> None:
        """What the admin has, by name, in the place of the settings' of that name; None: there is none of that name."""
        if rows != self._rows:
            self._rows = rows
            self.version += 1

    def put_list(self, provider: Provider, models: list[KnownModel]) -> None:
        listed = {model.id: model for model in models}
        if listed != self._lists.get((provider.name, provider.url)):
            self._lists = {**self._lists, (provider.name, provider.url): listed}
            self.version += 1

    def clear(self) -> None:
        self._rows, self._lists = {}, {}
        self.version += 1

    @property
    def named(self) -> list[Provider]:
        """Those of the admin first."""
        rows = [provider for provider in self._rows.values() if provider is not None]
        return [*rows, *(provider for provider in settings.PROVIDERS if provider.name not in self._rows)]

    def listed(self, provider: Provider) -> dict[str, KnownModel] | None:
        """By id; None where no list could be had."""
        return self._lists.get((provider.name, provider.url))


registry = Registry()


def default_provider() -> Provider | None:
    """The one of OPENAI_* and AZURE_OPENAI_*; None where there is no key, and the demo model answers."""
    api = cast(Api, settings.OPENAI_API)
    if settings.AZURE_OPENAI_ENDPOINT and settings.AZURE_OPENAI_API_KEY:
        url, key = settings.AZURE_OPENAI_ENDPOINT, settings.AZURE_OPENAI_API_KEY
        return Provider("", "azure", url.rstrip("/"), key, api, settings.AZURE_OPENAI_API_VERSION)
    if not settings.OPENAI_API_KEY:
        return None
    base = settings.OPENAI_BASE_URL
    kind = "openai" if not base or "api.openai.com" in base else kind_at(base)
    url = (base or "https://api.openai.com/v1").rstrip("/")
    return Provider("", kind, url, settings.OPENAI_API_KEY, api)


def providers() -> list[Provider]:
    """All of them, the default one first."""
    default = default_provider()
    return [*([default] if default else []), *registry.named]


def served(model: str) -> Served | None:
    """Who answers for a model of that name, `provider/model` included; None: nobody knows it, or it is the demo's.

    Where there are no providers but the default one, that takes any.
    """
    default, named = default_provider(), registry.named
    if not named:
        return Served(default, model) if default and model != DEMO_MODEL else None
    head, _, tail = model.partition("/")
    for provider in named:
        if tail and provider.name == head and offers(provider, tail) is not False:
            return Served(provider, tail)
    if model == DEMO_MODEL:
        return None
    asked = [*([default] if default else []), *named]
    for wanted in (True, None):  # None: no list could be had, so that any id is let through
        for provider in asked:
            if offers(provider, model) is wanted:
                return Served(provider, model)
    return None


def wants_vectors() -> bool:
    """Whether texts may be put into vectors here."""
    may = not settings.MESSAGE_ENCRYPTION_KEYS or settings.EMBEDDINGS_ENCRYPTED == "plain"
    return bool(settings.EMBEDDINGS) and may


def embedder() -> Served | None:
    """Who makes vectors of texts; None: nobody does. Lists of models leave those out that answer no conversation, so
    that none is looked at."""
    if not wants_vectors():
        return None
    model = settings.EMBEDDINGS
    head, _, tail = model.partition("/")
    named = {provider.name: provider for provider in registry.named}
    if tail and head in named:
        return Served(named[head], tail)
    default = default_provider()
    return Served(default, model) if default else None


def offers(provider: Provider, model: str) -> bool | None:
    """None: it is not known."""
    if not provider.allows(model):
        return False
    if model in provider.exact_models or (not provider.name and model == settings.DEFAULT_MODEL):
        return True
    if provider.kind.curated and known(model).vendor == provider.kind.vendor:
        return True
    listed = registry.listed(provider)
    return None if listed is None else model in listed


def facts(model: str) -> KnownModel:
    """What is known of a model: its provider's word counts before the file's."""
    found = served(model)
    if found is None:
        return known(model)
    listed = (registry.listed(found.provider) or {}).get(found.model)
    described = known(found.model)
    if described.vendor != found.provider.kind.vendor:
        described = replace(described, price=None)
    if listed is None:
        return described
    said = {
        name: value
        for name in KnownModel.__dataclass_fields__
        if name not in ("id", "name", "vendor") and (value := getattr(listed, name)) is not None
    }
    return replace(described, name=listed.name if described.name == described.id else described.name, **said)


def shown() -> Iterator[tuple[str, Served]]:
    """The models that can be chosen, by the id that they are chosen by: with their provider's name before it where
    another provider has one of the same id."""
    offered = [(provider, model) for provider in providers() for model in _models_of(provider)]
    times: dict[str, int] = {}
    for _, model in offered:
        times[model] = times.get(model, 0) + 1
    for provider, model in offered:
        alone = times[model] == 1 or not provider.name
        yield (model if alone else f"{provider.name}/{model}"), Served(provider, model)


def _models_of(provider: Provider) -> list[str]:
    found = dict.fromkeys(provider.exact_models)
    if provider.kind.curated:
        made = (model.id for model in KNOWN_MODELS if model.vendor == provider.kind.vendor)
        found |= dict.fromkeys(filter(provider.allows, made))
    found |= dict.fromkeys(filter(provider.allows, registry.listed(provider) or ()))
    return list(found)[:MAX_SHOWN]
