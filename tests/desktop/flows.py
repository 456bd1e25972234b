"""What people do with the client, from signing in to deleting a session, as its screen shows it: both generations'.

The site's access tokens live for seconds: whatever takes longer here has renewed them on the way.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from tests.desktop.adapters import Refused
from tests.desktop.dialects import Dialect, Frame
from tests.desktop.person import Person, Setting, Window
from tests.desktop.renderer import Row
from tests.desktop.timers import Times
from tests.desktop.tokens import expiry_of
from tests.desktop.walks import NETWORK_SCALE, TOKEN_LIFE_S, DesktopSite
from tests.desktop.wire import State
from tests.faults.figures import Figures
from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import EMAIL

Found = TypeVar("Found")
TIMEOUT_S = 15
MCP = ["sequential", "fetch", "tavily"]


async def eventually(look: Callable[[], Found | None], what: str) -> Found:
    """What `look` finds, as soon as that is something."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


def texts(window: Window, role: str) -> list[str]:
    return [row.text for row in window.renderer.rows if row.role == role]


async def answer(window: Window, text: str) -> Row:
    """Says it, and waits for the end of the answer."""
    before = len(window.renderer.said_live)
    await window.renderer.say(text)
    return await eventually(
        lambda: next((row for row in window.renderer.said_live[before:] if row.ended), None), f"an end of {text!r}"
    )


async def shown(window: Window, text: str) -> None:
    """By the model, not by who asks it to."""
    await eventually(lambda: any(text in said for said in texts(window, "assistant")), f"{text!r} is shown")


async def reloaded(window: Window, session_id: str) -> None:
    """The session is left for a new one, and shown again from its history."""
    await window.renderer.create("Elsewhere")
    await window.renderer.switch(session_id)


