"""Somebody at one or two windows of the client, who does anything at any time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.desktop.adapters import Adapter, Browser, Electron, Refused
from tests.desktop.dialects import Dialect
from tests.desktop.renderer import Renderer
from tests.desktop.timers import Clock, Times
from tests.desktop.tokens import Store
from tests.faults.figures import Figures
from tests.harness.server import EMAIL, PASSWORD, Server

KINDS: dict[str, type[Adapter]] = {"electron": Electron, "browser": Browser}
MAX_SESSIONS = 3
MAX_WINDOWS = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """What the walks of one round have in common."""

    dialect: Dialect
    times: Times
    figures: Figures
    token_life_s: float
    often: tuple[str, ...] = ()
    """Actions of `Person` that are taken much more often than others."""


class Window:
    """One launch of the client: it ends with a relaunch, and only the tokens outlive it."""

    def __init__(self, setting: Setting, kind: str, url: str, store: Store) -> None:
        self.kind, self.url, self.store = kind, url, store
        self.clock = Clock()
        common = (setting.times, self.clock, setting.figures)
        self.adapter = KINDS[kind](url, setting.dialect, store, *common)
        self.renderer = Renderer(self.adapter, *common)

    async def quit(self) -> None:
        self.clock.stop()
        await self.adapter.quit()
        if self.clock.failures:
            raise self.clock.failures[0]


class Person:
    def __init__(self, number: int, kind: str, server: Server, dice: random.Random, setting: Setting) -> None:
        self.number, self.kind, self.server, self.dice, self.setting = number, kind, server, dice, setting
        self.windows: list[Window] = []
        self.sessions: list[str] = []
        self.closed: list[Window] = []
        self.seen_twice: set[tuple[int, str]] = set()  # the judge's: window, and what it has been found to show twice
        self.marks: list[str] = []
        """One word for each text that was said: it stands in the text and in its answer, and nowhere else."""
        self.figures = setting.figures

    @property
    def launches(self) -> list[Window]:
        """All windows, also those that are closed."""
        return self.closed + self.windows

    def __str__(self) -> str:
        return f"walk {self.number} ({self.setting.dialect.name}, {self.kind})"

    # -- windows

    async def open_window(self) -> Window:
        """Two windows of a browser share what is stored; two desktop clients stand on two desks."""
        shared = self.kind == "browser" and self.windows
        store = self.windows[0].store if shared else Store()
        window = Window(self.setting, self.kind, self.server.url, store)
        self.windows.append(window)
        await self.let_in(window)
        return window

    async def relaunch(self, window: Window) -> Window:
        """What waited in the client's queue is gone with it, as it is in life."""
        self.figures.done["relaunches"] += 1
        self.closed.append(window)
        await window.quit()
        again = Window(self.setting, self.kind, window.url, window.store)
        self.windows[self.windows.index(window)] = again
        await self.let_in(again)
        return again

    async def let_in(self, window: Window) -> None:
        """By the tokens of last time, or by hand; where the server is not there, it is tried again later."""
        with suppress(Refused):
            if not await window.renderer.start():
                await self.sign_in(window)
            await window.adapter.request("GET", "/sessions", offset=0, limit=50)

    async def sign_in(self, window: Window) -> None:
        renderer = window.renderer
        if renderer.locked_out:
            self.figures.found("locked out", f"{self}: {renderer.locked_out}")
            renderer.locked_out = ""
        await renderer.sign_in(EMAIL, PASSWORD)

    async def close(self) -> None:
        windows, self.windows = self.windows, []
        self.closed += windows
        for window in windows:
            await window.quit()

    # -- what is done at random

    async def act(self) -> None:
        """One thing at one window; a request that fails is an alert, and changes nothing."""
        window = self.dice.choice(self.windows)
        often = self.setting.often
        weights = [weight + 20 * (action.__name__ in often) for weight, action in self.actions]
        ((_, action),) = self.dice.choices(self.actions, weights)
        try:
            if not window.renderer.signed_in:
                await self.sign_in(window)
            await action(self, window)
        except Refused:
            self.figures.done["alerts"] += 1
            await asyncio.sleep(0.3)  # that it takes to click it away
        await asyncio.sleep(self.dice.uniform(0.01, 0.25))

    def words(self) -> str:
        mark = f"w{self.number}n{len(self.marks)}z"
        self.marks.append(mark)
        words = " ".join(f"word{n}" for n in range(self.dice.randint(3, 40)))
        script = f"echo {mark} {words}; pace {self.dice.choice((20, 40, 80))}"
        tool = 'tool current_time {"timezone": "UTC"}; '
        return (
            self.dice.choice(("", "", "", tool, "reasoning 3; "))
            + script
            + self.dice.choice(("",) * 9 + ("; error after 2",))
        )

    async def say(self, window: Window) -> None:
        if not window.adapter.connected and self.dice.random() < 0.8:  # the client shows that it is not
            await asyncio.sleep(0.2)
            return
        text = self.words()
        if not window.renderer.current:
            await self.create(window, text)
        await window.renderer.say(text)

    async def say_several(self, window: Window) -> None:
        for _ in range(self.dice.randint(2, 4)):
            await self.say(window)
            await asyncio.sleep(self.dice.uniform(0.0, 0.1))

    async def create(self, window: Window, text: str = "Something new") -> None:
        if len(self.sessions) < MAX_SESSIONS or not self.sessions:
            self.sessions.append(await window.renderer.create(text, model="gpt-5.2", reasoning_effort="medium"))
        else:
            await self.switch(window)

    async def switch(self, window: Window) -> None:
        if self.sessions:
            await window.renderer.switch(self.dice.choice(self.sessions))

    async def go_and_come_back(self, window: Window) -> None:
        here, others = window.renderer.current, [s for s in self.sessions if s != window.renderer.current]
        if here and others:
            await window.renderer.switch(self.dice.choice(others))
            await asyncio.sleep(self.dice.uniform(0.0, 0.4))
            await window.renderer.switch(here)

    async def stop(self, window: Window) -> None:
        await window.renderer.stop()

    async def rename(self, window: Window) -> None:
        if window.renderer.current:
            await window.adapter.request("PATCH", f"/sessions/{window.renderer.current}", {"title": "Another name"})

    async def lose_network(self, window: Window) -> None:
        self.figures.done["drops"] += 1
        window.adapter.drop()

    async def start_again(self, window: Window) -> None:
        here = window.renderer.current
        again = await self.relaunch(window)
        if here and again.renderer.signed_in:
            await again.renderer.switch(here)

    async def another_window(self, window: Window) -> None:
        if len(self.windows) < MAX_WINDOWS:
            self.figures.done["second windows"] += 1
            another = await self.open_window()
            if self.sessions and another.renderer.signed_in:  # else the server was not there, and it shows the sign-in
                await another.renderer.switch(self.dice.choice(self.sessions))

    async def sleep(self, window: Window) -> None:
        """The lid is closed for longer than an access token lives."""
        self.figures.done["sleeps"] += 1
        window.clock.sleep()
        window.adapter.drop()
        await asyncio.sleep(self.setting.token_life_s * self.dice.uniform(0.9, 1.4))
        window.clock.wake()
        # At once, while both places still renew their tokens.
        await self.dice.choice((self.rename, self.go_and_come_back, self.create))(window)

    actions: tuple[tuple[int, Callable[[Person, Window], Awaitable[None]]], ...] = (
        (30, say),
        (8, say_several),
        (6, stop),
        (5, create),
        (10, switch),
        (10, go_and_come_back),
        (2, rename),
        (8, lose_network),
        (5, start_again),
        (3, another_window),
        (2, sleep),
    )
