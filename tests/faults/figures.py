"""What a tool of this directory has done and found: one line of figures, and whether the promises were kept."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

PROMISES = ("lost", "missing", "twice", "without one end", "stuck")


@dataclass
class Figures:
    """`broken` must be 0 throughout; `done` says of how many; `took_s` are measurements, judged by nobody here."""

    name: str
    profile: str = ""
    seed: int = 0
    done: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, list[float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not any(self.broken.values())

    def found(self, what: str, problem: str, times: int = 1) -> None:
        """A broken promise, and where."""
        if times:
            self.broken[what] += times
            self.problems.append(f"{what}: {problem}")

    def add_time(self, what: str, seconds: float) -> None:
        self.took_s.setdefault(what, []).append(seconds)

    def line(self) -> str:
        done = "  ".join(f"{what} {count}" for what, count in self.done.items())
        names = [*PROMISES, *(name for name in self.broken if name not in PROMISES)]
        broken = "  ".join(f"{name} {self.broken[name]}" for name in names)
        times = "  ".join(f"{what}: {spread(took)}" for what, took in self.took_s.items())
        return f"{self.name} {self.profile} seed {self.seed} | {done} | {broken} | {times}"


def spread(took_s: Iterable[float]) -> str:
    took = sorted(took_s)
    if not took:
        return "none"
    return f"p50 {shown(took[len(took) // 2])} p99 {shown(percentile(took, 99))} max {shown(took[-1])}"


def percentile(took: Iterable[float], percent: float) -> float:
    ordered = sorted(took)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def shown(seconds: float) -> str:
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


@dataclass(frozen=True, slots=True)
class Options:
    profile: str
    n: int
    seed: int
    processes: int
    sessions: int = 0
    """That are talked in at once; 0: as many as the tool has."""


Tool = Callable[[Options], Awaitable[Figures]]
TIMEOUT_S = 4 * 3600


def main(tool: Tool, what: str, n: int) -> None:
    """The command line that all tools have; `n` of `what` by default."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--profile", choices=("sqlite", "postgres"), default=os.environ.get("TEST_PROFILE", "sqlite"))
    parser.add_argument("-n", type=int, default=n, help=f"{what} (default {n})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=0, help="default: 1 on SQLite, 2 on PostgreSQL")
    given = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # the provider, whose readers leave
    figures = asyncio.run(timed(tool, Options(given.profile, given.n, given.seed, given.processes)))
    print(figures.line())
    for problem in figures.problems[:20]:
        print("  ", problem)
    sys.exit(not figures.kept)


async def timed(tool: Tool, options: Options, timeout_s: float = TIMEOUT_S) -> Figures:
    async with asyncio.timeout(timeout_s):
        return await tool(options)
