"""Optional parameters of a request, and which of their values an endpoint has refused: compatible servers differ in
what they know, models in the efforts they have, and some of OpenAI's own parameters are for verified organisations."""

import time
from collections import OrderedDict
from typing import Any

import orjson

MAX_REMEMBERED = 256
REMEMBERED_S = 600.0  # a server may be upgraded, an organisation verified

# Parameters that may be left out without changing what the answer means, and where each stands in the body.
OPTIONAL: dict[str, tuple[str, ...]] = {
    "reasoning": ("reasoning",),
    "reasoning.summary": ("reasoning", "summary"),
    "reasoning.effort": ("reasoning", "effort"),
    "reasoning_effort": ("reasoning_effort",),
    "stream_options": ("stream_options",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "include": ("include",),
    "store": ("store",),
    "prompt_cache_key": ("prompt_cache_key",),
}

Key = tuple[str, str, str, bytes]  # URL, model, parameter, its value as JSON


class Refusals:
    """What was refused lately, the oldest forgotten first. Another value of the same parameter is not concerned."""

    def __init__(self) -> None:
        self._until: OrderedDict[Key, float] = OrderedDict()

    def remember(self, url: str, model: str, body: dict[str, Any], parameter: str) -> bool:
        """False if the refused parameter is none that can be left out of this body."""
        value = value_of(body, parameter)
        if value is None:
            return False
        key = url, model, parameter, orjson.dumps(value)
        self._until[key] = time.monotonic() + REMEMBERED_S
        self._until.move_to_end(key)
        while len(self._until) > MAX_REMEMBERED:
            self._until.popitem(last=False)
        return True

    def accepted(self, url: str, model: str, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The body without what was refused, and {parameter: value} of what was left out."""
        left_out: dict[str, Any] = {}
        for parameter in OPTIONAL:
            value = value_of(body, parameter)
            if value is not None and self._is_refused((url, model, parameter, orjson.dumps(value))):
                body = without(body, parameter)
                left_out[parameter] = value
        return body, left_out

    def clear(self) -> None:
        self._until.clear()

    def _is_refused(self, key: Key) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if until < time.monotonic():
            del self._until[key]
            return False
        self._until.move_to_end(key)
        return True


def value_of(body: dict[str, Any], parameter: str) -> Any:
    """None where the body does not have it, or cannot be without it."""
    value: Any = body if parameter in OPTIONAL else None
    for key in OPTIONAL.get(parameter, ()):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def without(body: dict[str, Any], parameter: str) -> dict[str, Any]:
    outer, *inner = OPTIONAL[parameter]
    if not inner:
        return {key: value for key, value in body.items() if key != outer}
    rest = {key: value for key, value in body[outer].items() if key != inner[0]}
    return {**body, outer: rest} if rest else without(body, outer)
