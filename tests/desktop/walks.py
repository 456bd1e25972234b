"""Random walks of the real client over real servers that are killed, restarted and have little patience with tokens.

Several walks make a round: they share a site, and its troubles. A round is repeated by its seed.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.desktop.dialects import Dialect
from tests.desktop.judge import check_screens, judge, settle
from tests.desktop.person import Person, Setting
from tests.desktop.planted import TOKEN_LIFE, Bugs
from tests.desktop.timers import Times
from tests.faults.figures import Figures
from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import Server, Site

ROUND = 8  # walks at once
ROUND_S = 5.0  # the least that people do something
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
        super().__init__(profile, provider.url, **ENVIRONMENT)
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
    with Provider() as provider, DesktopSite(profile, provider) as site:
        yield site


async def walk(
    site: DesktopSite, dialect: Dialect, n: int, seed: int, kinds: tuple[str, ...], troubles: int = 2
) -> Figures:
    """`n` walks, in rounds; `troubles` for each round."""
    figures = Figures(f"desktop {dialect.name}", site.profile, seed)
    for first in range(0, n, ROUND):
        numbers = range(first, min(first + ROUND, n))
        await one_round(site, dialect, numbers, seed, kinds, troubles, figures)
    violations, site.provider.violations = site.provider.violations, []
    for violation in violations:
        figures.found("refused by the provider", violation)
    return figures


async def one_round(
    site: DesktopSite,
    dialect: Dialect,
    numbers: range,
    seed: int,
    kinds: tuple[str, ...],
    troubles: int,
    figures: Figures,
) -> None:
    times = Times().scaled(NETWORK_SCALE, TOKEN_LIFE_S / 900)
    setting = Setting(dialect, times, figures, TOKEN_LIFE_S)
    people = []
    for number in numbers:
        dice = random.Random(f"{seed}-{number}")
        people.append(Person(number, kinds[number % len(kinds)], dice.choice(site.servers), dice, setting))
    client = Client(site.url)  # signed in by where it stands, so that no token of it ends
    stopped = asyncio.Event()
    walking = [asyncio.create_task(walk_about(person, stopped)) for person in people]
    try:
        await trouble(site, random.Random(f"{seed}-{numbers.start}-troubles"), troubles, figures)
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
    seen: set[tuple[int, str]] = set()
    while not stopped.is_set():
        await person.act()
        check_screens(person, seen)


async def come_to_rest(person: Person, client: Client) -> None:
    await settle(person, client)
    check_screens(person, set())
    await judge(person, client)


async def trouble(site: DesktopSite, dice: random.Random, times: int, figures: Figures) -> None:
    for _ in range(times):
        await asyncio.sleep(ROUND_S / (times + 1) * dice.uniform(0.7, 1.3))
        server = dice.choice(site.servers)
        await dice.choice((kill, restart))(server, figures)
    await asyncio.sleep(ROUND_S / (times + 1))


async def kill(server: Server, figures: Figures) -> None:
    figures.done["kills"] += 1
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    await asyncio.to_thread(server.restart)


async def restart(server: Server, figures: Figures) -> None:
    figures.done["restarts"] += 1
    await asyncio.to_thread(server.stop, signal.SIGTERM)
    await asyncio.to_thread(server.restart)
