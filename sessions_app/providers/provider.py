"""Who serves models, as an operator has written it down. Read with the settings: nothing of Django is used here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from re import compile as pattern
from typing import Any, cast
from urllib.parse import urlsplit

from .kinds import KINDS, Api, ProviderKind, kind_at

NAME = pattern(r"[a-z0-9][a-z0-9._-]{0,31}")
MAX_PROVIDERS = 50
MAX_IDS = 500  # of an allow-list
MAX_ID_CHARS = 95  # of a model: with its provider's name before it, it fits into 128
MAX_FALLBACKS = 8
_KEYS = {"name", "kind", "url", "key", "key_env", "api", "api_version", "models", "fallbacks"}


@dataclass(frozen=True, slots=True)
class Provider:
    """`name` is empty for the one of OPENAI_* and AZURE_OPENAI_*. `models` are the ids that may be used, with `*` for
    any characters; none: all. `fallbacks`: {model: [models that are asked where it fails]}."""

    name: str
    kind_name: str
    url: str
    key: str = field(default="", repr=False)
    api: Api = "chat_completions"
    api_version: str = ""  # Azure's
    models: tuple[str, ...] = ()
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def kind(self) -> ProviderKind:
        return KINDS[self.kind_name]

    @property
    def exact_models(self) -> tuple[str, ...]:
        return tuple(model for model in self.models if "*" not in model)

    def allows(self, model: str) -> bool:
        return not self.models or any(fnmatchcase(model, allowed) for allowed in self.models)


def parsed_providers(given: Iterable[Any], variable: Callable[[str], str]) -> tuple[Provider, ...]:
    """Of PROVIDERS; `variable` reads one of the environment. Raises ValueError, whose text tells no key."""
    providers = tuple(parsed_provider(entry, variable) for entry in given)
    names = [provider.name for provider in providers]
    if len(set(names)) < len(names):
        raise ValueError("names that are not the same")
    if len(names) > MAX_PROVIDERS:
        raise ValueError(f"at most {MAX_PROVIDERS} providers")
    return providers


def parsed_provider(entry: Any, variable: Callable[[str], str]) -> Provider:
    """Raises ValueError, whose text says what is expected."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not NAME.fullmatch(entry["name"]):
        raise ValueError('a list of objects, each with a "name" of small letters, digits, ".", "-" and "_"')
    if unknown := sorted(entry.keys() - _KEYS):
        raise ValueError(f"no {unknown[0][:50]!r} in {entry['name']}, but {', '.join(sorted(_KEYS))}")
    for key in _KEYS - {"models", "fallbacks"}:
        if not isinstance(entry.get(key, ""), str):
            raise ValueError(f"a text as {key} of {entry['name']}")
    name, url = entry["name"], entry.get("url", "")
    kind_name = entry.get("kind") or kind_at(url)
    if kind_name not in KINDS:
        raise ValueError(f"as kind of {name} one of {', '.join(KINDS)}")
    kind = KINDS[kind_name]
    url = (url or kind.url).rstrip("/")
    if not is_address(url):
        raise ValueError(f"an http:// or https:// address as url of {name}")
    api = entry.get("api") or kind.api
    if api not in ("responses", "chat_completions"):
        raise ValueError(f"as api of {name} responses or chat_completions")
    key = entry.get("key") or (variable(entry["key_env"]) if entry.get("key_env") else "")
    if not (key.isascii() and key.isprintable()):  # it goes into a header
        raise ValueError(f"a key of {name} of printable ASCII characters")
    return Provider(
        name,
        kind_name,
        url,
        key,
        cast(Api, api),
        entry.get("api_version", ""),
        parsed_ids(entry.get("models", []), f"models of {name}"),
        parsed_fallbacks(entry.get("fallbacks", {}), f"fallbacks of {name}"),
    )


def is_address(url: str) -> bool:
    if "\\" in url or " " in url or not url.isprintable():  # of which each reader makes something else
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def parsed_ids(given: Any, where: str, most: int = MAX_IDS) -> tuple[str, ...]:
    valid = isinstance(given, list) and all(isinstance(name, str) and 0 < len(name) <= MAX_ID_CHARS for name in given)
    if not valid or len(given) > most:
        raise ValueError(f"a list of at most {most} ids of models as {where}")
    return tuple(dict.fromkeys(given))


def parsed_fallbacks(given: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict):
        raise ValueError(f'{{"model": ["model that is asked where it fails"]}} as {where}')
    return {model: parsed_ids(others, where, MAX_FALLBACKS) for model, others in given.items()}
