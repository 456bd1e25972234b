"""What must be true of a walk when all is quiet: nobody waits for ever, nothing is lost, nothing stands twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.desktop.adapters import Refused
from tests.desktop.dialects import Frame
from tests.desktop.person import Person, Window
from tests.desktop.renderer import Row
from tests.desktop.wire import State
from tests.faults.talkers import history_of
from tests.harness.client import Client

QUIET_S = 30  # that a server may do something and say nothing; a session where many texts wait is busy for longer
LONGEST_S = 180  # that it may be busy with what a person said in a session
CALM_S = 0.5  # that nothing happens, so that nothing is on its way
PATIENCE_S = 4.0  # that a client may wait for an end where the server has nothing to do any more
ROUND_TRIPS = 4  # that these two are longer by on a machine where each takes its time: connecting is two, a frame one


async def settle(person: Person, client: Client) -> None:
    """Each window shows each of its sessions once more, as people do, until nothing streams and nothing waits there."""
    for place, window in enumerate(person.windows):
        await show(person, window)
        here = window.renderer.current
        others = [session_id for session_id in person.sessions if session_id != here]
        for session_id in [here, *others] if here else others:
            await show(person, person.windows[place], session_id)
            await calm_down(person, place, session_id, client)


async def show(person: Person, window: Window, session_id: str = "") -> None:
    """The session; or, without one, the list of them."""
    deadline = time.monotonic() + QUIET_S
    while True:
        try:
            if not window.renderer.signed_in:
                await person.sign_in(window)
            if session_id:
                await window.renderer.switch(session_id)
            else:
                await window.adapter.request("GET", "/sessions", offset=0, limit=50)
            return
        except Refused as refused:
            if time.monotonic() > deadline:
                person.figures.found("locked out", f"{person}: cannot load {session_id or 'its sessions'}: {refused}")
                return
        await asyncio.sleep(0.1)


@dataclass(slots=True)
class Watched:
    """A session as the server tells of it, and how quickly: a crowded machine is slow in all, and breaks no promise."""

    client: Client
    path: str
    busy_with: str = ""
    """In words; empty if nothing runs and nothing is queued."""
    slowest_s: float = 0.0
    """Of the answers so far."""
    moved_at: float = field(default_factory=time.monotonic)
    """When something in the log was last found new."""
    idle_since: float = float("inf")
    _seq: int = -1

    async def look(self) -> None:
        asked_at = time.monotonic()
        loaded = await self.client.get(self.path)
        now = time.monotonic()
        self.slowest_s = max(self.slowest_s, now - asked_at)
        # Between two answers none runs: taking the next one from the queue, or over from a dead process, takes time.
        state = loaded["session"]["state"]
        self.busy_with = "" if state == "idle" else f"{state} {loaded['run'] or ''}"
        if loaded["last_seq"] != self._seq:
            self._seq, self.moved_at = loaded["last_seq"], now
        self.idle_since = float("inf") if self.busy_with else min(self.idle_since, now)

    def scaled(self, seconds: float) -> float:
        """What takes so long where an answer is there at once; a client's frames take the ways that answers take."""
        return seconds + ROUND_TRIPS * self.slowest_s


async def calm_down(person: Person, place: int, session_id: str, client: Client) -> None:
    # Through the person's own prefix: who loads a session through another one changes the words of its sockets.
    watched = Watched(client, f"{person.setting.dialect.prefix}/sessions/{session_id}")
    began_at, calm_since = time.monotonic(), float("inf")
    while time.monotonic() < min(watched.moved_at + watched.scaled(QUIET_S), began_at + LONGEST_S):
        window = person.windows[place]
        if window.adapter.gave_up(session_id):
            person.figures.done["given up"] += 1
            await show(person, await person.relaunch(window), session_id)
            continue
        if not window.renderer.signed_in:  # nobody answered its refresh in time; if it was refused, that is found
            person.figures.done["signed out"] += 1
            await show(person, window, session_id)
            continue
        await watched.look()
        waits = waiting(window, session_id)
        calm_since = float("inf") if watched.busy_with or waits else min(calm_since, time.monotonic())
        if time.monotonic() - calm_since > watched.scaled(CALM_S):
            check_screens(person)
            return
        if waits and time.monotonic() - watched.idle_since > watched.scaled(PATIENCE_S):
            person.figures.found("stuck", f"{person}: {session_id}: {waits}, and nothing runs")
            return
        await asyncio.sleep(0.1)
    person.figures.found("without one end", f"{person}: {session_id}: {watched.busy_with}")


def waiting(window: Window, session_id: str) -> str:
    """What the client waits for, in words; empty if for nothing."""
    if not window.renderer.signed_in:
        return "signed out"
    if not window.adapter.listens(session_id):
        return "no socket"
    wire = window.adapter.wires.get(session_id)
    if wire and window.adapter.dialect.tells_accepted and (unanswered := wire.unanswered()):
        return f"no word about {len(unanswered)} frames"
    queued = [text for there, text in window.renderer.queue if there == session_id]
    if window.renderer.stream(session_id).streaming:
        return f"waits for an end, {len(queued)} texts queued"
    return f"{len(queued)} texts queued" if queued else ""


