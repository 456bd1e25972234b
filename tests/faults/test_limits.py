"""What one person may have open, running and waiting, and how they are told that it is enough."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.harness.client import Client, socket
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import Sites

LIMITS = {"MAX_RUNS_PER_USER": "1", "MAX_QUEUED_RUNS_PER_USER": "2", "MAX_SOCKETS_PER_USER": "5"}


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(LIMITS, processes=1)


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Client]:
    client = await Client(site.url).login()
    yield client
    await client.close()


async def test_answers_past_the_limit_wait_and_past_the_bound_are_refused(
    site: Site, provider: Provider, alice: Client
) -> None:
    sessions = [await alice.create_session() for _ in range(4)]
    async with (
        alice.chat(sessions[0]) as first,
        alice.chat(sessions[1]) as second,
        alice.chat(sessions[2]) as third,
        alice.chat(sessions[3]) as fourth,
    ):
        await first.say("say 3 words; gate one after 1")
        await first.expect("delta")
        await second.say("echo second")
        await second.expect("accepted")
        await third.say("echo third")
        await third.expect("accepted")
        await fourth.say("echo fourth", client_id="fourth")
        refused = await fourth.expect("error")
        assert (refused["code"], refused["retryable"], refused["client_id"]) == ("too_many_runs", True, "fourth")
        body = {"session_id": sessions[3], "messages": [{"role": "user", "content": "echo fourth"}]}
        answer = await alice.http.post("/api/chat", json=body)
        assert answer.status_code == 429
        assert answer.json()["error"]["code"] == "too_many_runs"
        assert int(answer.headers["retry-after"]) > 0
        assert not any(frame["type"] == "stream_start" for frame in second.frames + third.frames)
        provider.open_gate("one")
        for chat in (second, third):
            assert (await chat.expect("stream_end"))["finish_reason"] == "stop"
        assert (await fourth.ask("echo fourth"))[-1]["finish_reason"] == "stop"


async def test_a_socket_too_many_is_told_so(site: Site, alice: Client) -> None:
    session = await alice.create_session()
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(alice.chat(session))
        headers = {"Authorization": f"Bearer {alice.token}"}
        async with socket(site.url, session, additional_headers=headers) as another:
            assert await another.wait_closed() == 4429
        answer = await alice.http.get(f"/api/sessions/{session}/events", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 429
        assert "retry-after" in answer.headers
        body = {"session_id": session, "messages": [{"role": "user", "content": "never said"}]}
        assert (await alice.http.post("/api/chat", json=body)).status_code == 429
        assert (await alice.detail(session))["messages"] == []  # refused is not accepted
        other = await Client(site.url).register("mallory@example.org")
        async with other.chat(await other.create_session()):
            pass
        await other.close()
    async with alice.chat(session):
        pass


async def test_a_message_that_was_accepted_is_never_refused_for_want_of_a_place(
    site: Site, provider: Provider, alice: Client
) -> None:
    """Of several that come at once, one finds a place to stream its answer in."""
    sessions = [await alice.create_session() for _ in range(6)]
    statuses: dict[str, int] = {}
    decided = asyncio.Event()

    async def post(session: str) -> None:
        body = {"session_id": session, "messages": [{"role": "user", "content": "say 3 words; gate places after 1"}]}
        async with alice.http.stream("POST", "/api/chat", json=body) as answer:
            statuses[session] = answer.status_code
            if len(statuses) == len(sessions):
                decided.set()
            await decided.wait()

    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(alice.chat(sessions[0]))
        async with asyncio.timeout(30):
            await asyncio.gather(*map(post, sessions))
        provider.open_gate("places")
    assert sorted(statuses.values()) == [200] + [429] * 5
    for session, status in statuses.items():
        messages = (await alice.detail(session))["messages"]
        assert [one["role"] for one in messages][:1] == (["user"] if status == 200 else [])
    async with asyncio.timeout(30):
        while not await all_places_are_free(alice, sessions[0]):
            await asyncio.sleep(0.05)


async def all_places_are_free(client: Client, session: str) -> bool:
    path, headers = f"/api/sessions/{session}/events", {"Accept": "text/event-stream"}
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(client.http.stream("GET", path, headers=headers)) for _ in range(5)]
        return all(answer.status_code == 200 for answer in opened)
