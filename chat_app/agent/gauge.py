"""How full a model's window is, before it is asked."""

import re
import time
from collections.abc import Sequence

import orjson
from agents import FunctionTool, Tool

from chat_app.window.plan import Limits
from chat_app.window.tokens import at_most, count
from sessions_app.catalogue import TRIGGER_SHARE, window_of

from .context import Prepared
from .providers.failures import ProviderError

# How many tokens of a model one of ours is, before anything is known of it: exact for OpenAI's, with room for others.
OPENAI = re.compile(r"(^|/)(gpt-|o\d|chatgpt)", re.IGNORECASE)
OTHERS = 1.15
LEAST, MOST = 0.5, 3.0
REMEMBERED_S = 600.0  # a server may be started again with a larger window
REFUSED_SHARE = 0.75  # of what a provider refused, where it does not say how much it takes

_ratios: dict[str, float] = {}  # by origin of the model, as its provider has reported them
_windows: dict[str, tuple[int, float]] = {}  # that a provider has named in a refusal, and until when it counts


class Gauge:
    """For one model in one run."""

    def __init__(self, model: str, origin: str, tools: Sequence[Tool]) -> None:
        self._model, self._origin = model, origin or model
        self._tools = b"".join(map(_encoded, tools))
        self._counted = 0  # of the latest call, as we count
        self._fixed = 0
        self._tools_tokens: int | None = None
        self._refused_window = 0

    @property
    def ratio(self) -> float:
        return _ratios.get(self._origin) or (1.0 if OPENAI.search(self._model) else OTHERS)

    @property
    def limits(self) -> Limits:
        named, until = _windows.get(self._origin, (0, 0.0))
        named = named if until > time.monotonic() else 0
        window = min(filter(None, (window_of(self._model), named, self._refused_window)))
        fixed = round(self._fixed * self.ratio)
        return Limits(window, int(window * TRIGGER_SHARE), fixed, self.ratio)

    def surely_fits(self, prepared: Prepared, instructions: str) -> bool:
        """Without counting: no token is shorter than a byte."""
        bound = (
            len(prepared.encoded) + len(self._tools) + sum(len(t.encode(errors="replace")) for t in prepared.preamble)
        )
        bound += len(instructions.encode(errors="replace")) + at_most(prepared.items)
        self._counted = 0
        return bound * max(self.ratio, 1.0) <= self.limits.trigger

    def measure(self, held_tokens: int, instructions: str) -> int:
        """Tokens of a call whose context has `held_tokens`, as we count. Takes a moment: not on the event loop."""
        if self._tools_tokens is None:
            self._tools_tokens = count(self._tools.decode(errors="replace"))
        self._fixed = self._tools_tokens + count(instructions)
        self._counted = self._fixed + held_tokens
        return round(self._counted * self.ratio)

    def learn(self, input_tokens: int) -> None:
        """What the provider reports of the latest call."""
        if self._counted and input_tokens:
            _ratios[self._origin] = min(max(input_tokens / self._counted, LEAST), MOST)

    def refused(self, error: ProviderError) -> None:
        """The provider has found the latest call too long."""
        sent = self._counted * self.ratio
        self._refused_window = error.window or int(min(self.limits.window, sent) * REFUSED_SHARE)
        if sent > error.window / 2 > 0:  # else it speaks of something else
            _windows[self._origin] = error.window, time.monotonic() + REMEMBERED_S
        self.learn(error.asked)


def _encoded(tool: Tool) -> bytes:
    if not isinstance(tool, FunctionTool):
        return b""
    return orjson.dumps([tool.name, tool.description, tool.params_json_schema])


def forget() -> None:
    """Forgets what providers have said of their windows and of token counts."""
    _ratios.clear()
    _windows.clear()
