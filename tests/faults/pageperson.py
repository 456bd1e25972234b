"""Somebody who works in the page, sees what it shows, and does what a person does about it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import uuid4

from playwright.async_api import BrowserContext, Error, Locator, Page

from tests.faults.figures import Figures

PATIENCE_MS = 4_000  # for what is to be seen after a press
LOADING_MS = 60_000  # until the page is there
PAUSES_S = (0.02, 0.1, 0.4)
MARK = re.compile(r"mark[0-9a-f]{8}n\d+x")
RECENT_CHATS = 8

SCRIPTS = (
    "echo fine",
    "say {words} words; pace {pace}",
    "say {words} words; pace {pace}",
    "reasoning 5; say {words} words; pace {pace}",
    'tool current_time {{"timezone": "UTC"}}; say {words} words; pace {pace}',
)


class Person:
    """`owed` are the marks of what the page took or keeps in a field; `perhaps` those of which it did not say so."""

    def __init__(
        self, context: BrowserContext, url: str, dice: random.Random, figures: Figures, acts: dict[Act, int]
    ) -> None:
        """`acts`: what they do, and how often."""
        self.context, self.url, self.dice, self.figures, self.acts = context, url, dice, figures, acts
        self.name = uuid4().hex[:8]
        self.tabs: list[Page] = []
        self.here: Page
        self.owed: list[str] = []
        self.perhaps: set[str] = set()
        self.did: list[str] = []
        self.sent: dict[str, Page] = {}  # from which tab
        context.set_default_timeout(PATIENCE_MS)

    @property
    def field(self) -> Locator:
        return self.here.get_by_label("Message", exact=True)

    async def open_tab(self) -> None:
        self.here = await self.context.new_page()
        self.here.on("pageerror", lambda error: self.figures.found("page error", str(error)))
        self.tabs.append(self.here)
        await self.here.goto(self.url, timeout=LOADING_MS)
        await self.field.wait_for(timeout=LOADING_MS)

    async def work(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            (act,) = self.dice.choices(list(self.acts), list(self.acts.values()))
            try:
                await act(self)
            except Error:  # what was to be pressed is not there, or has gone meanwhile
                self.figures.done["not possible"] += 1
            await asyncio.sleep(self.dice.choice(PAUSES_S))

    def new_text(self) -> tuple[str, str]:
        """A word of its own, and a text that has it."""
        mark = f"mark{self.name}n{len(self.owed) + len(self.perhaps) + 1}x"
        words, pace = self.dice.choice((3, 30, 120)), self.dice.choice((50, 200, 2000))
        return mark, f"[{mark}]\n{self.dice.choice(SCRIPTS).format(words=words, pace=pace)}"

    def note(self, what: str, mark: str = "") -> None:
        self.figures.done[what] += 1
        self.did.append(f"{what} {mark} at {self.here.url.rpartition('#')[2]} in tab {self.tabs.index(self.here)}")

    async def write(self) -> None:
        """What is in the field already is sent; what is written may be left there."""
        mark = await self.held()
        if not mark:
            mark, text = self.new_text()
            await self.field.fill(text)
            self.owed.append(mark)
            if self.dice.random() < 0.15:
                self.note("typed", mark)
                return
        await self.send("sent", mark)

    async def held(self) -> str:
        """The mark of what is in the field, or "". What they sent from another tab they take away: the draft is called
        back there, and may not have been yet."""
        found = MARK.search(await self.field.input_value())
        mark = found.group() if found else ""
        if mark and self.sent.get(mark, self.here) is not self.here:
            await self.field.fill("")
            self.note("left in another tab", mark)
            return ""
        return mark

    async def send(self, what: str, mark: str) -> None:
        await self.field.press("Enter")
        self.sent.setdefault(mark, self.here)
        self.note(what, mark)

    async def edit(self) -> None:
        mine = self.here.get_by_role("article", name="You").filter(has=self.here.get_by_label("Edit message"))
        await mine.last.hover()
        await mine.last.get_by_role("button", name="Edit message").click()
        mark, text = self.new_text()
        field = self.here.get_by_role("textbox", name="Edit message")
        await field.fill(text)
        await self.here.evaluate("for (const toast of document.querySelectorAll('.toast')) toast.remove()")
        queued = self.here.get_by_text("Its turn comes after the answer")
        shown = self.here.get_by_role("log").get_by_text(mark)
        self.perhaps.add(mark)
        for _ in range(3):
            with suppress(Error):
                await field.press("Control+Enter", timeout=500)
            with suppress(Error):
                await shown.or_(queued).first.wait_for()
                if not await shown.count():  # another answer that was asked for before is queued in the same words
                    await field.wait_for(state="hidden")
                self.perhaps.discard(mark)
                self.owed.append(mark)
                self.note("edited", mark)
                return
        self.note("edits given up", mark)
        with suppress(Error):
            await field.press("Escape", timeout=500)

    async def regenerate(self) -> None:
        answer = self.here.get_by_role("article", name="Answer").last
        await answer.hover()
        await answer.get_by_role("button", name="Another answer").click()
        await self.here.get_by_role("menuitem", name="Try again").click()
        self.note("asked again")

    async def stop(self) -> None:
        await self.here.get_by_role("button", name="Stop the answer").click(timeout=500)
        self.note("stopped")

    async def change_chat(self) -> None:
        chats = self.here.locator("#session-list a[data-part=link]")
        there = await chats.count()
        if there:
            await chats.nth(self.dice.randrange(min(there, RECENT_CHATS))).click()
            self.note("changed chats")

    async def begin_chat(self) -> None:
        await self.here.get_by_role("button", name="New chat", exact=True).click()
        self.note("began")

    async def change_tab(self) -> None:
        self.here = self.dice.choice(self.tabs)
        await self.here.bring_to_front()

    async def reload(self) -> None:
        """As often as it takes until the page is there."""
        self.note("loaded again")
        async with asyncio.timeout(LOADING_MS / 1000):
            while True:
                with suppress(Error):
                    await self.here.reload()
                    await self.field.wait_for()
                    return
                await asyncio.sleep(0.2)

    async def go_to(self, chat: str) -> None:
        """By its address; "" is a new one."""
        await self.here.evaluate("address => { window.location.hash = address; }", f"#/{chat}")
        await self.field.wait_for(timeout=LOADING_MS)

    async def send_what_is_left(self) -> None:
        """What stands in the field, and what was refused."""
        again = self.here.get_by_role("button", name="Send again")
        for _ in range(await again.count()):
            await again.first.click()
            self.note("sent again")
        if mark := await self.held():
            await self.send("sent at last", mark)


Act = Callable[[Person], Coroutine[Any, Any, None]]
ACTS: dict[Act, int] = {
    Person.write: 34,
    Person.edit: 8,
    Person.regenerate: 5,
    Person.stop: 5,
    Person.change_chat: 10,
    Person.begin_chat: 8,
    Person.change_tab: 6,
    Person.reload: 6,
}
