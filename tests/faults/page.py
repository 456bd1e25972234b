"""A person in a browser, in two tabs, whose server is killed and whose network drops, at random instants.

    python -m tests.faults.page --profile postgres -n 100 --seed 1

They type, send, edit what they sent, ask for other answers, stop, change between chats, begin new ones and load the
page again. Each text has a word of its own; when all is quiet again, each is held against what the server exports and
the page shows. The network is a relay between the two: it is cut, and what the server says of a message or a change
that it has taken is lost on its way. Where there are several processes, it leads new connections now to one of them,
now to another, as a balancer does, and to one that lives while another is killed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import BrowserContext, Route, async_playwright

from tests.clients.relay import Relay
from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.pageperson import ACTS, Act, Person
from tests.faults.pagetruth import chats_of, verify
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import kill, sign_in
from tests.harness.chromium import QUIET, chromium_path
from tests.harness.server import ROOT

CALM_S = 4.0  # at most, between two blows
CUT_S = 2.0
NOWHERE = "http://127.0.0.1:9"  # nobody listens there
LOST = ('"type":"accepted"', '"message_ids":')  # of a socket, and of a change over HTTP
TABS = 2


Blow = Callable[[FaultySite, Relay, random.Random, Figures], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PageBug:
    """`right` in the repository's file of that path is replaced by `wrong`, in the browser alone."""

    file: str
    right: str
    wrong: str


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(
    site: FaultySite,
    blows: int,
    seed: int,
    bug: PageBug | None = None,
    which: Blow | None = None,
    acts: dict[Act, int] = ACTS,
) -> Figures:
    figures = Figures("page", site.profile, seed)
    dice = random.Random(f"{seed}-trouble")
    strike = which or kill_in_trouble
    client = await sign_in(site)
    earlier = set(await chats_of(client))
    await client.close()
    async with Relay(site.url) as relay, browsing(bug) as context:
        person = Person(context, relay.url, random.Random(f"{seed}-person"), figures, acts)
        for _ in range(TABS):
            await person.open_tab()
        stopped = asyncio.Event()
        working = asyncio.create_task(person.work(stopped))
        try:
            for _ in range(blows):
                await asyncio.sleep(dice.random() * CALM_S)
                await strike(site, relay, dice, figures)
            stopped.set()
            await working
        finally:
            working.cancel()
        await verify(site, person, earlier, figures)
    note_refusals(site, figures)
    return figures


async def kill_in_trouble(site: FaultySite, relay: Relay, dice: random.Random, figures: Figures) -> None:
    """A kill; before every other the network is cut, or a word of the server lost."""
    if before := dice.choice((cut_network, lose_a_word, None, None)):
        await before(site, relay, dice, figures)
    killed = dice.choice(site.servers)
    relay.target = dice.choice([server for server in site.servers if server is not killed] or [killed]).url
    await kill(killed, figures)
    relay.target = dice.choice(site.servers).url


async def cut_network(site: FaultySite, relay: Relay, dice: random.Random, figures: Figures) -> None:
    relay.target = NOWHERE
    relay.cut()
    await asyncio.sleep(dice.random() * CUT_S)
    relay.target = dice.choice(site.servers).url
    figures.done["cuts"] += 1


async def lose_a_word(site: FaultySite, relay: Relay, dice: random.Random, figures: Figures) -> None:
    relay.swallow(dice.choice(LOST))
    await asyncio.sleep(dice.random() * CUT_S)
    figures.done["words lost"] += 1


@asynccontextmanager
async def browsing(bug: PageBug | None) -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        path = chromium_path(playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=path, args=QUIET)
        # A service worker would bring the page's files past what replaces one of them.
        context = await browser.new_context(
            viewport={"width": 1280, "height": 800}, service_workers="block" if bug else "allow"
        )
        if bug:
            await plant(context, bug)
        yield context
        await browser.close()


async def plant(context: BrowserContext, bug: PageBug) -> None:
    """Read from here: the way to the server may be cut when it is asked for."""
    text = (ROOT / bug.file).read_text()
    assert bug.right in text, f"{bug.file} has no {bug.right!r}"
    body = text.replace(bug.right, bug.wrong)

    async def send_with_bug(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/javascript")

    await context.route(f"**/{Path(bug.file).name}", send_with_bug)


if __name__ == "__main__":
    command.main(run, "kills", 20)
