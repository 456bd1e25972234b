"""What a new session gets when its maker does not say; the catalogue of models registers itself here."""

from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings

DEFAULT_REASONING_EFFORT = "medium"
DEFAULT_AGENT = "chat"


class Limits(NamedTuple):
    """Tokens: what the model can be given at most, and where compaction begins."""

    max_tokens: int
    trigger_tokens: int


def register(default_model: Callable[[], str], limits: Callable[[str], tuple[int, int]]) -> None:
    """`limits(model)` answers (max_tokens, trigger_tokens), for an unknown model too."""
    global _default_model, _limits
    _default_model, _limits = default_model, limits


def default_model() -> str:
    return _default_model()


def limits(model: str) -> Limits:
    return Limits(*_limits(model))


def mcp_servers() -> list[str]:
    """The keys a session may choose from, in the order of the settings."""
    return list(settings.MCP_SERVERS)


def _default_model() -> str:
    return getattr(settings, "DEFAULT_MODEL", "") or "demo"


def _limits(model: str) -> tuple[int, int]:
    return 128_000, 96_000
