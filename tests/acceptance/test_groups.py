"""What groups let their members use, at a running server: models, MCP servers, fallbacks and tokens."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Client, text_of
from tests.harness.provider import Provider, Script
from tests.harness.provider.server import RecordedRequest
from tests.harness.server import ROOT
from tests.harness.sites import TIMES, Sites

pytestmark = pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")


def ours(module: str) -> dict[str, Any]:
    args = ["-m", f"chat_app.agent.mcp_servers.{module}"]
    return {"transport": "stdio", "command": sys.executable, "args": args, "cwd": str(ROOT)}


ENVIRONMENT = {
    **TIMES,
    "DEFAULT_MODEL": "gpt-4.1",
    "MCP_SERVERS": json.dumps({"sequential-thinking": ours("sequential_thinking"), "fetch": ours("fetch")}),
    "MODEL_FALLBACKS": json.dumps({"gpt-5-mini": ["gpt-4.1", "gpt-5-nano"]}),
    "MODEL_PATIENCE_S": "0.2",
}


@pytest.fixture
async def admin(sites: Sites, provider: Provider) -> AsyncIterator[Client]:
    client = await Client(sites.get(ENVIRONMENT, processes=1).url).login()
    yield client
    for group in (await client.get("/api/groups"))["groups"]:
        await client.http.delete(f"/api/groups/{group['id']}")
    await client.close()


@pytest.fixture
async def person(admin: Client) -> AsyncIterator[Client]:
    client = await somebody(admin)
    yield client
    await client.close()


async def somebody(admin: Client) -> Client:
    return await Client(admin.url).register(f"person-{uuid4().hex[:8]}@example.org")


async def group(admin: Client, *members: Client, **rules: Any) -> int:
    made = await admin.post("/api/groups", {"name": f"group-{uuid4().hex[:8]}", **rules}, status=201)
    for member in members:
        email = (await member.get("/api/auth/me"))["email"]
        await admin.post(f"/api/groups/{made['id']}/members", {"email": email}, status=201)
    return int(made["id"])


async def models_of(client: Client, path: str = "/api/config") -> list[str]:
    return [model["id"] for model in (await client.get(path))["models"]]


async def test_people_are_shown_what_they_may_use(admin: Client, person: Client) -> None:
    all_models = await models_of(person)
    await group(admin, person, models=["gpt-5-mini", "gpt-5-nano", "no-*"], mcp_servers=["sequential"])
    config = await person.get("/api/config")
    assert [model["id"] for model in config["models"]] == ["gpt-5-mini", "gpt-5-nano"]
    assert [model["id"] for model in config["models"] if model["isDefault"]] == ["gpt-5-mini"]
    assert config["mcp_servers"] == ["sequential-thinking"]
    today = await person.get("/api/v1/config")
    assert ([server["id"] for server in today["mcp_servers"]], len(today["models"])) == (
        ["sequential-thinking"],
        2,
    )
    stranger = Client(person.url)
    outdated = Client(person.url, "not.a.token")
    assert await models_of(admin) == await models_of(stranger) == await models_of(outdated) == all_models
    await stranger.close()
    await outdated.close()
    # Of several groups all lists count, and one without a list says nothing.
    await group(admin, person, models=["gpt-4.*"])
    await group(admin, person, daily_tokens=10**9)
    assert await models_of(person) == ["gpt-4.1", "gpt-5-mini", "gpt-5-nano"]


async def test_what_somebody_may_not_use_is_refused_with_what_they_may(admin: Client, person: Client) -> None:
    of_before = await person.create_session(model="gpt-4.1")
    agent = await person.post("/api/agents", {"name": "mine"}, status=201)
    await group(admin, person, models=["gpt-5-mini", "gpt-5-nano"])
    http = person.http
    answers = {
        "session": await http.post("/api/sessions", json={"model": "gpt-4.1"}),
        "change": await http.patch(f"/api/sessions/{of_before}", json={"model": "gpt-4o"}),
        "of MAI": await http.post("/api/v1/sessions", json={"model_id": "gpt-4.1"}),
        "agent": await http.post("/api/agents", json={"name": "other", "model": "gpt-4.1"}),
        "change of an agent": await http.patch(f"/api/agents/{agent['id']}", json={"model": "gpt-4.1"}),
        "continue": await http.post(f"/api/sessions/{of_before}/continue", json={"model": "gpt-4.1"}),
        "chat": await http.post(
            "/api/chat",
            json={"session_id": of_before, "messages": [{"role": "user", "content": "hi"}], "model": "gpt-4.1"},
        ),
    }
    for what, answer in answers.items():
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_allowed"), what
        assert "gpt-5-mini" in answer.json()["message"], what
    fresh = await person.create_session()
    assert (await person.detail(fresh))["session"]["model"] == "gpt-5-mini", "the server's default is not theirs to use"
    async with person.chat(fresh) as chat:
        await chat.say("say 2 words", model="gpt-4.1")
        assert "gpt-5-nano" in (await chat.expect("error", code="model_not_allowed"))["message"]
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"


async def test_a_run_whose_model_is_allowed_no_more_says_so_and_asks_nobody(
    admin: Client, person: Client, provider: Provider
) -> None:
    session = await person.create_session(model="gpt-4.1")
    number = await group(admin, person, models=[])
    async with person.chat(session) as chat:
        frames = await chat.ask("say 2 words")
        [error] = [frame for frame in frames if frame["type"] == "error"]
        assert (error["code"], error["retryable"]) == ("model_not_allowed", False)
        assert "there is none" in error["message"]
        assert provider.requests == []
        answer = await admin.http.patch(f"/api/groups/{number}", json={"models": ["gpt-4*"]})
        assert answer.status_code == 200
        assert text_of(await chat.ask("say 3 words")) == "word1 word2 word3"
        summary = await person.http.post(f"/api/sessions/{session}/summarize")
        assert summary.status_code == 200
        await admin.http.patch(f"/api/groups/{number}", json={"models": ["gpt-5"]})
        summary = await person.http.post(f"/api/sessions/{session}/summarize")
        assert summary.json()["error"]["code"] == "model_not_allowed"


async def test_fallbacks_keep_to_what_is_allowed(admin: Client, person: Client, provider: Provider) -> None:
    def down(request: RecordedRequest) -> Script | None:
        return Script(status=503) if request.body["model"] == "gpt-5-mini" else None

    provider.answers = down
    await group(admin, person, models=["gpt-5-*"])
    async with person.chat(await person.create_session(model="gpt-5-mini"), after=0) as chat:
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    assert {request.body["model"] for request in provider.requests} == {"gpt-5-mini", "gpt-5-nano"}


async def test_servers_that_are_not_allowed_are_passed_over(admin: Client, person: Client, provider: Provider) -> None:
    def tools() -> set[str]:
        return {tool["name"] for tool in provider.requests[-1].body["tools"]}

    session = await person.create_session(mcp_config=["fetch", "sequential"])
    async with person.chat(session) as chat:
        async with asyncio.timeout(30):
            while True:
                await chat.ask("say 1 words")
                if {"fetch", "sequentialthinking"} <= tools():
                    break
        await group(admin, person, mcp_servers=["sequential-thinking"])
        await chat.ask("say 1 words")
        assert "sequentialthinking" in tools()
        assert "fetch" not in tools()
    assert (await person.detail(session))["session"]["mcp_config"] == ["fetch", "sequential"], "kept as it was given"
    fresh = await person.create_session()
    assert (await person.detail(fresh))["session"]["mcp_config"] == ["sequential-thinking"]


async def test_a_budget_is_that_of_all_members_together(admin: Client, person: Client, provider: Provider) -> None:
    colleague, other = await somebody(admin), await somebody(admin)
    number = await group(admin, person, colleague, daily_tokens=6_000)
    call = 'tool current_time {"timezone": "UTC"}; '
    async with person.chat(await person.create_session()) as chat:
        await chat.say(call * 20 + "say 3 words")
        end = await chat.expect("stream_end")
        assert end["finish_reason"] == "budget"
        calls = [frame for frame in chat.log if frame["type"] == "tool_call" and frame["status"] == "completed"]
        assert 0 < len(calls) < 20, "it ended within the run"
    asked = len(provider.requests)
    async with colleague.chat(await colleague.create_session()) as chat:
        assert (await chat.ask("say 2 words"))[-1]["finish_reason"] == "budget", "they have nothing left either"
        assert len(provider.requests) == asked
        await admin.http.patch(f"/api/groups/{number}", json={"daily_tokens": 0})
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    async with other.chat(await other.create_session()) as chat:
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    await colleague.close()
    await other.close()
