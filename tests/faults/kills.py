"""`kill -9` of a random process at a random instant, under live sessions; then what every client was promised.

    python -m tests.faults.kills --profile postgres --kills 300 --seed 1

Prints one line of figures and exits by it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from websockets.exceptions import WebSocketException

from tests.faults.ledger import folded, promises_kept
from tests.harness.client import Chat, Client, Frame, socket
from tests.harness.provider import Provider
from tests.harness.server import Server, Site

SESSIONS = 20
QUIET_TIMEOUT_S = 60  # after the last kill, until nothing is in progress any more


@dataclass
class Figures:
    """What the table shows. The first five must be 0."""

    lost: int = 0
    missing: int = 0
    twice: int = 0
    unended: int = 0
    stuck: int = 0
    kills: int = 0
    accepted: int = 0
    resumes: int = 0
    orphans_s: list[float] = field(default_factory=list)
    serving_s: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not (self.lost or self.missing or self.twice or self.unended or self.stuck)

    def line(self) -> str:
        orphan, serving = max(self.orphans_s, default=0.0), max(self.serving_s, default=0.0)
        return (
            f"kills {self.kills}  accepted {self.accepted}  resumes {self.resumes}  orphans {len(self.orphans_s)}"
            f" | lost {self.lost}  missing {self.missing}  twice {self.twice}  without one end {self.unended}"
            f"  stuck {self.stuck} | orphan ended within {orphan:.1f} s  serving again within {serving:.1f} s"
        )


class Talker:
    """One session with one client that never gives up: it sends, reads, and comes back to any process."""

    def __init__(self, site: Site, session_id: str, dice: random.Random, figures: Figures, token: str) -> None:
        self.site, self.session_id, self.dice, self.figures, self.token = site, session_id, dice, figures, token
        self.log: list[Frame] = []
        self.accepted: dict[str, list[str]] = {}  # client_id: message ids
        self.sent: dict[str, str] = {}  # client_id: text

    @property
    def last_seq(self) -> int:
        return self.log[-1]["seq"] if self.log else 0

    async def talk(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            client_id = uuid4().hex
            words = self.dice.randint(5, 60)
            self.sent[client_id] = f"say {words} words; pace {self.dice.choice((20, 50, 200))}"
            await self._until_answered(client_id, stopped)
            await asyncio.sleep(self.dice.random() * 0.3)

    async def _until_answered(self, client_id: str, stopped: asyncio.Event) -> None:
        """Says it until it is accepted, and reads until its run has ended, over as many sockets as that takes."""
        run_id = ""
        while not stopped.is_set():
            try:
                async with self._socket() as chat:
                    done = 0
                    if not run_id:
                        await chat.say(self.sent[client_id], client_id=client_id)
                    while not stopped.is_set():
                        done = self._take(chat, done)
                        for frame in chat.frames:
                            if frame["type"] == "accepted" and frame["client_id"] == client_id:
                                run_id = frame["run_id"]
                                self.accepted[client_id] = frame["message_ids"]
                        if run_id and any(f["type"] == "stream_end" and f["run_id"] == run_id for f in self.log):
                            return
                        if chat.close_code is not None:
                            break
                        await asyncio.sleep(0.02)
                    self._take(chat, done)
            except (OSError, WebSocketException, EOFError, AssertionError, TimeoutError):
                pass
            self.figures.resumes += 1
            await asyncio.sleep(self.dice.random() * 0.3)

    def _socket(self) -> Any:
        server: Server = self.dice.choice(self.site.servers)
        headers = {"Authorization": f"Bearer {self.token}"}
        return socket(
            server.url, self.session_id, f"?after={self.last_seq}", additional_headers=headers, open_timeout=5
        )

    def _take(self, chat: Chat, done: int) -> int:
        for frame in chat.frames[done:]:
            if "seq" in frame:
                if frame["seq"] <= self.last_seq:
                    self.figures.twice += 1
                    self.figures.problems.append(f"{self.session_id}: {frame['seq']} after {self.last_seq}")
                self.log.append(frame)
        return len(chat.frames)


async def killing(site: Site, kills: int, dice: random.Random, figures: Figures) -> None:
    for _ in range(kills):
        await asyncio.sleep(dice.random() * 2)
        server = dice.choice(site.servers)
        server.stop(signal.SIGKILL)
        figures.kills += 1
        began = time.monotonic()
        await asyncio.to_thread(server.restart)
        figures.serving_s.append(time.monotonic() - began)


async def verify(client: Client, talkers: list[Talker], figures: Figures) -> None:
    """Waits until all is quiet, then holds each client's log against the server's."""
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    for talker in talkers:
        while (detail := await client.detail(talker.session_id))["run"] and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        figures.stuck += detail["run"] is not None
        events = await client.events(talker.session_id)
        for problem, count in promises_kept(events).items():
            setattr(figures, problem, getattr(figures, problem) + count)
        seen_up_to = [event for event in events if event["seq"] <= talker.last_seq]
        if folded(seen_up_to) != folded(talker.log):
            figures.missing += 1
            figures.problems.append(f"{talker.session_id}: the client's log is not the server's")
        figures.orphans_s += ended_after(events)
        history = await history_of(client, talker.session_id)
        contents = Counter(message["content"] for message in history if message["role"] == "user")
        ids = {message["id"] for message in history}
        for client_id, message_ids in talker.accepted.items():
            figures.accepted += 1
            figures.lost += not ids.issuperset(message_ids)
            if (
                sum(1 for text in talker.sent.values() if text == talker.sent[client_id])
                < contents[talker.sent[client_id]]
            ):
                figures.twice += 1
                figures.problems.append(f"{talker.session_id}: {talker.sent[client_id]!r} was accepted twice")


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


async def run(profile: str, kills: int, seed: int, sessions: int = SESSIONS, processes: int = 0) -> Figures:
    figures = Figures()
    dice = random.Random(seed)
    with Provider() as provider, Site(profile, provider.url, processes=processes) as site:
        client = await Client(site.url).login()
        names = [await client.create_session() for _ in range(sessions)]
        talkers = [
            Talker(site, name, random.Random(f"{seed}-{n}"), figures, client.token) for n, name in enumerate(names)
        ]
        stopped = asyncio.Event()
        talking = [asyncio.create_task(talker.talk(stopped)) for talker in talkers]
        await killing(site, kills, dice, figures)
        stopped.set()
        await asyncio.gather(*talking)
        client = await Client(site.url).login()
        await verify(client, talkers, figures)
        await client.close()
        if provider.violations:
            figures.problems += [f"the provider had to refuse: {v}" for v in provider.violations[:5]]
            figures.missing += len(provider.violations)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--processes", type=int, default=0)
    options = parser.parse_args()
    figures = asyncio.run(run(options.profile, options.kills, options.seed, options.sessions, options.processes))
    print(f"{options.profile} seed {options.seed}: {figures.line()}")
    for problem in figures.problems[:20]:
        print("  ", problem)
    sys.exit(not figures.kept)


if __name__ == "__main__":
    main()
