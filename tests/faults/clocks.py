"""The clock of a server jumps, by up to an hour in either direction, under live sessions.

    python -m tests.faults.clocks --profile postgres -n 100

Now and then the server whose clock is wrong is killed as well, so that others, or itself an hour before or later, end
what it has begun. What is wrong is what the product reads: not the database's clock, and not that of tokens.
"""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import kill, sign_in, talking

SESSIONS = 8
FARTHEST_S = 3600.0
PAUSE_S = 2.0
KILL_AFTER = 5  # jumps


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(
    site: FaultySite, jumps: int, seed: int, sessions: int = SESSIONS, kill_after: int = KILL_AFTER
) -> Figures:
    figures = Figures("clocks", site.profile, seed)
    dice = random.Random(seed)
    async with talking(site, figures, sessions) as talkers:
        for jump in range(1, jumps + 1):
            server = dice.choice(site.servers)
            error_s = (-1) ** jump * dice.choice((dice.uniform(0, 3), dice.uniform(0, FARTHEST_S)))
            site.switches.set_clock(server.port, error_s)
            figures.done["jumps back" if error_s < 0 else "jumps"] += 1
            await asyncio.sleep(dice.random() * PAUSE_S)
            if jump % kill_after == 0:
                await kill(server, figures)
    site.switches.set_clocks_right()
    figures.took_s.pop("orphan ended", None)  # by clocks that were wrong
    await note_wrong_times(site, [talker.session_id for talker in talkers], figures)
    note_refusals(site, figures)
    return figures


async def note_wrong_times(site: FaultySite, sessions: list[str], figures: Figures) -> None:
    """That clocks were wrong is to be seen in the logs: their numbers ascend and their times do not."""
    client = await sign_in(site)
    for name in sessions:
        times = [event["at"] for event in await client.events(name)]
        figures.done["events before their forerunners"] += sum(b < a for a, b in pairwise(times))
    await client.close()


if __name__ == "__main__":
    command.main(run, "jumps", 20)
