"""Prints the benchmark tables.

`python -m tests.benchmarks [--quick] [--profile postgres] [--messages N] [--others N] [--flame DIR] [table …]`
"""

import argparse
import asyncio
import os
import platform
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.benchmarks.devices import devices, watching
from tests.benchmarks.disk import disk
from tests.benchmarks.flame_graph import flame_graph
from tests.benchmarks.many import many
from tests.benchmarks.messages import agent, growing, start
from tests.benchmarks.page import long_conversation
from tests.benchmarks.processes import processes
from tests.benchmarks.rest import lists_and_details
from tests.benchmarks.search import searches
from tests.benchmarks.sidebar import chat_list
from tests.benchmarks.stand import Stand, standing
from tests.benchmarks.storage import storage
from tests.benchmarks.streams import burst, first_token, paced
from tests.benchmarks.table import Table
from tests.benchmarks.viewers import fan_out, idle

TABLES: dict[str, Callable[[Stand], Awaitable[Table]]] = {
    # First, while the relay has not yet had memory that it could use again.
    "idle": idle,
    "start": start,
    "first": first_token,
    "growing": growing,
    "agent": agent,
    "paced": paced,
    "burst": burst,
    "fan": fan_out,
    "devices": devices,
    "watching": watching,
    "rest": lists_and_details,
    "processes": processes,
    "many": many,
    "storage": storage,
    "disk": disk,
    "search": searches,
    "page": long_conversation,
    "sidebar": chat_list,
}


async def run(profile: str, quick: bool, names: list[str], messages: int, others: int, flame: Path | None) -> None:
    async with standing(profile, quick, messages, others, flame) as stand:
        for name in names:
            if flame is not None:
                os.kill(stand.server.pid, signal.SIGUSR1)
            print(await TABLES[name](stand), flush=True)
            if flame is not None:
                stacks = await written(stand, flame / f"{name}.txt")
                (flame / f"{name}.svg").write_text(flame_graph(f"{name}, {profile}", stacks))


async def written(stand: Stand, file: Path) -> str:
    """The server's stacks since the last signal, which are in `file`, too. Raises TimeoutError."""
    made = stand.flame_file
    assert made is not None
    made.unlink(missing_ok=True)
    os.kill(stand.server.pid, signal.SIGUSR2)
    async with asyncio.timeout(10):
        while not made.exists():
            await asyncio.sleep(0.1)
    made.rename(file)
    return await asyncio.to_thread(file.read_text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], metavar="table", help=", ".join(TABLES))
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("--profile", default="sqlite", choices=["sqlite", "postgres"])
    parser.add_argument("--messages", type=int, default=100_000, help="that are searched (100,000)")
    parser.add_argument("--others", type=int, default=0, help="of other users, beside these (half as many)")
    parser.add_argument(
        "--flame",
        type=Path,
        metavar="DIR",
        help="write flame graphs of the server there, an SVG for each table, and its stacks as text",
    )
    options = parser.parse_args()
    if options.flame:
        options.flame = options.flame.absolute()  # the server runs in another directory
        options.flame.mkdir(parents=True, exist_ok=True)
    since = time.monotonic()
    load = os.getloadavg()[0]
    print(f"## {options.profile}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}\n")
    names = options.tables or list(TABLES)
    uvloop.run(run(options.profile, options.quick, names, options.messages, options.others, options.flame))
    print(f"{time.monotonic() - since:.0f} s")


if __name__ == "__main__":
    main()
