"""Resume from any process, with any cursor, at any moment; what each client gets equals the log, by hash.

    python -m tests.faults.resumes --profile postgres -n 5000

Some sessions are finished, some are being answered meanwhile: the one is replay alone, the other replay that goes over
into the live stream at an instant of chance.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from contextlib import suppress

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.ledger import folded
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.harness.client import Client, Frame

FINISHED, LIVE = 4, 4
READERS = 8
RUNS_OF_FINISHED = 6
ANSWER_TIMEOUT_S = 60
TOOLS = 'tool current_time {"timezone": "UTC"}; ' * 3


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(site: FaultySite, resumes: int, seed: int, live: int = LIVE, bug: str = "") -> Figures:
    """A `bug` is planted when there is something to resume."""
    figures = Figures("resumes", site.profile, seed)
    client = await Client(site.url).login()
    finished = await asyncio.gather(*(tell_a_long_story(client) for _ in range(FINISHED)))
    talked = [await client.create_session() for _ in range(live)]
    stopped = asyncio.Event()
    talking = [asyncio.create_task(talk(client, session, stopped)) for session in talked]
    if bug:
        site.switches.plant(bug)
    left = iter(range(resumes))
    seen: list[tuple[str, int, list[Frame]]] = []
    try:
        await asyncio.gather(
            *(
                resume(site, client, [*finished, *talked], random.Random(f"{seed}-{n}"), left, seen)
                for n in range(READERS)
            )
        )
        stopped.set()
        await asyncio.gather(*talking)
    finally:
        for task in talking:
            task.cancel()
    await compare(client, seen, figures)
    await client.close()
    note_refusals(site, figures)
    return figures


async def tell_a_long_story(client: Client) -> str:
    """A finished session whose log has many events that cannot be merged."""
    session = await client.create_session()
    async with client.chat(session) as chat:
        for _ in range(RUNS_OF_FINISHED):
            await chat.ask(f"{TOOLS}reasoning 10; say 80 words")
    return session


async def talk(client: Client, session: str, stopped: asyncio.Event) -> None:
    async with client.chat(session) as chat:
        while not stopped.is_set():
            with suppress(AssertionError):  # what never comes is seen by those who resume
                await chat.say("reasoning 10; say 150 words; pace 150")
                await chat.expect("stream_end", timeout=ANSWER_TIMEOUT_S)


async def resume(
    site: FaultySite,
    client: Client,
    sessions: list[str],
    dice: random.Random,
    left: Iterator[int],
    seen: list[tuple[str, int, list[Frame]]],
) -> None:
    heads: dict[str, int] = {}
    clients = [client.at(server.url) for server in site.servers]
    for _ in left:
        session = dice.choice(sessions)
        known = heads.get(session, 0)
        # Mostly somewhere in the middle; the whole log and the very end are cases of their own.
        after = dice.choice((0, known, dice.randint(0, known), dice.randint(max(0, known - 20), known)))
        async with dice.choice(clients).chat(session, after=after) as chat:
            head = chat.frames[0]["last_seq"]
            with suppress(AssertionError):
                await chat.wait_seq(head, timeout=30 if head > after else 0)
            if session in sessions[FINISHED:]:
                await asyncio.sleep(dice.random() * 0.3)  # goes over into the live stream
        heads[session] = max(head, known)
        seen.append((session, after, chat.log))
        if (chat.log[-1]["seq"] if chat.log else after) < head:
            seen[-1] = (session, after, [*chat.log, {"seq": head, "type": "never came"}])
    for each in clients:
        await each.close()


async def compare(client: Client, seen: list[tuple[str, int, list[Frame]]], figures: Figures) -> None:
    logs: dict[str, list[Frame]] = {}
    for session, after, got in seen:
        if session not in logs:
            logs[session] = await client.events(session)
        figures.done["resumes"] += 1
        figures.done["frames"] += len(got)
        last = got[-1]["seq"] if got else after
        expected = [event for event in logs[session] if after < event["seq"] <= last]
        if folded(got) != folded(expected):
            figures.found("missing", f"{session} after {after} up to {last}: not what the log has")
        if any(later["seq"] <= earlier["seq"] for earlier, later in itertools.pairwise(got)):
            figures.found("twice", f"{session} after {after}")


if __name__ == "__main__":
    command.main(run, "resumes", 200)
