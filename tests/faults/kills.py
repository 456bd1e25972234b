"""`kill -9` of a random process at a random instant, under live sessions; then what every client was promised.

python -m tests.faults.kills --profile postgres -n 300 --seed 1
"""

from __future__ import annotations

import asyncio
import random

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import kill, talking

SESSIONS = 20


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed, options.sessions or SESSIONS)


async def attack(site: FaultySite, kills: int, seed: int, sessions: int = SESSIONS) -> Figures:
    figures = Figures("kills", site.profile, seed)
    dice = random.Random(seed)
    async with talking(site, figures, sessions):
        for _ in range(kills):
            await asyncio.sleep(dice.random() * 2)
            await kill(dice.choice(site.servers), figures)
    note_refusals(site, figures)
    return figures


if __name__ == "__main__":
    command.main(run, "kills", 20)
