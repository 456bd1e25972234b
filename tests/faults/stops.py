"""Stop at any instant from anywhere; ten clients that send into one session at once; one idempotency key in parallel.

python -m tests.faults.stops --profile postgres -n 1000
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.ledger import promises_kept
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import history_of
from tests.harness.client import Chat, Client, text_of

TOGETHER = 10  # sessions that are answering while others are being stopped
SENDERS = 10
WAYS = ("own socket", "another socket", "REST")


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(site: FaultySite, stops: int, seed: int, together: int = TOGETHER) -> Figures:
    figures = Figures("stops", site.profile, seed)
    client = await Client(site.url).login()
    left = iter(range(stops))
    await asyncio.gather(
        *(stop_again_and_again(site, client, random.Random(f"{seed}-{n}"), left, figures) for n in range(together))
    )
    await send_at_once(site, client, figures)
    await use_one_key_at_once(site, client, figures)
    await client.close()
    note_refusals(site, figures)
    return figures


async def stop_again_and_again(
    site: FaultySite, client: Client, dice: random.Random, left: Iterator[int], figures: Figures
) -> None:
    session = await client.create_session()
    here, there = (client.at(dice.choice(site.servers).url) for _ in range(2))
    async with here.chat(session) as own, there.chat(session) as other:
        for _ in left:
            figures.done["stops"] += 1
            await stop_once(own, other, there, session, dice, figures)
    events = await client.events(session)
    for problem, count in promises_kept(events).items():
        figures.found(problem, session, count)
    messages = await history_of(client, session)
    for message in messages:
        figures.found("stuck", f"{session}: a message is pending", message["status"] == "pending")
        if message["role"] == "assistant" and message["content"] != text_of(events, message["id"]):
            figures.found("lost", f"{session}: the kept text is not what was said")
    await here.close()
    await there.close()


async def stop_once(own: Chat, other: Chat, there: Client, session: str, dice: random.Random, figures: Figures) -> None:
    await own.say(f"say 400 words; pace {dice.choice((50, 200, 1000))}", client_id=(client_id := uuid4().hex))
    run_id = (await own.expect("accepted", client_id=client_id))["run_id"]
    await asyncio.sleep(dice.random() * 0.5)
    way = dice.choice(WAYS)
    began = time.monotonic()
    if way == "REST":
        await there.post(f"/api/sessions/{session}/interrupt", {"run_id": run_id})
        figures.add_time("REST answered", time.monotonic() - began)
        await own.expect("stream_end", run_id=run_id)
    else:
        asker = own if way == "own socket" else other
        await asker.send({"type": "interrupt", "run_id": run_id})
        await asker.expect("stream_end", run_id=run_id)
        figures.add_time("stop seen", time.monotonic() - began)
        if asker is other:
            await own.expect("stream_end", run_id=run_id)


async def send_at_once(site: FaultySite, client: Client, figures: Figures) -> None:
    """Each is accepted once, and answered once, in the order of acceptance."""
    session = await client.create_session()
    texts = [f"echo {uuid4().hex}" for _ in range(SENDERS)]

    async def send(number: int) -> None:
        async with client.at(site.servers[number % len(site.servers)].url).chat(session) as chat:
            client_id = uuid4().hex
            for _ in range(2):  # as a client that is not sure
                await chat.say(texts[number], client_id=client_id)
            run_id = (await chat.expect("accepted", client_id=client_id))["run_id"]
            await chat.expect("stream_end", run_id=run_id, timeout=60)

    await asyncio.gather(*(send(number) for number in range(SENDERS)))
    history = await history_of(client, session)
    asked = [message["content"] for message in history if message["role"] == "user"]
    said = [message["content"] for message in history if message["role"] == "assistant"]
    figures.done["senders at once"] += SENDERS
    figures.found("lost", f"{session}: {len(asked)} of {SENDERS}", len(set(texts) - set(asked)))
    figures.found("twice", f"{session}: {len(asked)} of {SENDERS}", len(asked) - len(set(asked)))
    if [text.removeprefix("echo ") for text in asked] != said:
        figures.found("missing", f"{session}: the answers are not those of the questions")
    for problem, count in promises_kept(await client.events(session)).items():
        figures.found(problem, session, count)


async def use_one_key_at_once(site: FaultySite, client: Client, figures: Figures) -> None:
    """Whoever of them comes first creates; the others are told of what it created."""
    clients = [client.at(site.servers[number % len(site.servers)].url) for number in range(SENDERS)]
    key = {"Idempotency-Key": uuid4().hex}
    answers = await asyncio.gather(*(each.http.post("/api/sessions", json={}, headers=key) for each in clients))
    sessions = {answer.json().get("session_id") for answer in answers}
    figures.found("twice", f"sessions of one key: {sessions}", len(sessions) - 1)
    (session, *_) = sessions
    body = {"role": "user", "content": "Noted."}
    path = f"/api/sessions/{session}/messages"
    answers = await asyncio.gather(*(each.http.post(path, json=body, headers=key) for each in clients))
    figures.found("twice", "messages of one key", len({answer.json().get("id") for answer in answers}) - 1)

    async def chat(each: Client) -> str:
        body = {"session_id": session, "messages": [{"role": "user", "content": "echo once"}]}
        async with each.sse("POST", "/api/chat", body, **key) as frames:
            async for frame in frames:
                if frame["type"] == "stream_end":
                    return str(frame["run_id"])
        return ""

    runs = Counter(await asyncio.gather(*(chat(each) for each in clients)))
    figures.found("twice", f"runs of one key: {runs}", len(runs) - 1)
    contents = Counter(message["content"] for message in await history_of(client, session))
    figures.found("twice", f"{contents}", contents["Noted."] + contents["echo once"] - 2)
    figures.done["one key at once"] += 3 * SENDERS
    for each in clients:
        await each.close()


if __name__ == "__main__":
    command.main(run, "stops", 100)