def check_screens(person: Person) -> None:
    """An answer stands in one row. Not counted are rows that the client itself left behind, see `Row`; one that it put
    together again is judged when its end has come."""
    seen = person.seen_twice
    for window in person.windows:
        rows = [row for row in window.renderer.rows if row.role == "assistant" and not (row.cut or row.own_fault)]
        rows = [row for row in rows if row.ended or not row.again]
        for mark, times in Counter(mark for row in rows if (mark := mark_of(row.text))).items():
            if times > 1 and (id(window), mark) not in seen:
                seen.add((id(window), mark))
                person.figures.found("twice", f"{person}: {mark} is shown {times} times by {describe(rows, mark)}")
        for row in window.renderer.rows:
            if row.role == "tool_call" and row.ended.count("completed") > 1 and (id(window), row.call_id) not in seen:
                seen.add((id(window), row.call_id))
                person.figures.found("twice", f"{person}: the card {row.call_id} was ended twice")
        for call_id in window.renderer.double_cards:
            person.figures.found("twice", f"{person}: two cards for {call_id}")
        window.renderer.double_cards.clear()


def mark_of(text: str) -> str:
    """The answer's own word, once it has come whole."""
    first, space, _ = text.partition(" ")
    return first if space and first.endswith("z") else ""


def describe(rows: list[Row], mark: str) -> str:
    return ", ".join(
        f"{'a stored' if row.stored else 'a live'} row ({row.ended or 'open'})"
        for row in rows
        if mark_of(row.text) == mark
    )


async def judge(person: Person, client: Client) -> None:
    """Against the server's history, which is read by somebody else's client."""
    histories = {session_id: await history_of(client, session_id) for session_id in person.sessions}
    for session_id, history in histories.items():
        check_history(person, session_id, history)
    check_sent(person, histories)
    check_live_rows(person, histories)
    for window in list(person.windows):
        await check_reloaded(person, window, histories)


def check_history(person: Person, session_id: str, history: list[Frame]) -> None:
    for message in history:
        pending = message["status"] == "pending"
        person.figures.found("without one end", f"{person}: {session_id}: {message['role']} is pending", pending)
    answers = Counter(mark_of(message["content"]) for message in history if message["role"] == "assistant")
    for mark in person.marks:
        person.figures.found("twice", f"{person}: {mark} was answered {answers[mark]} times", answers[mark] > 1)


def check_sent(person: Person, histories: dict[str, list[Frame]]) -> None:
    """A text that the server took stands in the history once; one that a dying socket took, at most once."""
    for window in person.windows:
        for wire in window.adapter.all_wires():
            for sent in wire.unanswered() if wire.state is State.OPEN else []:
                sent.arrived = True
    said = {
        session_id: Counter(message["content"] for message in history if message["role"] == "user")
        for session_id, history in histories.items()
    }
    for sent in [sent for window in person.launches for sent in window.adapter.sent]:
        person.figures.done["frames sent"] += 1
        person.figures.done["frames taken"] += sent.arrived
        person.figures.done["frames refused"] += sent.refused
        for text in sent.texts:
            times = said[sent.session_id][text]
            person.figures.found("twice", f"{person}: {text!r} is in the history {times} times", times > 1)
            person.figures.found("lost", f"{person}: {text!r}", sent.arrived and times == 0)


def check_live_rows(person: Person, histories: dict[str, list[Frame]]) -> None:
    """What was shown while it came is what is kept; or its beginning, where the client was cut off."""
    kept = {
        mark_of(message["content"]): message["content"]
        for history in histories.values()
        for message in history
        if message["role"] == "assistant"
    }
    for row in [row for window in person.launches for row in window.renderer.said_live]:
        if not (mark := mark_of(row.text)):
            continue
        whole = row.ended in ("stop", "interrupted") and not (row.cut or row.own_fault)
        person.figures.done["answers seen whole"] += whole
        same = kept.get(mark, "") == row.text if whole else kept.get(mark, "").startswith(row.text)
        if not same:
            problem = f"{person}: shown ({row.ended}) {row.text[-60:]!r}, kept {kept.get(mark, '')[-60:]!r}"
            person.figures.found("missing", problem)


async def check_reloaded(person: Person, window: Window, histories: dict[str, list[Frame]]) -> None:
    """A client that is launched again shows the history, and nothing else."""
    again = await person.relaunch(window)
    for session_id, history in histories.items():
        await show(person, again, session_id)
        shown = [(row.role, row.text) for row in again.renderer.rows]
        kept = [(message["role"], message["content"]) for message in history]
        if shown != kept:
            person.figures.found("missing", f"{person}: {session_id} shows {shown[-4:]}, kept is {kept[-4:]}")
