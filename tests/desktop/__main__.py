"""Random walks of the real client, both generations, desktop and browser.

    python -m tests.desktop 500 [--seed 1] [--profile postgres] [--generation today]

N is the number of walks of each generation. Exits with 1 if a client was left stuck, or something was lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from tests.desktop.dialects import DIALECTS, SERVED, Dialect
from tests.desktop.walks import Plan, desktop_site, walk
from tests.faults.figures import Figures
from tests.harness import programs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", choices=("sqlite", "postgres"), default=os.environ.get("TEST_PROFILE", "sqlite"))
    parser.add_argument("--generation", choices=tuple(DIALECTS))
    given = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # the provider, whose readers leave
    programs.fork_from_now_on()  # servers are killed and started many times; how long that takes is not asked
    broken = False
    for dialect in (DIALECTS[given.generation],) if given.generation else SERVED:
        figures = asyncio.run(run(dialect, given.profile, given.n, given.seed))
        print(figures.line(), flush=True)
        for problem in figures.problems[:20]:
            print("  ", problem[:400], flush=True)
        broken = broken or not figures.kept
    sys.exit(broken)


async def run(dialect: Dialect, profile: str, n: int, seed: int) -> Figures:
    with desktop_site(profile) as site:
        return await walk(site, Plan(dialect), n, seed)


if __name__ == "__main__":
    main()
