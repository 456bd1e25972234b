"""Prints the benchmark tables: `python -m tests.benchmarks [--quick] [--profile postgres] [table …]`."""

import argparse
import os
import platform
import time
from collections.abc import Awaitable, Callable

import uvloop

from tests.benchmarks.rest import lists_and_details
from tests.benchmarks.stand import Stand, standing
from tests.benchmarks.storage import storage
from tests.benchmarks.streams import burst, first_token, paced
from tests.benchmarks.table import Table
from tests.benchmarks.viewers import fan_out, idle

TABLES: dict[str, Callable[[Stand], Awaitable[Table]]] = {
    # First, while the relay has not yet had memory that it could use again.
    "idle": idle,
    "first": first_token,
    "paced": paced,
    "burst": burst,
    "fan": fan_out,
    "rest": lists_and_details,
    "storage": storage,
}


async def run(profile: str, quick: bool, names: list[str]) -> None:
    async with standing(profile, quick) as stand:
        for name in names:
            print(await TABLES[name](stand), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], metavar="table", help=", ".join(TABLES))
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("--profile", default="sqlite", choices=["sqlite", "postgres"])
    options = parser.parse_args()
    since = time.monotonic()
    load = os.getloadavg()[0]
    print(f"## {options.profile}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}\n")
    uvloop.run(run(options.profile, options.quick, options.tables or list(TABLES)))
    print(f"{time.monotonic() - since:.0f} s")


if __name__ == "__main__":
    main()
