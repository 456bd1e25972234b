"""Messages that the model is always given word for word, whatever is summarized around them."""

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.test_window import MODEL, PADDING, SMALL, TURN, WINDOW, ask_well, keep_facts
from tests.harness.client import Client, Frame, assert_gapless
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import Sites

RULE = f"echo Always answer in rhymes, {PADDING}"


@pytest.fixture
def small_site(sites: Sites) -> Site:
    return sites.get(SMALL, processes=1)


@pytest.fixture
async def person(small_site: Site, provider: Provider) -> AsyncIterator[Client]:
    provider.answers, provider.window = keep_facts, WINDOW
    client = await Client(small_site.url).login()
    yield client
    await client.close()


async def say(person: Client, session: str, *texts: str) -> None:
    async with person.chat(session) as chat:
        for text in texts:
            await ask_well(chat, text)


async def fill(person: Client, session: str, turns: int) -> None:
    await say(person, session, *(TURN.format(number, PADDING) for number in range(turns)))


def was_given(provider: Provider, words: str) -> bool:
    return any(words in text for _, text in provider.requests[-1].texts)


async def pin(person: Client, session: str, message: Frame, pinned: bool = True) -> Frame:
    return await person.post(f"/api/sessions/{session}/messages/{message['id']}/pin", {"pinned": pinned})


async def summaries(person: Client, session: str) -> list[Frame]:
    found: list[Frame] = (await person.get(f"/api/sessions/{session}/context"))["compactions"]
    return found


async def test_what_is_pinned_is_given_word_for_word_through_all_summaries(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    async with person.chat(session, after=0) as other:
        await say(person, session, RULE)
        rule = (await person.detail(session))["messages"][0]
        assert rule["pinned"] is False
        assert (await pin(person, session, rule))["pinned"] is True
        await other.expect("message_pinned", message_id=rule["id"], pinned=True)
        await pin(person, session, rule)  # nothing is told again
        await fill(person, session, 12)
        assert await summaries(person, session)
        assert was_given(provider, RULE) and not was_given(provider, "Turn 0 FACT0, ")

        listed = await person.get(f"/api/sessions/{session}/pinned")
        assert [(row["id"], row["position"]) for row in listed["messages"]] == [(rule["id"], 1)]
        assert RULE.startswith(listed["messages"][0]["content"])
        context = await person.get(f"/api/sessions/{session}/context")
        assert [item["item"]["content"] for item in context["items"] if item["pinned"]] == [RULE]
        assert (await person.get(f"/api/sessions/{session}/messages", limit=1))["messages"][0]["pinned"] is True

        assert (await pin(person, session, rule, False))["pinned"] is False
        before = len(await summaries(person, session))
        await say(person, session, "say 1 words")
        assert was_given(provider, RULE), "until room is made next"
        await fill(person, session, 8)
        assert len(await summaries(person, session)) > before
        assert not was_given(provider, RULE)
        await other.wait_seq((await person.detail(session))["last_seq"])
        told = [frame["pinned"] for frame in other.log if frame["type"] == "message_pinned"]
        assert told == [True, False]
        assert_gapless(other.log)


async def test_what_was_summarized_is_given_again_once_it_is_pinned(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    await say(person, session, RULE)
    await fill(person, session, 12)
    made = len(await summaries(person, session))
    assert made and not was_given(provider, RULE)
    rule, answer = (await person.get(f"/api/sessions/{session}/messages", limit=2))["messages"]
    await pin(person, session, rule)
    await pin(person, session, answer)
    await say(person, session, "say 1 words")
    assert was_given(provider, RULE) and was_given(provider, answer["content"])
    for _ in range(made):
        await person.post(f"/api/sessions/{session}/context/undo")
        context = await person.get(f"/api/sessions/{session}/context")
        assert [item["item"].get("content") for item in context["items"]].count(RULE) == 1


async def test_a_client_that_knows_no_numbers_is_not_told(person: Client) -> None:
    session = await person.create_session()
    async with person.chat(session) as plain:
        await plain.ask("say 2 words")
        await pin(person, session, (await person.detail(session))["messages"][0])
        await plain.ask("say 2 words")
        assert "message_pinned" not in {frame["type"] for frame in plain.frames}


async def test_what_cannot_be_pinned_is_refused(person: Client, small_site: Site) -> None:
    session = await person.create_session(model=MODEL)
    await say(person, session, 'tool current_time {"timezone": "UTC"}; say 900 words', "say 200 words")
    rows = (await person.detail(session))["messages"]
    tool = next(row for row in rows if row["role"] == "tool_call")
    long, short = [row for row in rows if row["role"] == "assistant" and row["content"]]

    async def refused(mid: str, body: object, who: Client = person) -> tuple[int, str]:
        answer = await who.http.post(f"/api/sessions/{session}/messages/{mid}/pin", json=body)
        return answer.status_code, answer.json()["error"]["code"]

    assert await refused(tool["id"], {"pinned": True}) == (400, "not_spoken")
    assert await refused(long["id"], {"pinned": True}) == (413, "too_much_pinned")
    assert await refused(short["id"], {"pinned": "perhaps"}) == (400, "invalid_input")
    assert await refused(short["id"], {}) == (400, "invalid_input")
    assert await refused("00000000-0000-4000-8000-000000000000", {"pinned": True}) == (404, "not_found")
    await pin(person, session, short)
    stranger = await Client(small_site.url).register("stranger-of-pins@example.org")
    assert await refused(short["id"], {"pinned": False}, stranger) == (404, "not_found")
    assert (await stranger.http.get(f"/api/sessions/{session}/pinned")).status_code == 404
    await stranger.close()
    pinned = [row["id"] for row in (await person.get(f"/api/sessions/{session}/pinned"))["messages"]]
    assert pinned == [short["id"]]
