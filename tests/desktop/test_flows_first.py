"""The first generation of the desktop client, on `/api`."""

import httpx
import pytest

from tests.desktop.adapters import Refused
from tests.desktop.dialects import FIRST
from tests.desktop.flows import Flows, answer, reloaded
from tests.desktop.person import Window
from tests.desktop.walks import DesktopSite


class TestFirst(Flows):
    dialect = FIRST

    async def test_a_session_is_cleared(self, window: Window, session: str) -> None:
        await answer(window, "say 3 words")
        assert (await window.adapter.request("POST", f"/sessions/{session}/clear"))["success"] is True
        await reloaded(window, session)
        assert window.renderer.rows == []
        assert (await answer(window, "say 2 words")).text == "word1 word2"

    async def test_what_the_client_reads_of_a_session(self, window: Window, session: str) -> None:
        await answer(window, 'tool current_time {"timezone": "UTC"}; say 3 words')
        loaded = await window.adapter.request("GET", f"/sessions/{session}")
        assert loaded["full_history"] == loaded["messages"]
        assert (loaded["has_more"], loaded["loaded_count"], loaded["message_count"]) == (False, 3, 3)
        user, call, assistant = loaded["full_history"]
        for row in (user, call, assistant):
            assert row.keys() >= {"id", "role", "content", "created_at"}
        assert [row["role"] for row in (user, call, assistant)] == ["user", "tool_call", "assistant"]
        for name in ("name", "arguments", "result", "success"):
            assert call[name] == call[f"tool_{name}"]
        assert call["call_id"] == call["tool_call_id"]

    async def test_the_health_and_the_choices_of_the_server(self, window: Window) -> None:
        health = await window.adapter.request("GET", "/health")
        assert health["status"] == "healthy" and health.keys() >= {"database", "version"}
        config = await window.adapter.request("GET", "/config")
        assert config["models"][0].keys() >= {"id", "name", "provider", "context_window", "supports_reasoning"}
        assert config["max_file_size"] > 0 and config["reasoning_efforts"]

    async def test_a_file_that_is_not_there_is_not_found(self, window: Window, session: str) -> None:
        for path in (f"/sessions/{session}/files/none.txt/download", "/sessions/chat_0123456789abcdef"):
            with pytest.raises(Refused) as refused:
                await window.adapter.request("GET", path)
            assert refused.value.status == 404 and refused.value.message


async def test_the_owner_of_the_machine_needs_no_sign_in(desktop: DesktopSite) -> None:
    """On the machine itself, the first generation works without any token."""
    async with httpx.AsyncClient(base_url=desktop.url, trust_env=False) as client:
        made = await client.post("/api/sessions", json={"title": "Here", "mcp_config": ["sequential", "tavily"]})
        assert made.status_code == 201
        loaded = await client.get(f"/api/sessions/{made.json()['session_id']}")
        assert (loaded.status_code, loaded.json()["full_history"]) == (200, [])
