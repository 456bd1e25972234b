"""How the connection of each commit was set, read on that connection at that commit.

    python -m tests.faults.durability --profile sqlite

It proves that every commit was asked to be on the disk before it was answered (SQLite's log is synced at each commit
from synchronous=FULL upwards; PostgreSQL waits unless synchronous_commit is off). It does not prove that the disk
keeps what it was told to keep: only a power cut does.
"""

from __future__ import annotations

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.site import FaultySite, faulty_site
from tests.harness.client import Client


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(site: FaultySite, conversations: int, seed: int) -> Figures:
    figures = Figures("durability", site.profile, seed)
    client = await Client(site.url).login()
    site.switches.watch_commits()
    for number in range(conversations):
        session = await client.create_session()
        async with client.at(site.servers[number % len(site.servers)].url).chat(session) as chat:
            await chat.ask("say 20 words")
        await client.post(f"/api/sessions/{session}/messages", {"role": "user", "content": "Noted."}, status=201)
    for note in site.switches.stop_watching_commits():
        figures.done["commits"] += 1
        figures.found("not durable", note, not note.startswith("durable"))
    await client.close()
    return figures


if __name__ == "__main__":
    command.main(run, "conversations", 50)
