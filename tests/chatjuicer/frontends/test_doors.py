"""One conversation, many doors: what comes in through one prefix is heard and read through all others."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness.client import Client, signed_in
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(TIMES)


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Client]:
    async with signed_in(site.url) as client:
        yield client


@pytest.fixture
async def elsewhere(site: Site, alice: Client) -> AsyncIterator[Client]:
    """Alice at another process, where there is one."""
    client = alice.at(site.servers[-1].url)
    yield client
    await client.close()


MAI, SPARROW = "/api/v1/sessions", "/api/v1/chat-sessions"


async def conversation(client: Client) -> str:
    """With one message through each door; the session's UUID."""
    session = await client.post(SPARROW, {"title": "Shared", "agent_type": "primary"}, status=201)
    key = str(session["id"])
    await client.post(f"{SPARROW}/{key}/messages", {"message_type": "agent", "content": "one"}, status=201)
    await client.post(f"{MAI}/{key}/messages", {"role": "user", "content": "two"}, status=201)
    await client.post(f"/api/sessions/{key}/messages", {"role": "system", "content": "three"}, status=201)
    return key


async def histories(client: Client, key: str) -> list[list[tuple[str, str]]]:
    native = (await client.get(f"/api/sessions/{key}"))["messages"]
    mai = (await client.get(f"{MAI}/{key}"))["messages"]
    sparrow = (await client.get(f"{SPARROW}/{key}"))["messages"]
    return [
        [(message["role"], message["content"]) for message in native],
        [(message["role"], message["content"]) for message in mai],
        [(message["message_type"].replace("agent", "assistant"), message["content"]) for message in sparrow],
    ]


async def test_a_message_is_in_the_history_of_every_door(alice: Client, elsewhere: Client) -> None:
    key = await conversation(alice)
    expected = [("assistant", "one"), ("user", "two"), ("system", "three")]
    assert await histories(elsewhere, key) == [expected] * 3
    (shown,) = (await elsewhere.get(MAI, search="Shared"))["sessions"]
    assert (shown["message_count"], shown["last_message_preview"]) == (3, "two")
    session_id = (await alice.get(f"/api/sessions/{key}"))["session"]["session_id"]
    persona: Any = await elsewhere.get("/api/users/default/sessions")
    assert session_id in [session["session_id"] for session in persona]


async def test_a_message_rings_the_sessions_sockets(alice: Client, elsewhere: Client) -> None:
    key = await conversation(alice)
    async with elsewhere.chat(key) as socket:
        await alice.post(f"{MAI}/{key}/messages", {"role": "assistant", "content": "by MAI"}, status=201)
        body = {"message_type": "agent", "content": "by Sparrow"}
        await alice.post(f"{SPARROW}/{key}/messages", body, status=201)
        for content in ("by MAI", "by Sparrow"):
            message = (await socket.expect("message_created"))["message"]
            assert (message["role"], message["content"]) == ("assistant", content)
        await alice.http.put(f"{SPARROW}/{key}", json={"title": "Renamed"})
        assert (await socket.expect("session_updated"))["title"] == "Renamed"
        persona = f"/api/users/default/sessions/{(await alice.detail(key))['session']['session_id']}"
        await alice.http.patch(persona, json={"title": "Once more"})
        assert (await socket.expect("session_updated"))["title"] == "Once more"
        assert (await alice.http.delete(f"{MAI}/{key}")).status_code == 204
        assert await socket.wait_closed() == 4404


async def test_a_message_is_in_the_context_of_the_next_turn(
    alice: Client, elsewhere: Client, provider: Provider
) -> None:
    key = await conversation(alice)
    provider.reset()
    async with elsewhere.chat(key) as socket:
        await socket.ask("say 3 words")
    assert provider.requests[0].texts[-4:] == [
        ("assistant", "one"),
        ("user", "two"),
        ("system", "three"),
        ("user", "say 3 words"),
    ]
    assert (await histories(alice, key))[1][-1] == ("assistant", "word1 word2 word3")
    assert provider.violations == []


async def test_an_inactive_session_takes_no_message_by_socket_or_stream(alice: Client) -> None:
    key = await conversation(alice)
    await alice.http.delete(f"{SPARROW}/{key}")
    async with alice.chat(key) as socket:
        await socket.say("hello", client_id="c1")
        assert (await socket.expect("error"))["code"] == "session_inactive"
        body = {"session_id": key, "messages": [{"role": "user", "content": "hello"}]}
        refused = await alice.post("/api/chat", body, status=409)
        assert refused["error"]["code"] == "session_inactive"
        assert (await histories(alice, key))[0][-1] == ("system", "three")
        await alice.http.put(f"{SPARROW}/{key}", json={"is_active": True})
        assert (await socket.ask("say 1 words"))[-1]["finish_reason"] == "stop"


async def test_a_restart_between_any_two_steps_changes_nothing(site: Site, alice: Client) -> None:
    def restart() -> None:
        for server in site.servers:
            server.stop()
        for server in site.servers:
            server.start()
        for server in site.servers:
            server.wait()

    session = await alice.post(MAI, {"title": "Durable"}, status=201)
    key = session["id"]
    restart()
    assert await alice.get(f"{MAI}/{key}") == session
    message = await alice.post(f"{MAI}/{key}/messages", {"role": "user", "content": "kept"}, status=201)
    created = await alice.post("/api/users/ada/sessions", {"session_id": "p", "title": "Durable"})
    case = await alice.post(SPARROW, {"title": "Case", "agent_type": "log_analysis"}, status=201)
    await alice.http.delete(f"{SPARROW}/{case['id']}")
    restart()
    assert (await alice.get(f"{MAI}/{key}"))["messages"] == [message]
    persona: Any = await alice.get("/api/users/ada/sessions")
    assert persona == [created]
    assert (await alice.get(f"{SPARROW}/{case['id']}"))["is_active"] is False
    active: Any = await alice.get(SPARROW, agent_type="log_analysis")
    assert active == []
