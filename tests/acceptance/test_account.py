"""What an account's settings do to its conversations, and what its end does."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import PASSWORD, Site


@pytest.fixture
async def carol(site: Site) -> AsyncIterator[Client]:
    """Somebody whose account may be spent."""
    client = await Client(site.url).register(f"carol-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def test_the_agent_is_given_the_persons_own_instructions(carol: Client, provider: Provider) -> None:
    words = "Answer in rhymes about teapots."
    changed = await carol.http.patch("/api/auth/me", json={"preferences": {"instructions": words}})
    assert changed.status_code == 200
    session = await carol.create_session()
    async with carol.chat(session, 0) as chat:
        await chat.ask("hello")
    said = [text for role, text in provider.requests[0].texts if role in ("system", "developer")]
    assert words in (provider.requests[0].body.get("instructions") or said[0])


async def test_who_deletes_the_account_in_mid_answer_is_gone(carol: Client, site: Site, provider: Provider) -> None:
    session = await carol.create_session()
    async with carol.chat(session, 0) as here, carol.at(site.servers[-1].url).chat(session, 0) as there:
        await here.say("hello")
        await here.expect("stream_start")
        gone = await carol.http.request("DELETE", "/api/auth/me", json={"password": PASSWORD})
        assert gone.status_code == 200
        assert {await here.wait_closed(5), await there.wait_closed(5)} <= {4401, 4404}
    assert (await carol.http.get("/api/auth/me")).status_code == 401
