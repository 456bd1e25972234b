"""Random walks of the real client over real servers that are killed, restarted and have little patience with tokens.

Several walks make a round: they share a site, and its troubles. A round is repeated by its seed.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.desktop.dialects import Dialect
from tests.desktop.judge import check_screens, judge, settle
from tests.desktop.person import Person, Setting
from tests.desktop.planted import TOKEN_LIFE, Bugs
from tests.desktop.timers import Times
from tests.faults.figures import Figures
from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import Server, Site

ROUND = 10  # walks at once
TOKEN_LIFE_S = 3.0  # instead of 15 minutes
NETWORK_SCALE = 0.1  # a client's 2 s until it connects again are 0.2 s
ENVIRONMENT = {
    "LEASE_S": "3",
    "SHUTDOWN_GRACE_S": "1",
    "ALLOW_LOCALHOST_NOAUTH": "true",
    TOKEN_LIFE: str(TOKEN_LIFE_S),
}


class DesktopSite(Site):
    def __init__(self, profile: str, provider: Provider) -> None:
        super().__init__(profile, provider.url, 0, **ENVIRONMENT)
        self.provider = provider
        self.bugs = Bugs(self.directory / "bugs")
        for server in self.servers:
            server.environment |= self.bugs.environment

    def revive(self) -> None:
        """Starts what a walk that failed has left dead."""
        for server in self.servers:
            if server.process is None or server.process.poll() is not None:
                server.restart()


@contextmanager
def desktop_site(profile: str) -> Iterator[DesktopSite]:
    with Provider(remembers=100) as provider, DesktopSite(profile, provider) as site:
        yield site


@dataclass(frozen=True, slots=True)
class Plan:
    """What is walked, and what happens meanwhile; `often` names actions of a person."""

    dialect: Dialect
    troubles: int = 2  # of each round: kills and restarts
    seconds: float = 5.0  # that people do something in each round, besides what the troubles take
    often: tuple[str, ...] = ()


async def walk(site: DesktopSite, plan: Plan, n: int, seed: int) -> Figures:
    """`n` walks, in rounds."""
    figures = Figures(f"desktop {plan.dialect.name}", site.profile, seed)
    for first in range(0, n, ROUND):
        await walk_one_round(site, plan, range(first, min(first + ROUND, n)), figures)
    violations, site.provider.violations = site.provider.violations, []
    for violation in violations:
        figures.found("refused by the provider", violation)
    return figures


async def walk_one_round(site: DesktopSite, plan: Plan, numbers: range, figures: Figures) -> None:
    times = Times().scaled(NETWORK_SCALE, TOKEN_LIFE_S / 900)
    setting = Setting(plan.dialect, times, figures, TOKEN_LIFE_S, plan.often)
    people = []
    for number in numbers:
        dice = random.Random(f"{figures.seed}-{number}")
        kind = plan.dialect.kinds[number % len(plan.dialect.kinds)]
        people.append(Person(number, kind, dice.choice(site.servers), dice, setting))
    client = Client(site.url)  # signed in by where it stands, so that no token of it ends
    stopped = asyncio.Event()
    walking = [asyncio.create_task(walk_about(person, stopped)) for person in people]
    try:
        await trouble(site, random.Random(f"{figures.seed}-{numbers.start}-troubles"), plan, figures)
        stopped.set()
        await asyncio.gather(*walking)
        await asyncio.gather(*(come_to_rest(person, client) for person in people))
        figures.done["walks"] += len(people)
    finally:
        for task in walking:
            task.cancel()
        for person in people:
            await person.close()
        await client.close()


async def walk_about(person: Person, stopped: asyncio.Event) -> None:
    await person.open_window()
    while not stopped.is_set():
        await person.act()
        check_screens(person)


async def come_to_rest(person: Person, client: Client) -> None:
    await settle(person, client)
    check_screens(person)
    await judge(person, client)


async def trouble(site: DesktopSite, dice: random.Random, plan: Plan, figures: Figures) -> None:
    pause_s = plan.seconds / (plan.troubles + 1)
    for _ in range(plan.troubles):
        await asyncio.sleep(pause_s * dice.uniform(0.7, 1.3))
        await dice.choice((kill, restart))(dice.choice(site.servers), figures)
    await asyncio.sleep(pause_s)


async def kill(server: Server, figures: Figures) -> None:
    figures.done["kills"] += 1
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    await asyncio.to_thread(server.restart)


async def restart(server: Server, figures: Figures) -> None:
    figures.done["restarts"] += 1
    await asyncio.to_thread(server.stop, signal.SIGTERM)
    await asyncio.to_thread(server.restart)
