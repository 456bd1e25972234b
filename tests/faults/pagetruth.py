"""When all is quiet: what a person said in the page, what the page shows, and what the server has, must be one."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from playwright.async_api import Error, Page

from tests.faults.figures import Figures
from tests.faults.ledger import promises_kept
from tests.faults.pageperson import MARK, Person
from tests.faults.site import FaultySite
from tests.faults.talkers import sign_in
from tests.harness.client import Client, Frame

QUIET_S = 60.0  # within which all that is going on has ended

# What of the page says that it is not done, or asks for somebody; nothing where it is quiet.
BUSY = """() => {
  const seen = (node) => node.checkVisibility();
  const found = [];
  if (seen(document.getElementById("composer-stop"))) found.push("answering");
  if ([...document.querySelectorAll(".message.sending")].some(seen)) found.push("sending");
  const connection = document.getElementById("connection");
  if (seen(connection) && connection.dataset.phase !== "open") found.push(connection.dataset.phase);
  if (document.getElementById("composer-input").disabled) found.push("no field");
  return found.join(", ");
}"""
# Texts in the browser's queue of unsent messages.
UNSENT = """() => new Promise((done) => {
  const opening = indexedDB.open(`chat-juicer.client ${location.origin}`, 1);
  opening.onsuccess = () => {
    const database = opening.result;
    const asked = database.transaction("kept").objectStore("kept").getAll(IDBKeyRange.bound("unsent/", "unsent0"));
    asked.onsuccess = () => { database.close(); done(JSON.stringify(asked.result)); };
  };
})"""
# Of the rows in sight: which chat, its name and its last words.
LISTED = """() => {
  document.querySelector("#sidebar .scroll").scrollTop = 0;
  const text = (row, part) => row.querySelector(part).textContent;
  const rows = [...document.querySelectorAll("#session-list a[data-part=link]")];
  return rows.map((row) => [row.getAttribute("href").slice(2), text(row, ".row-name"), text(row, ".row-preview")]);
}"""
ROWS = 12
SHOWN = 'nodes => nodes.map((node) => node.querySelector(".plain")?.textContent ?? "")'


async def verify(site: FaultySite, person: Person, earlier: set[str], figures: Figures) -> None:
    """Not of chats that were there `earlier`."""
    client = await sign_in(site)
    try:
        for tab in person.tabs:
            person.here = tab
            await tab.bring_to_front()
            await until_quiet(person, figures)
        await until_sent(person, figures)
        await finish(client, person, earlier, figures)
        chats = [chat for chat in await chats_of(client) if chat not in earlier]
        exports = {chat: await client.get(f"/api/sessions/{chat}/export") for chat in chats}
        hold_against_exports(exports, person, figures)
        for chat, export in exports.items():
            await hold_against_log(client, chat, figures)
            await hold_against_page(person, chat, export, figures)
        for tab in person.tabs:
            await tab.bring_to_front()
            await hold_against_list(client, tab, figures)
    finally:
        await client.close()


async def chats_of(client: Client) -> list[str]:
    chats: list[Frame] = []
    cursor = None
    while True:
        asked: dict[str, str] = {"cursor": cursor} if cursor else {}
        page = await client.get("/api/sessions", limit=100, **asked)
        chats += page["sessions"]
        cursor = page["next_cursor"]
        if not cursor:
            return [chat["session_id"] for chat in chats]


async def finish(client: Client, person: Person, earlier: set[str], figures: Figures) -> None:
    """In each chat, and in the one that is not made yet, what is left is sent, in every tab."""
    for tab in person.tabs:
        person.here = tab
        await tab.bring_to_front()
        for chat in ["", *(chat for chat in await chats_of(client) if chat not in earlier)]:
            await person.go_to(chat)
            if chat:
                await until_quiet(person, figures)
            await person.send_what_is_left()
            await until_quiet(person, figures)
    await until_sent(person, figures)


async def until_quiet(person: Person, figures: Figures) -> None:
    async def busy() -> str:
        return str(await person.here.evaluate(BUSY))

    await until_nothing(busy, f"the page at {person.here.url}", figures)


async def until_sent(person: Person, figures: Figures) -> None:
    """Whatever the browser keeps for a server that was away goes by itself, once it is back."""

    async def unsent() -> str:
        items = json.loads(await person.here.evaluate(UNSENT))
        return ", ".join(f"{item['text']!r} {item['state']}" for item in items if item["state"] == "sending")

    await until_nothing(unsent, "unsent", figures)


async def until_nothing(left: Callable[[], Awaitable[str]], what: str, figures: Figures) -> None:
    deadline = time.monotonic() + QUIET_S
    found = "?"
    while found and time.monotonic() < deadline:
        try:
            found = await left()
        except Error as error:  # the page is being loaded
            found = str(error)
        await asyncio.sleep(0.1)
    figures.found("stuck", f"{what}: {found}", bool(found))


def hold_against_exports(exports: dict[str, Frame], person: Person, figures: Figures) -> None:
    """Also versions that are out of view are booked."""
    stored = Counter(
        mark for export in exports.values() for message in export["messages"] for mark in marks_of_message(message)
    )
    for mark in person.owed:
        figures.done["texts"] += 1
        figures.found("lost", f"{mark}: {history_of(mark, person)}", stored[mark] < 1)
        figures.found("twice", f"{mark}, {stored[mark]} times: {history_of(mark, person)}", stored[mark] > 1)
    for mark in person.perhaps:
        figures.found("twice", f"{mark}, {stored[mark]} times: {history_of(mark, person)}", stored[mark] > 1)
    figures.done["chats"] += len(exports)
    figures.done["chats without a word"] += sum(not export["messages"] for export in exports.values())


def history_of(mark: str, person: Person) -> str:
    """What was done with it, and what came next."""
    at = [index for index, did in enumerate(person.did) if f" {mark} " in did]
    return "; ".join(person.did[at[0] : at[-1] + 6]) if at else "only typed"


async def hold_against_log(client: Client, chat: str, figures: Figures) -> None:
    deadline = time.monotonic() + QUIET_S
    while (detail := await client.detail(chat))["run"] and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    figures.found("stuck", f"{chat}: {detail['run']}", detail["run"] is not None)
    events = await client.events(chat)
    for problem, count in promises_kept(events).items():
        figures.found(problem, f"{chat}: the log itself", count)
    asked = {event["run_id"] for event in events if is_question(event) and event["run_id"]}
    ended = {event["run_id"] for event in events if event["type"] == "stream_end"}
    figures.done["answers"] += len(ended)
    figures.found("without one end", f"{chat}: {sorted(asked - ended)}", len(asked - ended))


def is_question(event: Frame) -> bool:
    return bool(event["type"] == "message_created" and event["message"]["role"] == "user")


async def hold_against_page(person: Person, chat: str, export: Frame, figures: Figures) -> None:
    """The page has the newest rows of a long chat; of these all, once and in order."""
    visible = [message for message in export["messages"] if message.get("visible", True)]
    path = [mark for message in visible for mark in marks_of_message(message)]
    await person.go_to(chat)
    await until_quiet(person, figures)
    questions = person.here.get_by_role("article", name="You")

    async def difference() -> str:
        texts: list[str] = await questions.evaluate_all(SHOWN)
        shown = [mark for text in texts for mark in MARK.findall(text)]
        whole = await person.here.locator("#load-earlier").is_hidden()
        expected = path if whole else path[len(path) - len(shown) :]
        return "" if shown == expected else f"shows {shown} in the place of {expected}"

    differs = await remaining(difference)  # a message is drawn with the next frame
    shown_twice = differs and any(count > 1 for count in Counter(MARK.findall(differs.split(" in the")[0])).values())
    figures.found("twice" if shown_twice else "missing", f"{chat}: {differs}", bool(differs))


async def hold_against_list(client: Client, tab: Page, figures: Figures) -> None:
    """The newest chats stand there as the server lists them, but for those in which nothing was said."""

    async def difference() -> str:
        sessions = (await client.get("/api/sessions", limit=ROWS))["sessions"]
        said = [session for session in sessions if session["message_count"] or session["title"]]
        expected = [
            [session["session_id"], session["title"] or "New chat", session["last_message_preview"] or "Empty"]
            for session in said
        ]
        shown = (await tab.evaluate(LISTED))[: len(expected)]
        return "" if shown == expected else f"{shown} in the place of {expected}"

    differs = await remaining(difference)  # the account's log tells a moment later
    figures.done["lists"] += 1
    figures.found("missing", f"the list has {differs}", bool(differs))


async def remaining(difference: Callable[[], Awaitable[str]], within_s: float = 10) -> str:
    """What differs still after that time; nothing as soon as nothing does."""
    deadline = time.monotonic() + within_s
    while (differs := await difference()) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return differs


def marks_of_message(message: Frame) -> list[str]:
    return MARK.findall(message.get("content", "")) if message["role"] == "user" else []
