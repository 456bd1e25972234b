"""What calls of models took, budgets, and titles that a model finds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Client, Frame, assert_whole_run, text_of
from tests.harness.provider import Provider, Script
from tests.harness.provider.server import RecordedRequest
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

BUDGET = 6_000
METERED = {"BUDGET_USER_DAILY_TOKENS": str(BUDGET), "TITLE_MODEL": "gpt-4o-mini", "DEFAULT_MODEL": "gpt-4.1", **TIMES}


def find_title(request: RecordedRequest) -> Script | None:
    return Script(text="“Brot backen ohne Ofen.”") if request.body["model"] == "gpt-4o-mini" else None


@pytest.fixture
def metered_site(sites: Sites) -> Site:
    return sites.get(METERED, processes=1)


@pytest.fixture
async def person(metered_site: Site, provider: Provider) -> AsyncIterator[Client]:
    """Somebody new, of whom nothing was counted yet."""
    provider.answers = find_title
    client = await Client(metered_site.url).register(f"person-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def used(person: Client, by: str, calls: int) -> dict[Any, Any]:
    """The rows of the report by their key, once so many calls are in it."""
    async with asyncio.timeout(10):
        while True:
            usage = await person.get("/api/usage", by=by)
            if usage["total"]["calls"] >= calls:
                assert usage["total"]["calls"] == calls
                return {row["key"]: row for row in usage["rows"]}
            await asyncio.sleep(0.05)


async def test_every_call_is_counted_also_one_that_was_stopped(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        frames = await chat.ask('tool current_time {"timezone": "UTC"}; say 4 words')
        (last,) = [frame for frame in frames if frame["type"] == "stream_end"]
        await chat.say("say 500 words; pace 20")
        await chat.wait_text("word8")
        await person.post(f"/api/sessions/{session}/interrupt")
        await chat.expect("stream_end", finish_reason="interrupted")
    models = await used(person, "model", 4)
    assert (models["gpt-4.1"]["calls"], models["gpt-4o-mini"]["calls"]) == (3, 1)
    assert models["gpt-4.1"]["input_tokens"] > last["usage"]["input_tokens"]
    assert models["gpt-4.1"]["output_tokens"] > last["usage"]["output_tokens"]
    assert models["gpt-4.1"]["cost"] is None, "another provider's price is not known"
    sessions = await used(person, "session", 4)
    assert list(sessions) == [session]
    await person.http.delete(f"/api/sessions/{session}")
    assert (await used(person, "day", 4)).keys() != {None}
    assert (await person.get("/api/usage", **{"from": "2020-01-01", "to": "2020-01-31"}))["rows"] == []
    answer = await person.http.get("/api/usage", params={"from": "yesterday"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")


async def test_an_answer_ends_where_the_budget_does_and_keeps_what_was_said(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    call = 'tool current_time {"timezone": "UTC"}; '
    async with person.chat(session) as chat:
        run_id = (await chat.ask("say 3 words"))[-1]["run_id"]
        await used(person, "model", 2)  # the answer's, and the title's
        asked = len(provider.requests)
        again = await person.create_session(model=f"replay:{run_id}@0")
        async with person.chat(again) as played:
            for _ in range(4):
                assert text_of(await played.ask("once more")) == "word1 word2 word3"
        assert len(provider.requests) == asked, "nor for a title"
        await chat.say(call * 20 + "say 3 words")
        end = await chat.expect("stream_end")
        assert end["finish_reason"] == "budget"
        calls = [frame for frame in chat.log if frame["type"] == "tool_call" and frame["status"] == "completed"]
        assert 0 < len(calls) < 20
        assert all(frame["success"] for frame in calls)
        spent = len(provider.requests)
        assert (await chat.ask("say 3 words"))[-1]["finish_reason"] == "budget"
        summary = await person.post(f"/api/sessions/{again}/summarize")
        assert summary["success"] is True, "of what is played again no model makes it"
        assert len(provider.requests) == spent, "nobody was asked"
    other = await Client(person.url).register(f"other-{uuid4().hex[:8]}@example.org")
    session = await other.create_session()
    async with other.chat(session) as chat:
        assert text_of(await chat.ask("say 3 words")) == "word1 word2 word3"
    await other.close()


async def test_fifty_answers_at_once_are_each_counted_exactly(site: Site, provider: Provider) -> None:
    person = await Client(site.url).register(f"busy-{uuid4().hex[:8]}@example.org")
    sessions = await asyncio.gather(*(person.create_session() for _ in range(50)))

    async def ask(number: int) -> Frame:
        at = person.at(site.servers[number % len(site.servers)].url)
        async with at.chat(sessions[number]) as chat:
            frames = await chat.ask(f"tool current_time {{}}; say {number + 1} words; pace 100")
        await at.close()
        assert_whole_run(frames)
        usage: Frame = frames[-1]["usage"]
        return usage

    ended = await asyncio.gather(*map(ask, range(50)))
    given: dict[str, int] = {}
    for request in provider.requests:
        words = next(text for role, text in reversed(request.texts) if role == "user")
        given[words] = given.get(words, 0) + request.input_tokens
    assert len(given) == 50
    rows = await used(person, "session", 100)
    for number, session in enumerate(sessions):
        exact = given[f"tool current_time {{}}; say {number + 1} words; pace 100"], number + 2
        row, end = rows[session], ended[number]
        assert (row["calls"], row["input_tokens"], row["output_tokens"]) == (2, *exact), number
        assert (end["input_tokens"], end["output_tokens"]) == exact, number
    total = (await person.get("/api/usage"))["total"]
    assert (total["input_tokens"], total["output_tokens"]) == (sum(given.values()), sum(range(2, 52)))
    await person.close()


async def test_a_title_is_there_while_the_first_answer_is_written(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        await chat.say("say 40 words; pace 20")
        updated = await chat.expect("session_updated")
        assert updated["title"] == "Brot backen ohne Ofen"
        assert updated["session"]["is_named"] is False
        assert not [frame for frame in chat.log if frame["type"] == "stream_end"]
        await person.http.patch(f"/api/sessions/{session}", json={"title": "Bread"})
        await chat.expect("stream_end")
        await chat.ask("say 2 words")
    assert (await person.detail(session))["session"]["title"] == "Bread"


async def test_where_no_model_finds_a_title_the_first_words_are_it(person: Client, provider: Provider) -> None:
    provider.answers = lambda request: Script(status=401) if request.body["model"] == "gpt-4o-mini" else None
    session = await person.create_session()
    async with person.chat(session) as chat:
        await chat.ask("echo read_the_file once")
    assert (await person.detail(session))["session"]["title"] == "Echo read_the_file once"
