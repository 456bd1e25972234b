"""What was taken in, and what was not and why: told while it happens, so that nothing has to be remembered but sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_NAME_CHARS = 200


@dataclass(slots=True)
class Report:
    """`tell` is given one line for each thing that is not taken in, or is not as it was; `progress` how many sessions
    of how many are done."""

    tell: Callable[[str], None]
    progress: Callable[[int, int], None]
    taken: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def leave(self, kind: str, name: str, reason: str) -> None:
        self.left[kind] += 1
        self.remark(kind, name, reason)

    def remark(self, kind: str, name: str, said: str) -> None:
        self.tell(f"{kind} {shown(name)}: {said}")

    def sums(self) -> list[str]:
        told = (("Taken in", self.taken), ("Here already", self.here), ("Not taken in", self.left))
        return [f"{what}: {listed(numbers)}" for what, numbers in told]


def listed(numbers: Counter[str]) -> str:
    some = [f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in sorted(numbers.items()) if number]
    return ", ".join(some) or "nothing"


def shown(name: str) -> str:
    """As a terminal takes it, whatever somebody has called something."""
    return "".join(each if each.isprintable() else "?" for each in name[:MAX_NAME_CHARS])
