"""Devices of one account, which show its list and change it at random while their connections break."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from operator import itemgetter
from typing import Any
from uuid import uuid4

from websockets.exceptions import ConnectionClosed

from chatjuicer_client import AsyncClient
from tests.acceptance.test_account_log import watch
from tests.clients.relay import Relay
from tests.harness.client import TIMEOUT_S, Chat, Client, Frame
from tests.harness.server import Site

DEVICES = 5
BY_CLIENT = 2  # of them
WAITING = "awaiting_approval"
PROJECTS = "/api/v1/projects"
FEW = 8


OFTEN = {"message": 8, "say": 5}
SELDOM = (
    "new", "title", "pin", "archive", "effort", "project", "draft", "read", "answer", "ask", "decide", "stop",
    "summarize", "delete", "purge", "restore", "clear"
)  # fmt: skip
CALLS = {**dict.fromkeys(SELDOM, 1), **OFTEN}
ASKS = {"TOOLS_REQUIRE_APPROVAL": "edit_file"}
QUESTION = f"tool edit_file {json.dumps({'file_path': 'output/none.md', 'edits': []})}; say 1 words"


class Device:
    """Shows a list: what it loaded once, and what it was told since. It knows no more than the protocol says."""

    def __init__(self, client: Client, rng: random.Random) -> None:
        self.client, self.rng = client, rng
        self.shown: dict[str, Frame] = {}
        self.seq: int | None = None
        self.losses = self.resyncs = 0
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            async with watch(self.client, "" if self.seq is None else f"?after={self.seq}") as chat:
                lasts = self.rng.uniform(0.01, 0.6)
                with suppress(TimeoutError):
                    async with asyncio.timeout(lasts):
                        await self._take(chat)
            self.losses += 1

    async def _take(self, chat: Chat) -> None:
        connected = await chat.expect("connected")
        if self.seq is None:
            await self._load(connected["last_seq"])
        taken = 0
        while True:
            for frame in chat.frames[taken:]:
                taken += 1
                await self._apply(frame)
            chat._arrived.clear()
            if taken == len(chat.frames):
                await chat._arrived.wait()

    async def _apply(self, frame: Frame) -> None:
        if frame["type"] == "resync":
            self.resyncs += 1
            await self._load(frame["last_seq"])
        elif "seq" in frame:
            assert self.seq is not None
            assert frame["seq"] == self.seq + 1, (frame["seq"], self.seq)
            self.seq = frame["seq"]
            if frame["type"] == "session_deleted":
                self.shown.pop(frame["session_id"], None)
            else:
                self.shown[frame["session_id"]] = frame["session"]

    async def _load(self, last_seq: int) -> None:
        """After the number is known: what is loaded is then at least as new."""
        self.shown = {session["session_id"]: session for session in await listed(self.client)}
        self.seq = last_seq

    @property
    def shown_in_order(self) -> list[Frame]:
        """As it stands there, by what it knows."""
        order = itemgetter("pinned", "last_used_at", "id")
        return sorted(self.shown.values(), key=order, reverse=True)

    async def stop(self) -> None:
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following

    async def act(self) -> None:
        name = self.rng.choice([*sorted(self.shown)[:FEW], ""])  # mostly where others act, too
        path = f"/api/sessions/{name}"
        (call,) = self.rng.choices([*CALLS], [*CALLS.values()])
        http = self.client.http
        match call if name else "new":
            case "new":
                await http.post("/api/sessions", json={"title": str(self.rng.random())})
            case "title":
                await http.patch(path, json={"title": str(self.rng.random())})
            case "pin":
                await http.patch(path, json={"pinned": self.rng.random() < 0.5, "archived": self.rng.random() < 0.3})
            case "archive":
                await http.patch(path, json={"archived": self.rng.random() < 0.5})
            case "effort":
                await http.patch(path, json={"reasoning_effort": self.rng.choice(["low", "medium", "high"])})
            case "project":
                await self._act_on_a_project(path)
            case "draft":
                await http.put(f"{path}/draft", json={"content": self.rng.choice(["", "Dear", "Dear all"])})
            case "read":
                await http.put(f"{path}/read", json={"position": self.rng.randrange(6)})
            case "answer":
                await http.post(f"{path}/messages", json={"role": "assistant", "content": str(self.rng.random())})
            case "say":
                await self._say(name, "Hello")
            case "ask":
                await self._say(name, QUESTION)
            case "decide":
                await self.decide()
            case "stop":
                await http.post(f"{path}/interrupt")
            case "message":
                await self._act_on_a_message(path)
            case "summarize":
                await http.post(f"{path}/summarize")
            case "delete":
                await http.delete(path)
            case "purge":
                await http.delete(path, params={"permanent": "true"})
            case "restore":
                trash = (await self.client.get("/api/sessions", deleted="true"))["sessions"]
                if trash:
                    await http.post(f"/api/sessions/{self.rng.choice(trash)['id']}/restore")
            case "clear":
                await http.post(f"{path}/clear")

    async def _act_on_a_project(self, path: str) -> None:
        http = self.client.http
        projects = (await self.client.get(PROJECTS))["projects"]
        one = self.rng.choice(projects)["id"] if projects else ""
        match self.rng.choice(["new", "name", "delete", "into", "into", "out"]) if one else "new":
            case "new":
                await http.post(PROJECTS, json={"name": str(self.rng.random())})
            case "name":
                await http.patch(f"{PROJECTS}/{one}", json={"name": str(self.rng.random())})
            case "delete":
                await http.delete(f"{PROJECTS}/{one}")
            case "into":
                await http.patch(path, json={"project_id": one})
            case "out":
                await http.patch(path, json={"project_id": None})

    async def _act_on_a_message(self, path: str) -> None:
        http = self.client.http
        messages = (await http.get(path)).json().get("messages")
        if not messages:  # or the session is gone
            return
        message = self.rng.choice(messages)
        one = f"{path}/messages/{message['id']}"
        again = "edit" if message["role"] == "user" else "regenerate"
        match self.rng.choice([again, again, "select", "select", "delete", "feedback", "pin"]):
            case "edit":
                await http.post(f"{one}/edit", json={"content": "Hello again"})
            case "select":
                siblings = (await http.get(f"{one}/siblings")).json().get("siblings", [])
                for other in [sibling["id"] for sibling in siblings if not sibling["selected"]][:1]:
                    await http.post(f"{path}/messages/{other}/select")
            case "delete":
                await http.delete(one)
            case "feedback":
                await http.post(f"{one}/feedback", json={"rating": "up"})
            case "pin":
                await http.post(f"{one}/pin", json={"pinned": True})
            case "regenerate":
                await http.post(f"{one}/regenerate")

    async def _say(self, session: str, text: str) -> None:
        with suppress(AssertionError, ConnectionClosed):  # deleted by another device
            async with self.client.chat(session) as chat:
                await chat.say(text)
                await chat.expect("accepted", "error")

    async def ask(self) -> None:
        """In a chat of its own, so that a question waits until it is decided."""
        session = await self.client.create_session()
        async with self.client.chat(session) as chat:
            await chat.say(QUESTION)
            await chat.expect("approval_request")

    async def decide(self) -> None:
        """One of the questions that wait, if there are any. Another device may be faster."""
        waiting = (await self.client.get("/api/approvals"))["approvals"]
        if waiting:
            one = self.rng.choice(waiting)
            path = f"/api/sessions/{one['session_id']}/approvals/{one['approval_id']}"
            await self.client.http.post(path, json={"decision": self.rng.choice(["approve", "reject"])})


class ClientDevice(Device):
    """One that is made with the Python client, which finds out about losses and comes back by itself."""

    def __init__(self, client: Client, rng: random.Random, relay: Relay) -> None:
        self._relay = relay
        super().__init__(client, rng)

    async def _follow(self) -> None:
        self.seq = 0  # all that is kept is told, or that it is not
        cutting = asyncio.create_task(self._cut())
        try:
            async with AsyncClient(self._relay.url, api_key=self.client.token, trust_env=False) as client:
                async for event in client.watch(self.seq):
                    await self._apply(event.frame)
        finally:
            cutting.cancel()

    async def _cut(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.01, 0.6))
            self._relay.cut()
            self.losses += 1


async def listed(client: Client) -> list[Frame]:
    sessions: list[Frame] = []
    while True:
        page = await client.get("/api/sessions", limit=100, offset=len(sessions))
        sessions += page["sessions"]
        if not page["has_more"]:
            return sessions


def differences(shown: list[Frame], sessions: list[Frame]) -> list[Any]:
    """Between what a device shows and the list: of each session the fields that differ, or the order of all.

    Of what no list shows, a mark on a message say, devices are told by the session's own log alone, up to `last_seq`.
    """
    names = [[session["session_id"] for session in each] for each in (shown, sessions)]
    if names[0] != names[1]:
        return [names]
    found = []
    for here, there in zip(shown, sessions, strict=True):
        if others := {
            name: (here[name], there[name]) for name in there if name != "last_seq" and here[name] != there[name]
        }:
            found.append({"id": there["id"], **others})
    return found


async def settled(devices: list[Device], *states: str, within_s: float = 4 * TIMEOUT_S) -> list[Frame]:
    """The list, once each session is in one of `states`, and all devices show it and were told the same."""
    end = asyncio.get_running_loop().time() + within_s
    while True:
        sessions = await listed(devices[0].client)
        wrong: list[Any] = [session for session in sessions if session["state"] not in states]
        wrong += [difference for device in devices for difference in differences(device.shown_in_order, sessions)]
        if len(seqs := {device.seq for device in devices}) > 1:
            wrong.append(seqs)
        if not wrong:
            return sessions
        for device in devices:
            if device._following.done():
                device._following.result()
        assert asyncio.get_running_loop().time() < end, wrong
        await asyncio.sleep(0.1)


async def decide_all(devices: list[Device]) -> None:
    """Until nothing goes on; what waited behind a question may ask another."""
    async with asyncio.timeout(4 * TIMEOUT_S):
        while any(session["state"] != "idle" for session in await listed(devices[0].client)):
            for device in devices:
                await device.decide()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def five_devices(site: Site, seed: int) -> AsyncIterator[list[Device]]:
    """Of a new account, over all processes; some of them are made with the Python client."""
    owner = await Client(site.url).register(f"walker-{uuid4().hex[:8]}@example.org")
    urls = [site.servers[number % len(site.servers)].url for number in range(DEVICES)]
    dice = [random.Random(seed + number) for number in range(DEVICES)]
    async with AsyncExitStack() as relays:
        devices = [Device(owner.at(url), rng) for url, rng in zip(urls[BY_CLIENT:], dice[BY_CLIENT:], strict=True)]
        for url, rng in zip(urls[:BY_CLIENT], dice, strict=False):
            devices.append(ClientDevice(owner.at(url), rng, await relays.enter_async_context(Relay(url))))
        try:
            yield devices
        finally:
            for device in devices:
                await device.stop()
                await device.client.close()
    await owner.close()
