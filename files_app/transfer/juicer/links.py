"""Which message each item of a model's context stands for. The original does not say: it shows by what they say.

Its context is the end of the conversation, verbatim, or all of it; where it was summarized, the summary comes first. So
the items are compared from the last one backwards.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from files_app.transfer.records import MessageLine

from .rows import text_in


class Mark(NamedTuple):
    """By what an item is compared. `call` is empty of what is no tool call, `role` of what is no message."""

    role: str
    said: int
    call: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> Mark:
        call, role = item.get("call_id"), item.get("role")
        if isinstance(call, str):
            return cls("", 0, call)
        return cls(role if isinstance(role, str) else "", hash(text_in(item.get("content"))), "")


class Links:
    def __init__(self) -> None:
        self._last = 0
        self._calls: dict[str, int] = {}
        self._said: defaultdict[tuple[str, int], list[int]] = defaultdict(list)

    def add(self, line: MessageLine) -> None:
        """In order."""
        self._last = line.id
        if line.tool_call_id:
            self._calls[line.tool_call_id] = line.id
        else:
            self._said[line.role, hash(line.content)].append(line.id)

    def of(self, marks: Sequence[Mark]) -> list[int | None]:
        """What has no match, such as reasoning, belongs to what it led to; a summary stands for no message."""
        numbers: list[int | None] = [None] * len(marks)
        bound, at = self._last + 1, self._last or None
        for index in reversed(range(len(marks))):
            number = self._number(marks[index], bound)
            if number is not None:
                bound, at = min(bound, number), number
            numbers[index] = None if number is None and is_summary(marks, index) else at
        return numbers

    def _number(self, mark: Mark, bound: int) -> int | None:
        if mark.call:
            return self._calls.get(mark.call)
        same = self._said.get((mark.role, mark.said), [])
        place = bisect_left(same, bound)
        return same[place - 1] if place else None


def is_summary(marks: Sequence[Mark], index: int) -> bool:
    return index == 0 and marks[0].role == "system"
