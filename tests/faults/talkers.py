"""Clients that never give up, and what they were promised."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
from websockets.exceptions import WebSocketException

from chatjuicer_client import AsyncClient, ChatJuicerError
from chatjuicer_client.exchange import AsyncExchange
from chatjuicer_client.session import AsyncSession
from tests.faults.figures import Figures
from tests.faults.ledger import folded, promises_kept
from tests.harness.client import Chat, Client, Frame, socket
from tests.harness.server import EMAIL, PASSWORD, Server, Site

SILENT_S = 60  # that a client waits for its answer's next word, over all processes
QUIET_TIMEOUT_S = 60  # after the last trouble, until nothing is in progress any more
RENEW_S = 300  # a token is good for fifteen minutes, and three hundred kills take longer
GONE = (OSError, EOFError, WebSocketException, AssertionError, TimeoutError, httpx.HTTPError)
"""What a client meets at a process that is not there, or leaves in the middle."""

SCRIPTS = (
    "say {words} words; pace {pace}",
    "say {words} words; pace {pace}",
    "reasoning 5; say {words} words; pace {pace}",
    'tool current_time {{"timezone": "UTC"}}; say {words} words; pace {pace}',
)


class Access:
    """A token for all talkers of a site that is never about to run out."""

    def __init__(self, site: Site, token: str) -> None:
        self._site, self._token, self._since = site, token, time.monotonic()
        self._renewing = asyncio.Lock()

    async def token(self) -> str:
        async with self._renewing:
            if time.monotonic() - self._since > RENEW_S:
                client = await sign_in(self._site)
                self._token, self._since = client.token, time.monotonic()
                await client.close()
        return self._token


class Talker:
    """One session with one client: it sends, reads, and comes back to any process until it has the whole answer."""

    def __init__(self, site: Site, session_id: str, dice: random.Random, figures: Figures, access: Access) -> None:
        self.site, self.session_id, self.dice, self.figures, self.access = site, session_id, dice, figures, access
        self.log: list[Frame] = []
        self.ended: set[str] = set()  # ids of runs
        self.accepted: dict[str, list[str]] = {}  # client_id: message ids
        self.sent: dict[str, str] = {}  # client_id: text
        self.closed: Counter[int | None] = Counter()

    @property
    def last_seq(self) -> int:
        return int(self.log[-1]["seq"]) if self.log else 0

    async def talk(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            client_id = uuid4().hex
            script = self.dice.choice(SCRIPTS)
            text = script.format(words=self.dice.randint(5, 60), pace=self.dice.choice((20, 50, 200)))
            self.sent[client_id] = f"{text}; pace {self.dice.uniform(20, 200):.6f}"  # so that no two are the same
            if not await self._until_answered(client_id):
                self.figures.found("stuck", f"{self.session_id}: nothing came after {self.last_seq}")
                return
            await asyncio.sleep(self.dice.random() * 0.3)

    async def _until_answered(self, client_id: str) -> bool:
        """Says it until it is accepted, and reads until its run has ended, over as many sockets as that takes; False
        when for a long time nothing has come."""
        run_id = ""
        heard_at = time.monotonic()
        while time.monotonic() - heard_at < SILENT_S:
            try:
                async with await self._socket() as chat:
                    done = 0
                    if not run_id:
                        await chat.say(self.sent[client_id], client_id=client_id)
                    while time.monotonic() - heard_at < SILENT_S:
                        for frame in chat.frames[done:]:
                            if "seq" in frame:
                                heard_at = time.monotonic()
                            if frame["type"] == "accepted" and frame["client_id"] == client_id:
                                run_id = frame["run_id"]
                                self.accepted[client_id] = frame["message_ids"]
                        done = self._take(chat, done)
                        if run_id in self.ended:
                            return True
                        if any(frame["type"] == "error" and "seq" not in frame for frame in chat.frames):
                            self.figures.done["refused for the moment"] += 1
                            break
                        if chat.close_code is not None:
                            break
                        await asyncio.sleep(0.02)
                    self._take(chat, done)
                    self.closed[chat.close_code] += 1
            except GONE:
                self.closed[None] += 1
            self.figures.done["resumes"] += 1
            await asyncio.sleep(self.dice.random() * 0.3)
        return False

    async def _socket(self) -> Any:
        server: Server = self.dice.choice(self.site.servers)
        headers = {"Authorization": f"Bearer {await self.access.token()}"}
        after = f"?after={self.last_seq}"
        return socket(server.url, self.session_id, after, additional_headers=headers, open_timeout=5, close_timeout=2)

    def _hear(self, frame: Frame) -> None:
        self.log.append(frame)
        if frame["type"] == "stream_end":
            self.ended.add(frame["run_id"])

    def _take(self, chat: Chat, done: int) -> int:
        frames = chat.frames[done:]
        for frame in frames:
            if "seq" in frame:
                if frame["seq"] <= self.last_seq:
                    self.figures.found("twice", f"{self.session_id}: {frame['seq']} after {self.last_seq}")
                self._hear(frame)
        return done + len(frames)


class ClientTalker(Talker):
    """Talks through the Python client, which comes back by itself, and hears all over another connection of it."""

    _session: AsyncSession
    _heard: asyncio.Event

    async def talk(self, stopped: asyncio.Event) -> None:
        server = self.dice.choice(self.site.servers)
        async with AsyncClient(server.url, trust_env=False, patience_s=SILENT_S) as client:
            await client.sign_in(EMAIL, PASSWORD)
            self._session = client.session(self.session_id)
            self._heard = asyncio.Event()
            listening = asyncio.create_task(self._listen())
            try:
                await super().talk(stopped)
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError, ChatJuicerError):
                    await listening

    async def _listen(self) -> None:
        async for event in self._session.follow(self.last_seq):
            if event.seq is None:
                continue
            if event.seq <= self.last_seq:
                self.figures.found("twice", f"{self.session_id}: {event.seq} after {self.last_seq}")
            self._hear(event.frame)
            self._heard.set()

    async def _until_answered(self, client_id: str) -> bool:
        try:
            async with asyncio.timeout(1.5 * SILENT_S):  # with the waits between its attempts
                exchange = await self._exchanged(self.sent.pop(client_id))
                await self._heard_all_of(exchange)
        except TimeoutError:
            return False
        self.figures.done["by the Python client"] += 1
        ids = self.accepted[exchange.client_id] = said_as(self.sent[exchange.client_id], self.log)
        wrong = not ids or exchange.text != written(self.log, exchange.run_id)
        self.figures.found("missing", f"{self.session_id}: the client's text is not the log's", wrong)
        return True

    async def _exchanged(self, text: str) -> AsyncExchange:
        """After its end. What was refused is said again, as a person would."""
        exchange = self._session.chat(text)
        self.sent[exchange.client_id] = text
        while True:
            try:
                async for _ in exchange:
                    pass
            except ChatJuicerError as error:
                self.figures.done[f"the Python client gave up: {error.code}"] += 1
                await asyncio.sleep(self.dice.random())
                exchange = self._session.chat(text, client_id=exchange.client_id)
            else:
                return exchange

    async def _heard_all_of(self, exchange: AsyncExchange) -> None:
        while exchange.run_id not in self.ended:
            self._heard.clear()
            await self._heard.wait()


def said_as(text: str, log: list[Frame]) -> list[str]:
    """The ids of the messages that say it."""
    created = (frame["message"] for frame in log if frame["type"] == "message_created")
    return [message["id"] for message in created if message["role"] == "user" and message["content"] == text]


def written(log: list[Frame], run_id: str | None) -> str:
    """What a run has said, an empty line between its messages."""
    texts: dict[str, str] = {}
    for frame in log:
        if frame["type"] == "delta" and frame["run_id"] == run_id:
            texts[frame["message_id"]] = texts.get(frame["message_id"], "") + frame["content"]
    return "\n\n".join(texts.values())


@asynccontextmanager
async def talking(site: Site, figures: Figures, sessions: int) -> AsyncIterator[list[Talker]]:
    """So many live sessions for as long as the block lasts; after it, each client's log is held against the server's.
    Every third one talks through the Python client.

    A talker that fails by itself fails the block.
    """
    client = await sign_in(site)
    names = [await client.create_session() for _ in range(sessions)]
    access = Access(site, client.token)
    talkers = [
        (ClientTalker if n % 3 == 2 else Talker)(site, name, random.Random(f"{figures.seed}-{n}"), figures, access)
        for n, name in enumerate(names)
    ]
    await client.close()
    stopped = asyncio.Event()
    tasks = [asyncio.create_task(talker.talk(stopped)) for talker in talkers]
    try:
        yield talkers
        stopped.set()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    client = await sign_in(site)
    try:
        await verify(client, talkers, figures)
    finally:
        await client.close()


async def sign_in(site: Site) -> Client:
    """As soon as the site lets anybody in; a trouble may not be over when it has ended."""
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    while True:
        client = Client(site.url)
        try:
            return await client.login()
        except GONE:
            await client.close()
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)


async def kill(server: Server, figures: Figures) -> None:
    """kill -9, and time until the process that is started in its place serves."""
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    figures.done["kills"] += 1
    await revive(server, figures)


async def revive(server: Server, figures: Figures) -> None:
    """Raises when the server does not come up again."""
    began = time.monotonic()
    await asyncio.to_thread(server.restart)
    figures.add_time("serving again", time.monotonic() - began)


async def verify(client: Client, talkers: list[Talker], figures: Figures) -> None:
    """Waits until all is quiet, then holds what each client has against what the server has."""
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    for talker in talkers:
        name = talker.session_id
        while (detail := await client.detail(name))["run"] and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        figures.found("stuck", f"{name}: {detail['run']}", detail["run"] is not None)
        events = await client.events(name)
        figures.done["events"] += len(events)
        for problem, count in promises_kept(events).items():
            figures.found(problem, f"{name}: the log itself", count)
        if folded(event for event in events if event["seq"] <= talker.last_seq) != folded(talker.log):
            figures.found("missing", f"{name}: the client's log is not the server's")
        for seconds in ended_after(events):
            figures.add_time("orphan ended", seconds)
        await verify_history(client, talker, figures)


async def verify_history(client: Client, talker: Talker, figures: Figures) -> None:
    history = await history_of(client, talker.session_id)
    contents = Counter(message["content"] for message in history if message["role"] == "user")
    ids = {message["id"] for message in history}
    for message in history:
        figures.found("stuck", f"{talker.session_id}: {message['role']} pending", message["status"] == "pending")
    for client_id, message_ids in talker.accepted.items():
        figures.done["accepted"] += 1
        figures.found("lost", f"{talker.session_id}: {message_ids}", not ids.issuperset(message_ids))
        if contents[talker.sent[client_id]] > 1:
            figures.found("twice", f"{talker.session_id}: {talker.sent[client_id]!r} was accepted twice")


async def history_of(client: Client, session_id: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while True:
        page = await client.get(f"/api/sessions/{session_id}/messages", offset=len(messages), limit=100)
        messages += page["messages"]
        if not page["has_more"]:
            return messages


def ended_after(events: list[Frame]) -> list[float]:
    """Seconds between the last word of each orphaned run and its end."""
    last: dict[str, str] = {}
    took = []
    for event in events:
        if event["type"] == "error" and event["code"] == "process_lost":
            run_id = event["run_id"]
            took.append((at(event["at"]) - at(last[run_id])).total_seconds())
        if event["run_id"]:
            last[event["run_id"]] = event["at"]
    return took


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