class Flows:
    dialect: Dialect
    kind = "electron"

    @pytest.fixture
    async def person(self, desktop: DesktopSite, provider: Provider) -> AsyncIterator[Person]:
        times = Times().scaled(NETWORK_SCALE, TOKEN_LIFE_S / 900)
        setting = Setting(self.dialect, times, Figures("flows"), TOKEN_LIFE_S)
        person = Person(0, self.kind, desktop.servers[0], random.Random(1), setting)
        yield person
        await person.close()
        assert setting.figures.kept, setting.figures.problems

    @pytest.fixture
    async def window(self, person: Person) -> Window:
        window = await person.open_window()
        assert window.renderer.signed_in
        return window

    @pytest.fixture
    async def session(self, window: Window) -> str:
        """Made, and shown, with its socket open."""
        session_id = await window.renderer.create("Something to talk about", model="gpt-5.2")
        await eventually(lambda: window.adapter.wires[session_id].state is State.OPEN, "the socket is open")
        return session_id

    # -- signing in

    async def test_people_sign_in_and_see_their_sessions(self, window: Window) -> None:
        listed = await window.adapter.request("GET", "/sessions", offset=0, limit=50)
        assert isinstance(listed["sessions"], list)
        assert isinstance(listed["total_count"], int) and isinstance(listed["has_more"], bool)

    async def test_who_signs_in_is_told_who_they_are(self, window: Window, provider: Provider) -> None:
        body = {"email": EMAIL, "password": "correct horse battery"}
        tokens = await window.adapter.request("POST", "/auth/login", body)
        assert tokens["user"].keys() >= {"id", "email", "display_name"}
        assert (tokens["user"]["email"], tokens["token_type"]) == (EMAIL, "bearer")

    async def test_a_wrong_password_is_told_in_the_words_that_the_client_knows(self, window: Window) -> None:
        with pytest.raises(Refused) as refused:
            await window.renderer.sign_in(EMAIL, "not the password")
        assert (refused.value.status, refused.value.message) == (401, "Invalid credentials")

    async def test_tokens_are_renewed_before_they_end(self, window: Window, session: str) -> None:
        """And the open socket does not end with the token that opened it."""
        opened = window.adapter.wires[session]
        ends_at = opened.expires_at
        await eventually(lambda: time.time() > ends_at, "the token that opened it has ended")
        await eventually(lambda: expiry_of(window.adapter.store.access) > ends_at, "there is another one")
        assert (await answer(window, "say 3 words")).text == "word1 word2 word3"
        assert window.adapter.wires[session] is opened

    @pytest.mark.slow(reason="tokens have to end three times")
    async def test_a_client_that_slept_goes_on(self, person: Person, window: Window, session: str) -> None:
        """Both of its parts renew the tokens when it wakes, and tell each other nothing."""
        for _ in range(2):
            window.clock.sleep()
            window.adapter.drop()
            await asyncio.sleep(TOKEN_LIFE_S + 1)
            window.clock.wake()
            await reloaded(window, session)
        await asyncio.sleep(TOKEN_LIFE_S)
        assert window.renderer.signed_in
        assert (await answer(window, "say 3 words")).text == "word1 word2 word3"

    # -- talking

    async def test_a_session_is_made_from_the_welcome_page(self, window: Window, person: Person) -> None:
        text = "echo Plan a week of dinners for four people"
        session_id = await window.renderer.create(text, model="gpt-5.2", reasoning_effort="medium")
        made = window.renderer.settings
        assert (made["title"], made["mcp_config"]) == (text[:30] + "...", MCP)
        assert (made["model"], made["reasoning_effort"]) == ("gpt-5.2", "medium")
        row = await answer(window, text)
        assert (row.text, row.ended) == ("Plan a week of dinners for four people", "stop")
        await reloaded(window, session_id)
        assert window.renderer.settings["mcp_config"] == MCP
        assert [(row.role, row.text) for row in window.renderer.rows] == [("user", text), ("assistant", row.text)]

    async def test_tool_cards_have_their_results(self, window: Window, session: str) -> None:
        await self.upload(window, session, "notes.md", b"one\ntwo\n")
        calls = (
            ("list_directory", {"path": "sources"}),
            ("read_file", {"file_path": "sources/notes.md"}),
            ("read_file", {"file_path": "sources/nothing.md"}),
        )
        script = "; ".join(f"tool {name} {json.dumps(arguments)}" for name, arguments in calls)
        await answer(window, f"{script}; say 2 words")
        cards = [row for row in window.renderer.rows if row.role == "tool_call"]
        assert [card.ended.split() for card in cards] == [["completed"]] * 3
        results = [json.loads(card.text) for card in cards]
        assert [result["success"] for result in results] == [True, True, False]
        assert results[0]["items"][0]["name"] == "notes.md" and results[0]["count"] == 1
        assert results[1]["size"] == 8
        await reloaded(window, session)
        stored = [row for row in window.renderer.rows if row.role == "tool_call"]
        assert [(row.call_id, row.stored) for row in stored] == [(card.call_id, True) for card in cards]

    async def test_an_answer_is_stopped(self, window: Window, session: str) -> None:
        await window.renderer.say("say 900 words; pace 100")
        await shown(window, "word5")
        await window.renderer.stop()
        row = await eventually(lambda: next((r for r in window.renderer.said_live if r.ended), None), "an end")
        assert window.renderer.toasts == ["Response interrupted"]
        assert not window.renderer.stream(session).streaming
        assert (await answer(window, "say 3 words")).text == "word1 word2 word3"
        await reloaded(window, session)
        assert texts(window, "assistant") == [row.text, "word1 word2 word3"]

    async def test_what_is_said_meanwhile_is_answered_together(
        self, window: Window, session: str, provider: Provider
    ) -> None:
        await window.renderer.say(f"echo one two three; gate {session} after 2")
        await shown(window, "one two")
        for text in ("echo second", "echo third"):
            await window.renderer.say(text)
        assert texts(window, "user")[1:] == []
        provider.open_gate(session)
        await shown(window, "third")
        await eventually(lambda: not window.renderer.stream(session).streaming, "the end")
        assert texts(window, "user")[1:] == ["echo second", "echo third"]
        assert texts(window, "assistant") == ["one two three", "third"]
        assert window.renderer.queue == []

    async def test_another_session_is_used_while_one_answers(
        self, window: Window, session: str, provider: Provider
    ) -> None:
        """And who comes back in mid-answer sees all of it, once."""
        await window.renderer.say(f"echo here w1z {words(30)}; gate {session} after 10")
        await shown(window, "word7")
        other = await window.renderer.create("Another one")
        assert (await answer(window, "say 3 words")).text == "word1 word2 word3"
        await window.renderer.switch(session)
        assert [len(texts(window, role)) for role in ("user", "assistant")] == [1, 1]
        assert window.renderer.stream(session).streaming
        provider.open_gate(session)
        await eventually(lambda: not window.renderer.stream(session).streaming, "the end")
        whole = f"here w1z {words(30)}"
        assert texts(window, "assistant") == [whole]
        await window.renderer.switch(other)
        await window.renderer.switch(session)
        assert texts(window, "assistant") == [whole]

    async def test_an_answer_that_ended_meanwhile_is_there(
        self, window: Window, session: str, provider: Provider
    ) -> None:
        await window.renderer.say(f"echo {words(30)}; gate {session} after 10")
        await shown(window, "word7")
        await window.renderer.create("Another one")
        provider.open_gate(session)
        await eventually(lambda: not window.renderer.stream(session).streaming, "the end")
        await window.renderer.switch(session)
        assert texts(window, "assistant") == [words(30)]

    async def test_a_client_is_launched_again_in_mid_answer(
        self, person: Person, window: Window, session: str, provider: Provider
    ) -> None:
        tool = 'tool current_time {"timezone": "UTC"}; '
        await window.renderer.say(f"{tool}echo {words(30)}; gate {session} after 10")
        await shown(window, "word7")
        again = await person.relaunch(window)
        await again.renderer.switch(session)
        await shown(again, "word7")
        assert again.renderer.stream(session).streaming
        provider.open_gate(session)
        await eventually(lambda: not again.renderer.stream(session).streaming, "the end")
        assert sorted(row.role for row in again.renderer.rows) == ["assistant", "tool_call", "user"]
        assert texts(again, "assistant") == [words(30)]

    async def test_an_answer_that_ended_while_the_network_was_away_locks_nobody(
        self, desktop: DesktopSite, window: Window, session: str, provider: Provider
    ) -> None:
        await window.renderer.say(f"echo {words(30)}; gate {session} after 10")
        await shown(window, "word7")
        window.clock.sleep()
        window.adapter.drop()
        provider.open_gate(session)
        client = Client(desktop.url)
        while (await client.get(f"{self.dialect.prefix}/sessions/{session}"))["run"]:
            await asyncio.sleep(0.05)
        await client.close()
        await window.renderer.say("echo said meanwhile")
        assert len(window.renderer.queue) == 1
        window.clock.wake()
        await shown(window, "said meanwhile")
        await eventually(lambda: not window.renderer.stream(session).streaming, "the end")
        assert window.renderer.queue == []

    async def test_a_model_that_fails_is_told_and_leaves_nobody_waiting(self, window: Window, session: str) -> None:
        row = await answer(window, "echo one two three four; error after 2")
        assert row.ended == "error"
        assert len(window.renderer.errors) == 1 and window.renderer.errors[0]
        assert (await answer(window, "say 3 words")).text == "word1 word2 word3"

    # -- what is told beside the answer

    async def test_a_session_gets_a_title_of_its_own(self, window: Window, session: str) -> None:
        await answer(window, "echo Plan a week of dinners for four people")
        title = await eventually(lambda: window.renderer.titles.get(session, ""), "a title")
        assert "dinners" in title
        await reloaded(window, session)
        assert window.renderer.settings["title"] == title

    async def test_the_tokens_of_the_context_are_shown(self, window: Window, session: str) -> None:
        await answer(window, "say 30 words")
        told = await eventually(lambda: window.renderer.tokens_used, "tokens")
        assert told["current"] > 0
        assert told["limit"] > told["threshold"] > told["current"]
        await reloaded(window, session)
        loaded = window.renderer.settings
        assert (loaded["tokens"], loaded["max_tokens"]) == (told["current"], told["limit"])
        assert loaded["trigger_tokens"] == told["threshold"]

    async def test_a_conversation_is_summarized(self, window: Window, session: str) -> None:
        await answer(window, "echo bread")
        refused = await window.adapter.request("POST", f"/sessions/{session}/summarize")
        assert (refused["success"], refused["error"]) == (False, "There is too little to summarize.")
        await answer(window, "echo more bread")
        summarized = await window.adapter.request("POST", f"/sessions/{session}/summarize")
        assert summarized["new_token_count"] == summarized["tokens_after"] and "error" not in summarized
        assert summarized["success"] is True and summarized["summary"]
        assert isinstance(summarized["tokens_before"], int) and isinstance(summarized["tokens_after"], int)
        await reloaded(window, session)
        assert window.renderer.rows[-1].call_id == summarized["tool_call_id"]

    # -- sessions and files

    async def test_a_session_is_renamed_and_pinned(self, window: Window, session: str) -> None:
        for change in ({"title": "Roma"}, {"pinned": True}):
            assert (await window.adapter.request("PATCH", f"/sessions/{session}", change))["session_id"] == session
        await window.renderer.create("A newer one")
        listed = (await window.adapter.request("GET", "/sessions", offset=0, limit=50))["sessions"]
        mine = next(entry for entry in listed if entry["session_id"] == session)
        assert (mine["title"], mine["pinned"]) == ("Roma", True)
        assert mine.keys() >= {"created_at", "message_count"}
        await window.adapter.request("PATCH", f"/sessions/{session}", {"pinned": False})

    async def test_the_servers_of_a_session_are_chosen(self, window: Window, session: str) -> None:
        path = f"/sessions/{session}"
        changed = await window.adapter.request("PATCH", path, {"mcp_config": ["fetch", "tavily"]})
        assert changed["session_id"] == session
        await reloaded(window, session)
        assert window.renderer.settings["mcp_config"] == ["fetch", "tavily"]

    async def test_a_session_is_deleted(self, window: Window, session: str) -> None:
        await answer(window, "say 3 words")
        assert (await window.adapter.request("DELETE", f"/sessions/{session}"))["success"] is True
        listed = await window.adapter.request("GET", "/sessions", offset=0, limit=50)
        assert session not in [entry["session_id"] for entry in listed["sessions"]]
        with pytest.raises(Refused) as refused:
            await window.adapter.request("GET", f"/sessions/{session}")
        assert refused.value.status == 404

    async def test_a_long_history_is_loaded_from_its_beginning(
        self, desktop: DesktopSite, window: Window, session: str
    ) -> None:
        client = Client(desktop.url)
        for number in range(1, 161):
            body = {"role": "user" if number % 2 else "assistant", "content": f"m{number}"}
            await client.post(f"/api/sessions/{session}/messages", body, status=201)
        await client.close()
        await reloaded(window, session)
        assert [row.text for row in window.renderer.rows] == [f"m{number}" for number in range(1, 161)]

    async def test_files_are_uploaded_listed_downloaded_and_deleted(self, window: Window, session: str) -> None:
        content = bytes(range(256)) * 40
        entry = await self.upload(window, session, "Größe 1.bin", content)
        assert (entry["name"], entry["type"], entry["size"]) == ("Größe 1.bin", "file", len(content))
        files, folder = f"/sessions/{session}/files", self.dialect.folder
        (listed,) = (await window.adapter.request("GET", files, folder=folder))["files"]
        assert (listed["name"], listed["type"], listed["size"]) == ("Größe 1.bin", "file", len(content))
        path = f"{files}/Größe 1.bin"
        got = await window.adapter.fetch("GET", f"{path}/download", params={"folder": folder})
        assert got.content == content
        assert (await window.adapter.request("DELETE", path, folder=folder))["success"] is True
        assert (await window.adapter.request("GET", files, folder=folder))["files"] == []
        assert (await window.adapter.request("GET", files, folder="output"))["files"] == []

    async def upload(self, window: Window, session: str, name: str, content: bytes) -> Frame:
        path, folder = f"/sessions/{session}/files/upload", self.dialect.folder
        got = await window.adapter.fetch("POST", path, params={"folder": folder}, files={"file": (name, content)})
        entry: dict[str, Any] = got.json()
        return entry


def words(count: int) -> str:
    return " ".join(f"word{number}" for number in range(1, count + 1))
