"""The beginning of a context as a provider was sent it before: its bytes are used again, so that a turn costs what is
new in it, however long the conversation is."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from chat_app.runs.contract import Item

from .image_references import refers_to_image
from .repair import repaired
from .rows import ChosenBy, RowId

MAX_BYTES = 32 * 1024 * 1024  # of all prefixes of this process
MAX_PREFIX_BYTES = 4 * 1024 * 1024

LOOK_BACK = 8  # items: a person's words are one, with a note or two

Key = tuple[UUID, str]  # the session, the model's origin


@dataclass(frozen=True, slots=True)
class Prefix:
    last: RowId  # the last row that it has
    chosen_by: ChosenBy | None
    preamble: tuple[str, ...]  # texts of the system messages before it
    encoded: bytes  # the elements of a JSON array, without its brackets
    call_ids: frozenset[str]


class Prefixes:
    """The prefixes that were used last."""

    def __init__(self) -> None:
        self._prefixes: OrderedDict[Key, Prefix] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Prefix | None:
        prefix = self._prefixes.get(key)
        if prefix is not None:
            self._prefixes.move_to_end(key)
        return prefix

    def put(self, key: Key, prefix: Prefix) -> None:
        self.drop(key)
        if len(prefix.encoded) > MAX_PREFIX_BYTES:
            return
        self._prefixes[key] = prefix
        self._bytes += len(prefix.encoded)
        while self._bytes > MAX_BYTES:
            self.drop(next(iter(self._prefixes)))

    def drop(self, key: Key) -> None:
        prefix = self._prefixes.pop(key, None)
        if prefix is not None:
            self._bytes -= len(prefix.encoded)

    def clear(self) -> None:
        self._prefixes.clear()
        self._bytes = 0


prefixes = Prefixes()


def finished(items: list[Item]) -> int:
    """How many of `items`, from the first on, look the same to every later turn: those before the newest message of a
    person, up to the first image, which is sent anew each time; none while one of their calls has no output, or a call
    and its output would be parted. They end with words of the model: a person's, and notes, may become one message with
    what comes after them, and between a tool's result and a person some models want words of their own."""
    people = [index for index, item in enumerate(items) if item.get("role") == "user"]
    end = next((index for index in people if refers_to_image(items[index])), people[-1] if people else 0)
    for count in range(end, max(end - LOOK_BACK, 0), -1):
        if _is_answered(items[:count], items[count:]):
            return count
    return 0


def _is_answered(before: list[Item], after: list[Item]) -> bool:
    calls, outputs = _ids(before, "function_call"), _ids(before, "function_call_output")
    later = _ids(after, "function_call", "function_call_output")
    if not calls <= outputs or not later.isdisjoint(calls | outputs):
        return False
    valid = repaired(before, finished=True)
    return bool(valid) and valid[-1].get("role") == "assistant"


def _ids(items: list[Item], *types: str) -> set[Any]:
    return {item.get("call_id") for item in items if item.get("type") in types}


def array(before: list[Any], encoded: bytes, after: list[Any]) -> Any:
    """A JSON array of the three, for orjson. The `encoded` is passed through as it is."""
    if not encoded:
        return before + after
    try:
        parts = [orjson.dumps(before)[1:-1], encoded, orjson.dumps(after)[1:-1]]
    except TypeError:  # what only the slower encoder takes
        return [*before, *orjson.loads(b"[" + encoded + b"]"), *after]
    return orjson.Fragment(b"[" + b",".join(filter(None, parts)) + b"]")
