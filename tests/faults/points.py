"""Kills at named points, and what is true of the thing that was being done; half of them under live sessions.

    python -m tests.faults.points --profile postgres -n 60

The points are in planted/points.py: before and after each commit, between the commit and the ring, between a tool's
call and its output, around the rotation of a refresh token, between an upload's bytes and its row.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.ledger import promises_kept
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import GONE, history_of, revive, talking
from tests.harness.client import Client

OF_THE_LOG = (
    "before-commit-of-journal",
    "after-commit-of-journal",
    "between-commit-and-ring",
    "between-ring-and-letter",
    "between-call-and-output",
    "before-output-of-call",
)
OF_REQUESTS = ("before-commit-of-http", "after-commit-of-http")
SESSIONS = 4
REACHED_TIMEOUT_S = 12
AGAIN_S = 60


async def run(options: Options) -> Figures:
    with faulty_site(options.profile, options.processes) as site:
        return await attack(site, options.n, options.seed)


async def attack(site: FaultySite, kills: int, seed: int, sessions: int = SESSIONS) -> Figures:
    figures = Figures("points", site.profile, seed)
    dice = random.Random(seed)
    deeds = itertools.cycle(Deed.all())
    points = itertools.cycle(OF_THE_LOG)
    async with talking(site, figures, sessions):
        for number in range(kills):
            if number % 2:
                point, deed = next(deeds)
                await do_and_die(site, point, deed, dice, figures)
            else:
                site.switches.arm(next(points), dice.randint(1, 6))
                await death(site, figures)
    note_refusals(site, figures)
    return figures


async def death(site: FaultySite, figures: Figures) -> bool:
    """Whether a server died at the point that is armed; then it serves again."""
    deadline = time.monotonic() + REACHED_TIMEOUT_S
    while not site.dead() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    site.switches.disarm()
    dead = site.dead()
    figures.done["kills"] += len(dead)
    figures.done["not reached"] += not dead
    for number in dead:
        await revive(site.servers[number], figures)
    return bool(dead)


class Deed:
    """Something a person does: `do` is repeated until it is answered, `check` tells what must be true then."""

    def __init__(self, client: Client, session: str) -> None:
        self.client, self.session = client, session
        self.mark = uuid4().hex
        self.key = {"Idempotency-Key": uuid4().hex}

    async def do(self, client: Client) -> httpx.Response:
        raise NotImplementedError

    async def check(self, client: Client, figures: Figures) -> None:
        raise NotImplementedError

    @staticmethod
    def all() -> list[tuple[str, type[Deed]]]:
        """Each deed with each point on its way."""
        deeds: tuple[type[Deed], ...] = (Post, Create, Rename, Clear, Delete, Upload)
        points: list[tuple[str, type[Deed]]] = [(point, Say) for point in OF_THE_LOG[:3]]
        points += [(point, deed) for deed in deeds for point in OF_REQUESTS]
        refresh: list[tuple[str, type[Deed]]] = [("before-refresh", Refresh), ("after-refresh", Refresh)]
        return [*points, *refresh, ("between-bytes-and-row", Upload)]


class Say(Deed):
    """A message over a socket: once it is accepted, it is there."""

    def __init__(self, client: Client, session: str) -> None:
        super().__init__(client, session)
        self.accepted: list[str] = []

    async def do(self, client: Client) -> httpx.Response:
        async with client.chat(self.session) as chat:
            await chat.say(f"echo {self.mark}", client_id=self.mark)
            self.accepted = (await chat.expect("accepted", client_id=self.mark))["message_ids"]
        return httpx.Response(200)

    async def check(self, client: Client, figures: Figures) -> None:
        messages = await history_of(client, self.session)
        figures.found("lost", "an accepted message", not {m["id"] for m in messages}.issuperset(self.accepted))
        figures.found("twice", "a message", sum(m["content"] == f"echo {self.mark}" for m in messages) > 1)


class Post(Deed):
    async def do(self, client: Client) -> httpx.Response:
        body = {"role": "user", "content": self.mark}
        return await client.http.post(f"/api/sessions/{self.session}/messages", json=body, headers=self.key)

    async def check(self, client: Client, figures: Figures) -> None:
        history = await history_of(client, self.session)
        times = sum(message["content"] == self.mark for message in history)
        figures.found("lost", "a posted message", times == 0)
        figures.found("twice", "a posted message", times > 1)
        for problem, count in promises_kept(await client.events(self.session)).items():
            figures.found(problem, self.session, count)


class Create(Deed):
    async def do(self, client: Client) -> httpx.Response:
        return await client.http.post("/api/sessions", json={"title": self.mark}, headers=self.key)

    async def check(self, client: Client, figures: Figures) -> None:
        found = (await client.get("/api/sessions", search=self.mark))["sessions"]
        figures.found("lost", "a created session", not found)
        figures.found("twice", "a created session", len(found) > 1)


class Rename(Deed):
    async def do(self, client: Client) -> httpx.Response:
        return await client.http.patch(f"/api/sessions/{self.session}", json={"title": self.mark})

    async def check(self, client: Client, figures: Figures) -> None:
        title = (await client.detail(self.session))["session"]["title"]
        figures.found("lost", f"a title: {title!r}", title != self.mark)
        told = [event for event in await client.events(self.session) if event["type"] == "session_updated"]
        figures.found("missing", "a session_updated", not told or told[-1]["title"] != self.mark)


class Clear(Deed):
    async def do(self, client: Client) -> httpx.Response:
        return await client.http.post(f"/api/sessions/{self.session}/clear")

    async def check(self, client: Client, figures: Figures) -> None:
        detail = await client.detail(self.session)
        figures.found("stuck", "cleared and not empty", bool(detail["messages"] or detail["message_count"]))


class Delete(Deed):
    async def do(self, client: Client) -> httpx.Response:
        answer = await client.http.delete(f"/api/sessions/{self.session}")
        return httpx.Response(200) if answer.status_code == 404 else answer  # the first attempt did it

    async def check(self, client: Client, figures: Figures) -> None:
        answer = await client.http.get(f"/api/sessions/{self.session}")
        figures.found("stuck", f"deleted and {answer.status_code}", answer.status_code != 404)


class Refresh(Deed):
    """The same token again is what a client does that got no answer."""

    answer: httpx.Response | None = None

    async def do(self, client: Client) -> httpx.Response:
        body = {"refresh_token": self.client.refresh_token}
        self.answer = await client.http.post("/api/auth/refresh", json=body)
        return self.answer

    async def check(self, client: Client, figures: Figures) -> None:
        assert self.answer is not None
        fresh = client.at(client.url)
        fresh.http.headers["Authorization"] = f"Bearer {self.answer.json()['access_token']}"
        me = await fresh.http.get("/api/auth/me")
        figures.found("lost", f"the sign-in: {me.status_code}", me.status_code != 200)
        await fresh.close()


class Upload(Deed):
    """A file is listed when it is whole, and only then."""

    async def do(self, client: Client) -> httpx.Response:
        files = {"file": (f"{self.mark}.txt", self.mark.encode() * 5000)}
        return await client.http.post(f"/api/sessions/{self.session}/files/upload", files=files, headers=self.key)

    async def check(self, client: Client, figures: Figures) -> None:
        path = f"/api/sessions/{self.session}/files"
        listed = [entry["name"] for entry in (await client.get(path))["files"]]
        figures.found("lost", f"an uploaded file: {listed}", not listed)
        for name in listed:
            got = await client.http.get(f"{path}/{name}/download")
            whole = hashlib.sha256(got.content).digest() == hashlib.sha256(self.mark.encode() * 5000).digest()
            figures.found("lost", f"a listed file is not whole: {got.status_code}", not whole)


async def do_and_die(
    site: FaultySite, point: str, kind: Callable[[Client, str], Deed], dice: random.Random, figures: Figures
) -> None:
    server = dice.choice(site.servers)
    client = await Client(server.url).login()
    session = await client.create_session()
    await client.post(f"/api/sessions/{session}/messages", {"role": "user", "content": "before"}, status=201)
    deed = kind(client, session)
    site.switches.arm(point, nth=1)
    answered = await attempt(deed.do(client))
    if not await death(site, figures):
        figures.problems.append(f"{point} was not reached by {type(deed).__name__}")
    deadline = time.monotonic() + AGAIN_S
    while not answered and time.monotonic() < deadline:
        answered = await attempt(deed.do(client))
        if not answered:
            await asyncio.sleep(0.1)
    figures.found("stuck", f"{type(deed).__name__} was never answered", not answered)
    if answered:
        await deed.check(client, figures)
    figures.done[f"killed in {type(deed).__name__.lower()}"] += 1
    await client.close()


async def attempt(request: Awaitable[httpx.Response]) -> bool:
    try:
        answer = await request
    except GONE:
        return False
    return answer.status_code in (200, 201)


if __name__ == "__main__":
    command.main(run, "kills", 30)
