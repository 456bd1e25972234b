"""Today's client, desktop and browser, on `/api/v1`: its flows, and the shapes that it reads."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from tests.desktop.adapters import Refused
from tests.desktop.dialects import TODAY, Frame
from tests.desktop.flows import MCP, Flows, answer, eventually, reloaded, texts, words
from tests.desktop.person import Person, Window
from tests.desktop.walks import DesktopSite
from tests.harness.client import Client, socket

MESSAGE = {
    "id", "role", "content", "created_at", "tool_call_id", "tool_name", "tool_arguments", "tool_result", "tool_success",
    "status", "partial", "metadata",
}  # fmt: skip
SESSION = {
    "id", "session_id", "title", "model", "reasoning_effort", "mcp_config", "pinned", "is_named", "message_count",
    "total_tokens", "created_at", "last_used_at", "tokens", "max_tokens", "trigger_tokens", "project_id",
    "project_name",
}  # fmt: skip
OTHER_WORDS = {"stream_start", "delta", "stream_end", "tool_call", "tool_call_arguments_delta"}
TOOL = 'tool current_time {"timezone": "UTC"}'


async def frames_of(window: Window, session_id: str, *texts: str) -> list[Frame]:
    """All that a plain socket is sent for a message, up to the end of its answer."""
    async with socket(window.url, session_id, f"?token={window.adapter.store.access}") as chat:
        await chat.expect("assistant_end", finish_reason="idle")  # nothing runs, which is told at once
        before = len(chat.frames)
        await chat.say(*texts)
        await chat.expect("assistant_end")
        return chat.frames[before:]


def one(frames: list[Frame], type: str) -> Frame:
    return next(frame for frame in frames if frame["type"] == type)


class TestBrowser(Flows):
    dialect = TODAY
    kind = "browser"

    async def test_what_comes_after_the_network_was_away_is_shown_once(self, window: Window, session: str) -> None:
        """The client forgets the socket that comes back by itself, and opens another one for the next text."""
        await answer(window, "say 2 words")
        window.adapter.drop()
        await eventually(lambda: session not in window.adapter.wires, "its socket is forgotten")
        await eventually(lambda: window.adapter.listens(session), "and comes back")
        assert (await answer(window, "say 3 words")).text == "word1 word2 word3"
        await eventually(lambda: len(window.adapter.all_wires()) == 1, "one socket is left")
        assert texts(window, "assistant") == ["word1 word2", "word1 word2 word3"]

    async def test_of_two_windows_the_one_that_says_something_is_answered(
        self, person: Person, window: Window, session: str
    ) -> None:
        """Both have lost their sockets; where nothing was lost, both are told (tests/chat_app/delivery)."""
        other = await person.open_window()
        await other.renderer.switch(session)
        for one in (window, other):
            one.adapter.drop()
        both = {window, other}
        quiet = await eventually(lambda: next((w for w in both if w.adapter.gave_up(session)), None), "one gives way")
        for number in (2, 3, 4):
            assert (await answer(quiet, f"say {number} words")).text == words(number)
            (quiet,) = both - {quiet}
            await eventually(partial(quiet.adapter.gave_up, session), "the other one gives way")

    async def test_nothing_asks_for_a_session_that_is_deleted(self, window: Window, session: str) -> None:
        """Whose socket the client leaves open."""
        await window.adapter.request("DELETE", f"/sessions/{session}")
        await eventually(lambda: window.adapter.gave_up(session), "its socket is closed for good")


class TestDesktop(Flows):
    dialect = TODAY

    # -- signing in

    async def test_the_tokens_say_how_long_they_live(self, window: Window) -> None:
        for body in (
            await window.adapter.request("POST", "/auth/refresh", {"refresh_token": window.adapter.store.refresh}),
            await window.adapter.request("POST", "/auth/register", {**stranger(), "invite_code": ""}),
        ):
            assert body["token_type"] == "bearer" and isinstance(body["expires_in"], int)
            assert body["user"].keys() >= {"id", "email", "display_name"}

    async def test_a_taken_address_is_told_in_the_words_that_the_client_knows(self, window: Window) -> None:
        body = stranger()
        answer = await window.adapter.fetch("POST", "/auth/register", json=body)
        assert answer.status_code == 201
        with pytest.raises(Refused) as refused:
            await window.adapter.request("POST", "/auth/register", body)
        assert refused.value.status == 409 and "already registered" in refused.value.message

    async def test_a_refresh_token_that_is_none_is_refused(self, window: Window) -> None:
        with pytest.raises(Refused) as refused:
            await window.adapter.request("POST", "/auth/refresh", {"refresh_token": "none"})
        assert refused.value.status == 401 and refused.value.message

    # -- what it reads

    async def test_the_choices_of_the_server(self, window: Window) -> None:
        config = await window.adapter.request("GET", "/config")
        assert all(model.keys() >= {"value", "isDefault", "supportsReasoning"} for model in config["models"])
        assert [model["isDefault"] for model in config["models"]].count(True) == 1
        assert all(level.keys() >= {"value", "label", "isDefault"} for level in config["reasoning_levels"])
        assert all(server.keys() >= {"id", "name", "description", "enabled"} for server in config["mcp_servers"])
        assert config["max_file_size"] > 0 and config["version"]

    async def test_a_session_has_all_its_fields(self, window: Window, session: str) -> None:
        made = await window.adapter.fetch("POST", "/sessions", json={"title": "New", "mcp_config": MCP})
        assert made.status_code == 201
        assert made.json().keys() >= SESSION
        assert (made.json()["mcp_config"], made.json()["project_id"], made.json()["project_name"]) == (MCP, None, None)
        listed = await window.adapter.request("GET", "/sessions", offset=0, limit=2)
        assert listed["pagination"] == {
            "total_count": listed["total_count"], "offset": 0, "limit": 2, "has_more": listed["has_more"],
        }  # fmt: skip
        assert all(entry.keys() >= SESSION for entry in listed["sessions"])

    async def test_a_message_has_all_its_fields(self, window: Window, session: str) -> None:
        await answer(window, f"{TOOL}; say 3 words")
        loaded = await window.adapter.request("GET", f"/sessions/{session}")
        assert (loaded["has_more"], loaded["loaded_count"], loaded["message_count"]) == (False, 3, 3)
        assert all(row.keys() >= MESSAGE for row in loaded["messages"])
        assert [row["role"] for row in loaded["messages"]] == ["user", "tool_call", "assistant"]
        assert {row["status"] for row in loaded["messages"]} == {"completed"}
        page = await window.adapter.request("GET", f"/sessions/{session}/messages", offset=1, limit=1)
        assert page["messages"] == loaded["messages"][1:2]
        assert page["pagination"] == {"total_count": 3, "offset": 1, "limit": 1, "has_more": True}

    async def test_what_was_stopped_is_marked(self, window: Window, session: str) -> None:
        await window.renderer.say("say 900 words; pace 100")
        await eventually(lambda: window.renderer.answer is not None and window.renderer.answer.text, "some words")
        await window.renderer.stop()
        await eventually(lambda: not window.renderer.stream(session).streaming, "the end")
        row = (await window.adapter.request("GET", f"/sessions/{session}"))["messages"][-1]
        assert (row["status"], row["partial"]) == ("interrupted", True)

    async def test_a_session_that_is_deleted_is_named(self, window: Window, session: str) -> None:
        gone = await window.adapter.request("DELETE", f"/sessions/{session}")
        assert (gone["success"], gone["session_id"]) == (True, session) and isinstance(gone["message"], str)

    async def test_files_have_the_shapes_of_today(self, window: Window, session: str) -> None:
        files = f"/sessions/{session}/files"
        entry = await self.upload(window, session, "notes.md", b"one\ntwo\n")
        assert (entry["path"], entry["extension"]) == ("input/notes.md", None)
        listed = await window.adapter.request("GET", files)
        assert (listed["folder"], listed["count"]) == ("input", 1)
        assert listed["files"][0].keys() >= {"name", "type", "size", "modified", "file_count", "extension"}
        signed = await window.adapter.request("GET", f"{files}/notes.md/presign-download", folder="input")
        assert isinstance(signed["expires_in"], int)
        got = await window.adapter._http.get(signed["download_url"])  # by its address alone
        assert (got.status_code, got.content) == (200, b"one\ntwo\n")
        await self.upload(window, session, "data.json", b'{"a": 1}')
        got = await window.adapter.fetch("GET", f"{files}/data.json/download", params={"folder": "input"})
        assert "application/json" not in got.headers["Content-Type"]  # which the browser's client takes for an answer
        gone = await window.adapter.request("DELETE", f"{files}/notes.md", folder="input")
        assert (gone["success"], gone["filename"]) == (True, "notes.md") and isinstance(gone["message"], str)

    async def test_a_summary_says_what_it_did(self, window: Window, session: str) -> None:
        for text in ("echo bread", "echo more bread"):
            await answer(window, text)
        told = await window.adapter.request("POST", f"/sessions/{session}/summarize")
        assert told.keys() >= {"success", "message", "summary", "tokens_before", "tokens_after", "tool_call_id"}

    # -- frames

    async def test_an_answer_is_told_in_the_words_of_today(self, window: Window, session: str) -> None:
        frames = await frames_of(window, session, f"{TOOL}; say 3 words")
        types = [frame["type"] for frame in frames]
        assert not OTHER_WORDS.intersection(types), types
        assert types[-1] == "assistant_end" and types.count("assistant_start") == 1
        assert (
            "".join(frame["content"] for frame in frames if frame["type"] == "assistant_delta") == "word1 word2 word3"
        )
        assert one(frames, "assistant_start")["session_id"] == session
        assert one(frames, "assistant_end")["finish_reason"] == "stop"

    async def test_a_tool_call_is_told_in_the_words_of_today(self, window: Window, session: str) -> None:
        frames = await frames_of(window, session, f"{TOOL}; say 3 words")
        calls = [frame for frame in frames if frame["type"].startswith("function_")]
        assert {frame["tool_call_id"] for frame in calls} == {calls[0]["tool_call_id"]}
        detected, done = one(calls, "function_detected"), one(calls, "function_completed")
        assert (detected["tool_name"], done["tool_name"]) == ("current_time", "current_time")
        for frame in calls:
            if frame["type"] == "function_executing":
                assert isinstance(frame["tool_arguments"], str)
        assert isinstance(done["tool_result"], str) and "UTC" in done["tool_result"]
        assert done["tool_success"] is True

    async def test_the_tokens_and_the_title_are_told(self, window: Window, session: str) -> None:
        frames = await frames_of(window, session, "echo Plan a week of dinners for four people")
        usage = one(frames, "token_usage")
        assert usage.keys() >= {"session_id", "current", "limit", "threshold"}
        loaded = await window.adapter.request("GET", f"/sessions/{session}")
        assert "dinners" in loaded["session"]["title"]

    async def test_several_texts_are_answered_once(self, window: Window, session: str) -> None:
        frames = await frames_of(window, session, "echo first", "echo second")
        assert "".join(frame["content"] for frame in frames if frame["type"] == "assistant_delta") == "second"
        loaded = await window.adapter.request("GET", f"/sessions/{session}")
        assert [row["role"] for row in loaded["messages"]] == ["user", "user", "assistant"]

    async def test_a_socket_that_knows_numbers_has_the_protocol(
        self, desktop: DesktopSite, window: Window, session: str
    ) -> None:
        client = Client(desktop.url)
        async with client.chat(session, after=0) as chat:
            frames = await chat.ask("say 3 words")
        await client.close()
        types = [frame["type"] for frame in frames]
        assert "stream_start" in types and types[-1] == "stream_end"
        assert not any(type.startswith(("assistant_", "function_")) for type in types)

    # -- projects

    async def test_sessions_are_kept_in_projects(self, window: Window) -> None:
        made = await window.adapter.fetch("POST", "/projects", json={"name": "Bread", "description": "All of it"})
        assert made.status_code == 201
        project = made.json()
        assert project.keys() >= {"id", "name", "description", "session_count", "created_at", "updated_at"}
        assert (project["name"], project["description"], project["session_count"]) == ("Bread", "All of it", 0)
        session = await window.renderer.create("Rye", project_id=project["id"])
        settings = window.renderer.settings
        assert (settings["project_id"], settings["project_name"]) == (project["id"], "Bread")
        await reloaded(window, session)
        assert window.renderer.settings["project_name"] == "Bread"
        path = f"/projects/{project['id']}"
        assert (await window.adapter.request("GET", path))["session_count"] == 1
        changed = await window.adapter.request("PATCH", path, {"name": "Pastry"})
        assert (changed["name"], changed["description"]) == ("Pastry", "All of it")
        listed = await window.adapter.request("GET", "/projects", offset=0, limit=20)
        assert changed["id"] in [entry["id"] for entry in listed["projects"]]
        assert listed["pagination"].keys() >= {"total_count", "offset", "limit", "has_more"}
        assert (await window.adapter.request("DELETE", path))["success"] is True
        loaded = await window.adapter.request("GET", f"/sessions/{session}")
        assert (loaded["session"]["project_id"], loaded["session"]["project_name"]) == (None, None)
        with pytest.raises(Refused) as refused:
            await window.adapter.request("GET", path)
        assert refused.value.status == 404


def stranger() -> Frame:
    return {"email": f"{uuid4().hex[:12]}@example.org", "password": "correct horse battery", "display_name": "Bob"}
