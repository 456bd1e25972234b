"""Between the renderer and the server: Electron's main process, and the browser's adapter.

They differ in who reconnects and when, in who renews tokens, and in nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.desktop.dialects import Dialect, Frame
from tests.desktop.timers import Clock, Times
from tests.desktop.tokens import Store, expiry_of
from tests.desktop.wire import ABNORMAL, Sent, State, Wire
from tests.faults.figures import Figures

IDLE_TIMEOUT, INTENDED, FULL = 4000, 1000, 4503


class Refused(Exception):
    """A request that was not answered with 2xx; `status` is 0 where nobody answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message = status, message


class Adapter:
    agent = ""
    shows_token_at_sign_in = False
    """Whether requests to /auth/ bear the access token, too, expired or not."""
    sends_origin = False

    def __init__(self, url: str, dialect: Dialect, store: Store, times: Times, clock: Clock, figures: Figures) -> None:
        self.url, self.dialect, self.store = url, dialect, store
        self.times, self.clock, self.figures = times, clock, figures
        self.active = ""
        """The session that is shown."""
        self.wires: dict[str, Wire] = {}
        self.sent: list[Sent] = []
        self.on_frame: Callable[[Frame], None] = lambda frame: None
        self._http = httpx.AsyncClient(
            base_url=url, headers={"User-Agent": self.agent}, timeout=times.command_s, trust_env=False
        )

    # -- REST

    async def request(self, method: str, path: str, body: Any = None, **parameters: Any) -> Frame:
        """What was answered. Raises Refused."""
        answer = await self.fetch(method, path, json=body, params=parameters or None)
        result: Frame = answer.json()
        return result

    async def fetch(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises Refused."""
        bears = self.store.access and (self.shows_token_at_sign_in or not path.startswith("/auth/"))
        headers = {"Authorization": f"Bearer {self.store.access}"} if bears else {}
        await asyncio.sleep(self.times.way_s)
        try:
            answer = await self._http.request(method, f"{self.dialect.prefix}{path}", headers=headers, **options)
        except httpx.HTTPError as error:
            raise Refused(0, type(error).__name__) from None
        if answer.is_error:
            raise Refused(answer.status_code, told(answer))
        return answer

    async def refresh(self, refresh_token: str) -> Frame:
        """New tokens for an old one; they are in the store then. Raises Refused."""
        tokens = await self.request("POST", "/auth/refresh", {"refresh_token": refresh_token})
        self.keep(tokens)
        self.figures.done["refreshes"] += 1
        return tokens

    def keep(self, tokens: Frame) -> None:
        self.store.access, self.store.refresh = tokens["access_token"], tokens["refresh_token"]

    # -- sockets

    def socket(self, session_id: str) -> Wire:
        """The session's socket, opened again if it was closed; those of other sessions stay as they are."""
        wire = self.wires.get(session_id)
        if wire is None or wire.state is State.CLOSED:
            wire = self.wires[session_id] = self._open(session_id)
        return wire

    def _open(self, session_id: str) -> Wire:
        address = f"{self.url.replace('http', 'ws', 1)}/ws/chat/{session_id}?token={self.store.access}"
        wire = Wire(
            address,
            self.agent,
            lambda wire, frame: self._arrived(session_id, wire, frame),
            lambda wire, code: self._closed(session_id, wire, code),
            self._opened,
            self.url if self.sends_origin else None,
        )
        wire.expires_at = expiry_of(self.store.access)
        self.figures.done["sockets"] += 1
        return wire

    def _opened(self, wire: Wire) -> None:
        pass

    def _arrived(self, session_id: str, wire: Wire, frame: Frame) -> None:
        if wire.expires_at < time.time():
            wire.expires_at = float("inf")
            self.figures.done["expiries"] += 1
        translated = self.dialect.translate(frame, session_id)
        self.on_frame({**translated, "_seq": frame.get("seq", 0)})

    def _closed(self, session_id: str, wire: Wire, code: int) -> None:
        self.figures.done[f"closed {code}"] += code != ABNORMAL
        # An old token opens no socket; a socket that was opened does not end with its token.
        self.figures.found(
            "cut off", f"{session_id}: 4401 after {wire.frames} frames", code == 4401 and wire.frames > 0
        )
        self.reconnect(session_id, wire, code)

    def reconnect(self, session_id: str, wire: Wire, code: int) -> None:
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        """As far as the client shows; where it shows no session, it does not know."""
        wire = self.wires.get(self.active)
        return wire is None or wire.state is not State.CLOSED

    def all_wires(self) -> list[Wire]:
        return list(self.wires.values())

    def listens(self, session_id: str) -> bool:
        """Whether what happens in the session comes through an open socket."""
        wire = self.wires.get(session_id)
        return wire is not None and wire.state is State.OPEN

    def gave_up(self, session_id: str) -> bool:
        """Whether nothing that the client does by itself opens the session's socket again."""
        return False

    async def send(self, session_id: str, texts: list[str]) -> None:
        sent = Sent(session_id, texts)
        self.sent.append(sent)
        messages = [{"content": text} for text in texts]
        await self._send(session_id, {"type": "message", "messages": messages, "session_id": session_id}, sent)

    async def _send(self, session_id: str, frame: Frame, sent: Sent) -> None:
        await self.socket(session_id).send(frame, sent)

    async def interrupt(self, session_id: str) -> None:
        """Where no socket is open, nothing is sent, then or later."""
        wire = self.socket(session_id)
        if wire.state is State.OPEN:
            await wire.send({"type": "interrupt", "session_id": session_id})

    def drop(self) -> None:
        for wire in self.all_wires():
            wire.drop()

    async def quit(self) -> None:
        wires = self.all_wires()
        for wire in wires:
            wire.forget()
        for wire in wires:
            await wire.ended()
        await self._http.aclose()


class Electron(Adapter):
    agent = "node"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._timer: Any = None
        """One for all sockets: the last one to close is the one that comes back."""

    async def fetch(self, method: str, path: str, **options: Any) -> httpx.Response:
        """As any other, and once more with new tokens where the old ones were refused."""
        try:
            return await super().fetch(method, path, **options)
        except Refused as refused:
            if refused.status != 401 or not self.store.refresh or path.startswith("/auth/"):
                raise
            try:
                await self.refresh(self.store.refresh)
            except Refused:
                raise refused from None
            return await super().fetch(method, path, **options)

    def reconnect(self, session_id: str, wire: Wire, code: int) -> None:
        """Forever, but only the session that is shown by then."""
        if self._timer is not None:
            self._timer.cancel()
        if code == IDLE_TIMEOUT:
            return
        delay_s = self.times.reconnect_when_full_s if code == FULL else self.times.reconnect_s

        async def again() -> None:
            if session_id == self.active:
                self.figures.done["reconnects"] += 1
                self.socket(session_id)

        self._timer = self.clock.later(delay_s, again)

    def gave_up(self, session_id: str) -> bool:
        """Where another session's socket closed after this one's, it took the timer with it."""
        wire = self.wires.get(session_id)
        return (wire is None or wire.state is State.CLOSED) and (self._timer is None or self._timer.done())


@dataclass(eq=False, slots=True)
class Manager:
    """Of one socket, which it opens again by itself when it closes."""

    wire: Wire
    tries: int = 0  # to open it again, since it was open


class Browser(Adapter):
    agent = "Mozilla/5.0"
    shows_token_at_sign_in = True
    sends_origin = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._managers: dict[str, list[Manager]] = {}
        """Those of a session that have not given up. When a socket closes, `wires` forgets it, and its manager goes on:
        what comes is shown, the next text opens another one beside it, and there is no stopping before."""

    def socket(self, session_id: str) -> Wire:
        wire = super().socket(session_id)
        if self._manager_of(wire) is None:
            self._managers.setdefault(session_id, []).append(Manager(wire))
        return wire

    def _manager_of(self, wire: Wire) -> Manager | None:
        return next((one for managers in self._managers.values() for one in managers if one.wire is wire), None)

    def _opened(self, wire: Wire) -> None:
        """Whatever becomes of it then."""
        if manager := self._manager_of(wire):
            manager.tries = 0

    def reconnect(self, session_id: str, wire: Wire, code: int) -> None:
        """Five times, each time after twice as long."""
        if self.wires.get(session_id) is wire:
            del self.wires[session_id]
        manager = self._manager_of(wire)
        if manager is None:
            return
        if code in (IDLE_TIMEOUT, INTENDED) or manager.tries >= self.times.browser_tries:
            self._managers[session_id].remove(manager)
            return
        delay_s = self.times.browser_first_s * 2**manager.tries
        manager.tries += 1

        async def again() -> None:
            self.figures.done["reconnects"] += 1
            manager.wire = self._open(session_id)

        self.clock.later(delay_s, again)

    def all_wires(self) -> list[Wire]:
        return [manager.wire for managers in self._managers.values() for manager in managers]

    def listens(self, session_id: str) -> bool:
        return any(manager.wire.state is State.OPEN for manager in self._managers.get(session_id, []))

    @property
    def connected(self) -> bool:
        managers = self._managers.get(self.active, [])
        return not managers or any(manager.wire.state is not State.CLOSED for manager in managers)

    def gave_up(self, session_id: str) -> bool:
        return not self._managers.get(session_id)

    async def _send(self, session_id: str, frame: Frame, sent: Sent) -> None:
        manager = self._manager_of(self.socket(session_id))
        assert manager is not None
        await self._send_when_open(manager, frame, sent)

    async def interrupt(self, session_id: str) -> None:
        """Only through a socket that is not forgotten."""
        if (wire := self.wires.get(session_id)) and (manager := self._manager_of(wire)):
            await self._send_when_open(manager, {"type": "interrupt", "session_id": session_id})

    async def _send_when_open(self, manager: Manager, frame: Frame, sent: Sent | None = None) -> None:
        """Looks again and again whether the manager's socket is open, whichever it is by then."""
        if manager.wire.state is State.OPEN:
            await manager.wire.send(frame, sent)
        else:
            self.clock.later(self.times.browser_look_s, lambda: self._send_when_open(manager, frame, sent))


def told(answer: httpx.Response) -> str:
    """What the client reads of an error: the top-level `message`, then `detail`, then the status text."""
    try:
        body = answer.json()
    except ValueError:
        return answer.reason_phrase
    return str(body.get("message") or body.get("detail") or answer.reason_phrase)
