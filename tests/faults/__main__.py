"""All attacks, one after another, as one table.

    python -m tests.faults 300 [--seed 1] [--profile postgres] [--tools kills,stops]

N is the number of kills; the other numbers follow from it. Exits with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import os
import sys

from tests.faults import clocks, durability, kills, outages, page, points, resumes, rolling, stops, storms, upgrade
from tests.faults.figures import PROMISES, Figures, Options, Tool, commit, spread, timed

# Each tool, how many for one kill, and the profiles that it is for.
BOTH = ("sqlite", "postgres")
ATTACKS: dict[str, tuple[Tool, float, tuple[str, ...]]] = {
    "kills": (kills.run, 1, BOTH),
    "points": (points.run, 1 / 5, BOTH),
    "resumes": (resumes.run, 50 / 3, BOTH),
    "stops": (stops.run, 10 / 3, BOTH),
    "outages": (outages.run, 1 / 15, BOTH),
    "redis": (outages.run_without_redis, 1 / 3, ("postgres",)),
    "rolling": (rolling.run, 1 / 10, BOTH),
    "upgrade": (upgrade.run, 1 / 50, BOTH),
    "clocks": (clocks.run, 1 / 3, BOTH),
    "storms": (storms.run, 1 / 6, BOTH),
    "page": (page.run, 1 / 3, BOTH),
    "durability": (durability.run, 1 / 6, BOTH),
}
COLUMNS = ("attack", "profile", "n", "seed", "commit", *PROMISES, "other", "done", "took")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", choices=BOTH)
    parser.add_argument("--processes", type=int, default=0, help="default: 1 on SQLite, 2 on PostgreSQL")
    parser.add_argument(
        "--sessions", type=int, default=0, help="of the kills; default: 20, which four processes want cores for"
    )
    parser.add_argument("--tools", default=",".join(ATTACKS))
    given = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    print(f"server: uvicorn {importlib.metadata.version('uvicorn')}, Python {sys.version.split()[0]}, {machine()}\n")
    print(row(COLUMNS), row(["---"] * len(COLUMNS)), sep="\n", flush=True)
    broken = False
    for name in given.tools.split(","):
        tool, share, profiles = ATTACKS[name]
        for profile in profiles:
            if given.profile not in (None, profile):
                continue
            n = max(2, round(given.n * share))
            figures = run(name, tool, Options(profile, n, given.seed, given.processes, given.sessions))
            print(row(cells(name, n, figures)), flush=True)
            for problem in figures.problems[:10]:
                print(f"    {problem[:400]}", file=sys.stderr, flush=True)
            broken = broken or not figures.kept
    sys.exit(broken)


def run(name: str, tool: Tool, options: Options) -> Figures:
    """A tool that cannot go on has failed, and the others have their turn."""
    try:
        return asyncio.run(timed(tool, options))
    except Exception as error:
        figures = Figures(name, options.profile, options.seed)
        figures.found("tool failed", f"{type(error).__name__}: {error}")
        return figures


def cells(name: str, n: int, figures: Figures) -> list[str]:
    other = [f"{what} {times}" for what, times in figures.broken.items() if what not in PROMISES and times]
    return [
        name,
        figures.profile,
        str(n),
        str(figures.seed),
        commit(),
        *(str(figures.broken[promise]) for promise in PROMISES),
        ", ".join(other) or "0",
        ", ".join(f"{what} {count}" for what, count in figures.done.items()),
        "; ".join(f"{what} {spread(took)}" for what, took in figures.took_s.items()),
    ]


def row(values: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(values)} |"


def machine() -> str:
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return f"{os.cpu_count()} cores, load {load:.1f} for each at the start"


if __name__ == "__main__":
    main()
