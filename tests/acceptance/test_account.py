"""What an account's settings do to its conversations, and what its end does."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.harness.client import Client, socket
from tests.harness.provider import Provider
from tests.harness.server import PASSWORD, Site
from tests.harness.services import until


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


async def test_who_deletes_the_account_in_mid_answer_is_gone(
    carol: Client, alice: Client, site: Site, provider: Provider
) -> None:
    session = await carol.create_session()
    async with carol.chat(session, 0) as here, carol.at(site.servers[-1].url).chat(session, 0) as there:
        await here.say("say 1000 words; pace 20")
        await here.wait_text("word1")
        gone = await carol.http.request("DELETE", "/api/auth/me", json={"password": PASSWORD})
        assert gone.status_code == 200
        assert {await here.wait_closed(5), await there.wait_closed(5)} <= {4401, 4404}
    assert (await carol.http.get("/api/auth/me")).status_code == 401
    await asyncio.to_thread(until, lambda: provider.requests[0].ended == "cut", "the model is asked no more")
    async with alice.chat(await alice.create_session()) as chat:
        await chat.ask("hello")  # whatever is still written of carol's answer comes before


async def key_of(person: Client, *scopes: str) -> tuple[str, Client]:
    """The id of a new key, and a program that has it."""
    made = await person.post("/api/auth/keys", {"name": "a program", "scopes": scopes}, status=201)
    return made["id"], Client(person.url, made["key"])


async def test_a_program_listens_and_talks_as_far_as_its_key_allows(carol: Client, provider: Provider) -> None:
    session = await carol.create_session()
    _, reader = await key_of(carol, "read")
    _, talker = await key_of(carol, "read", "chat")
    async with reader.chat(session, 0) as listening, talker.chat(session, 0) as talking:
        await talking.ask("hello")
        await listening.expect("stream_end")
        seen = len(await carol.events(session))
        for command in ({"type": "message", "messages": [{"content": "and me"}]}, {"type": "interrupt"}):
            await listening.send(command)
            refusal = await listening.expect("error")
            assert (refusal["code"], refusal["retryable"]) == ("insufficient_scope", False)
        await listening.send({"type": "ping"})
        await listening.expect("pong")
        assert len(await carol.events(session)) == seen
    await reader.close()
    await talker.close()


async def test_a_key_that_may_not_read_opens_no_socket(carol: Client) -> None:
    session = await carol.create_session()
    _, program = await key_of(carol, "chat")
    async with socket(carol.url, session, f"?token={program.token}") as refused:
        assert await refused.wait_closed(5) == 4403
    await program.close()


async def test_the_sockets_of_a_deleted_key_close(carol: Client, site: Site) -> None:
    session = await carol.create_session()
    key_id, program = await key_of(carol, "read")
    async with program.at(site.servers[-1].url).chat(session, 0) as chat:
        assert (await carol.http.delete(f"/api/auth/keys/{key_id}")).status_code == 200
        assert await chat.wait_closed(5) == 4401
    assert (await program.http.get("/api/sessions")).status_code == 401
    await program.close()
