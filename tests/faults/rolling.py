"""SIGTERM, and a new process in its place, one after another, under load.

    python -m tests.faults.rolling --profile postgres -n 20

Runs finish within the grace time or are ended with what they said; sockets close with 1001, requests that were begun
are answered, and no run is left for others to find.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import revive, talking
from tests.harness.client import Client

SESSIONS = 12
STOP_TIMEOUT_S = 25
QUIETLY = {None, 1000, 1001}
"""Close codes that a client answers by coming back without a word: None is a connection that was not made."""


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(site: FaultySite, stops: int, seed: int, sessions: int = SESSIONS) -> Figures:
    figures = Figures("rolling", site.profile, seed)
    dice = random.Random(seed)
    async with talking(site, figures, sessions) as talkers:
        for server in itertools.islice(itertools.cycle(site.servers), stops):
            await asyncio.sleep(0.5 + dice.random())
            began = time.monotonic()
            code = await asyncio.to_thread(server.stop, timeout=STOP_TIMEOUT_S)
            figures.add_time("stopped", time.monotonic() - began)
            figures.done["restarts"] += 1
            figures.found("ended badly", f"exit status {code}", code not in (0, -signal.SIGTERM))
            await revive(server, figures)
    closed = sum((talker.closed for talker in talkers), start=type(talkers[0].closed)())
    for close_code, times in closed.items():
        figures.done[f"closed {close_code}" if close_code else "not reached"] += times
        if close_code not in QUIETLY:
            figures.found("closed otherwise", f"with {close_code}", times)
    await count_endings(site, [talker.session_id for talker in talkers], figures)
    note_refusals(site, figures)
    return figures


async def count_endings(site: FaultySite, sessions: list[str], figures: Figures) -> None:
    client = await Client(site.url).login()
    for session in sessions:
        for event in await client.events(session):
            if event["type"] == "stream_end":
                figures.done[f"runs ended by {event['finish_reason']}"] += 1
            if event["type"] == "error":
                figures.done[f"told {event['code']}"] += 1
                # Whoever stops in peace ends its runs itself.
                figures.found("left behind", f"{session}: a run", event["code"] == "process_lost")
    await client.close()


if __name__ == "__main__":
    command.main(run, "restarts", 6)
