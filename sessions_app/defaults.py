"""What a new session gets when its maker does not say; the catalogue of models registers itself here."""

from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings

# As OpenAI's reasoning models know them, each some of them; what a model refuses is left out when it is asked.
REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
DEFAULT_REASONING_EFFORT = "medium"
DEFAULT_AGENT = "chat"


class Limits(NamedTuple):
    """Tokens: what the model can be given at most, and where compaction begins."""

    max_tokens: int
    trigger_tokens: int


class Catalogue(NamedTuple):
    default_model: Callable[[], str]
    limits: Callable[[str], tuple[int, int]]


_catalogue = Catalogue(lambda: settings.DEFAULT_MODEL or "demo", lambda model: (128_000, 96_000))


def register(default_model: Callable[[], str], limits: Callable[[str], tuple[int, int]]) -> None:
    """`limits(model)` answers (max_tokens, trigger_tokens), for an unknown model too."""
    global _catalogue
    _catalogue = Catalogue(default_model, limits)


def default_model() -> str:
    return _catalogue.default_model()


def limits(model: str) -> Limits:
    return Limits(*_catalogue.limits(model))


def mcp_servers() -> list[str]:
    """The keys a session may choose from, in the order of the settings."""
    return list(settings.MCP_SERVERS)
