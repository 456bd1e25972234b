"""Two providers at once, one of which fails, and what the dear model of one may cost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.harness.client import Client, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider, Script
from tests.harness.provider.server import RecordedRequest
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

pytestmark = pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")

FALLBACKS = {f"one/{letter}": [f"two/{letter}"] for letter in "abcd"}


DEAR = {"id": "dear", "context_length": 64_000, "pricing": {"prompt": "0.0001", "completion": "0.0001"}}  # a token
LIMIT = 1.0  # US dollars of a user in a day


def listed(*ids: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": id, "object": "model", "context_length": 64_000} for id in ids]}


@pytest.fixture(scope="module")
def one() -> Iterator[Provider]:
    """Speaks Chat Completions."""
    with Provider() as provider:
        provider.models = listed("both", *"abcd")
        yield provider


@pytest.fixture(scope="module")
def two() -> Iterator[Provider]:
    """Speaks Responses."""
    with Provider() as provider:
        provider.models = listed("both", "alone", *"abcd")
        provider.models["data"].append(DEAR)
        yield provider


@pytest.fixture(scope="module")
def both_site(sites: Sites, one: Provider, two: Provider) -> Iterator[Site]:
    entries = [
        {"name": "one", "url": one.url, "key_env": "KEY_OF_ONE"},
        {"name": "two", "url": two.url, "key": "sk-two", "api": "responses"},
    ]
    environment = {
        **TIMES,
        "KEY_OF_ONE": "sk-one",
        "PROVIDERS": orjson.dumps(entries).decode(),
        "MODEL_FALLBACKS": orjson.dumps(FALLBACKS).decode(),
        "MODEL_PATIENCE_S": "0.2",
        "BUDGET_USER_DAILY_COST": str(LIMIT),
    }
    with sites.own(environment, processes=1, demo=True) as site:
        yield site


@pytest.fixture
async def person(both_site: Site, one: Provider, two: Provider) -> AsyncIterator[Client]:
    one.requests, two.requests, one.answers, two.answers = [], [], lambda request: None, lambda request: None
    client = await Client(both_site.url).register(f"person-{uuid4().hex[:8]}@example.org")
    async with asyncio.timeout(10):
        while len(await offered(client)) < 12:
            await asyncio.sleep(0.05)
    yield client
    await client.close()
    assert one.violations == two.violations == []


async def offered(client: Client) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in (await client.get("/api/config"))["models"]}


async def used(person: Client, calls: int) -> dict[str, int]:
    """Calls by model, once there are so many."""
    async with asyncio.timeout(10):
        while True:
            usage = await person.get("/api/usage", by="model")
            if usage["total"]["calls"] >= calls:
                return {row["key"]: row["calls"] for row in usage["rows"]}
            await asyncio.sleep(0.05)


def down(request: RecordedRequest) -> Script:
    return Script(status=503)


async def test_the_models_of_both_can_be_chosen(person: Client, one: Provider, two: Provider) -> None:
    models = await offered(person)
    assert {"one/both", "two/both", "alone"} <= models.keys()
    assert (models["alone"]["provider"], models["alone"]["context_window"]) == ("two", 64_000)
    async with person.chat(await person.create_session(model="two/both")) as chat:
        assert_whole_run(await chat.ask("say 2 words"))
        assert_whole_run(await chat.ask("say 3 words", model="one/both"))
    assert ([r.body["model"] for r in one.requests], [r.body["model"] for r in two.requests]) == (["both"], ["both"])
    assert (one.keys[-1], two.keys[-1]) == ("sk-one", "sk-two")


async def test_a_model_that_nobody_has_is_refused_with_those_that_are_there(person: Client) -> None:
    session = await person.create_session(model="alone")
    answers = [
        await person.http.post("/api/sessions", json={"model": "unheard-of"}),
        await person.http.patch(f"/api/sessions/{session}", json={"model": "two/unheard-of"}),
        await person.http.post("/api/v1/sessions", json={"model_id": "unheard-of"}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 3
    assert all("one/both" in answer.text and "alone" in answer.text for answer in answers)
    async with person.chat(session) as chat:
        await chat.say("say 2 words", model="unheard-of")
        assert "alone" in (await chat.expect("error", code="unknown_model"))["message"]


async def test_a_provider_that_is_down_is_passed_over(person: Client, one: Provider, two: Provider) -> None:
    one.answers = down
    session = await person.create_session(model="one/a")
    async with person.chat(session, after=0) as chat:
        await chat.say("say 3 words")
        start = await chat.expect("stream_start")
        assert "two/a" in (await chat.expect("status", code="fallback"))["message"]
        await chat.expect("stream_end", finish_reason="stop")
        frames = chat.of_run(start["run_id"])
        assert_whole_run(frames)
        assert_gapless(chat.log)
        assert text_of(frames) == "word1 word2 word3"
        asked = len(one.requests)
        assert_whole_run(await chat.ask("say 4 words"))  # it is not asked again at once
    assert len(one.requests) == asked
    assert [text for role, text in two.requests[-1].texts if role == "assistant"] == ["word1 word2 word3"]
    calls = await used(person, asked + 2)
    assert calls == {"one/a": asked, "two/a": 2}
    messages = (await person.detail(session))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2


async def test_one_that_fails_in_mid_work_is_passed_over(person: Client, one: Provider, two: Provider) -> None:
    one.answers = lambda request: down(request) if request.items[-1]["role"] == "tool" else None
    session = await person.create_session(model="one/b")
    async with person.chat(session, after=0) as chat:
        await chat.ask("say 2 words")
        await chat.say('reasoning 2; tool current_time {"timezone": "UTC"}; say 3 words')
        await chat.expect("status", code="fallback")
        await chat.expect("stream_end", finish_reason="stop")
        assert (
            len([frame for frame in chat.log if frame["type"] == "tool_call" and frame["status"] == "completed"]) == 1
        )
    given = [item.get("type", "message") for item in two.requests[-1].items]
    assert given.count("function_call") == given.count("function_call_output") == 1
    context = (await person.get(f"/api/sessions/{session}/context"))["items"]
    assert [entry["item"].get("type", "message") for entry in context] == [
        "message", "message", "message", "function_call", "function_call_output", "message",
    ]  # fmt: skip
    # And back, once it works: what the other has added does not stand in the way.
    one.answers = lambda request: None
    async with person.chat(session) as chat:
        assert_whole_run(await chat.ask("say 2 words", model="one/both"))


async def test_one_that_has_begun_to_speak_is_not(person: Client, one: Provider, two: Provider) -> None:
    async with person.chat(await person.create_session(model="one/c")) as chat:
        frames = await chat.ask("close after 2; say 9 words")
        assert (text_of(frames), frames[-1]["finish_reason"]) == ("word1 word2", "error")
    assert two.requests == []


async def test_where_all_fail_the_last_failure_is_told(person: Client, one: Provider, two: Provider) -> None:
    one.answers, two.answers = down, lambda request: Script(refusal="quota")
    async with person.chat(await person.create_session(model="one/d")) as chat:
        frames = await chat.ask("say 2 words")
        assert frames[-1]["finish_reason"] == "error"
        assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["provider_quota"]


async def test_an_answer_ends_where_its_money_does(person: Client, two: Provider) -> None:
    """By the price of each call; what has no price counts in tokens alone."""
    session = await person.create_session(model="alone")
    async with person.chat(session) as chat:
        await chat.ask("say 3 words")
        free = await person.get("/api/usage", by="model")
        [budget] = free["budgets"]
        assert (budget["whose"], budget["tokens"], budget["cost"]) == ("user", None, {"limit": LIMIT, "left": LIMIT})
        assert budget["unpriced_tokens"] == sum(free["total"][f"{way}put_tokens"] for way in ("in", "out")) > 0
        assert (free["total"]["unpriced_calls"], free["total"]["cost"]) == (1, None)

        dear = await chat.ask('tool current_time {"timezone": "UTC"}; ' * 20 + "say 3 words", model="dear")
        assert dear[-1]["finish_reason"] == "budget"
        done = [frame for frame in dear if frame["type"] == "tool_call" and frame["status"] == "completed"]
        assert 0 < len(done) < 20, "it ended within the run"
        assert all(frame["success"] for frame in done)
        used = await person.get("/api/usage", by="model")
        [budget] = used["budgets"]
        rows = {row["key"]: row for row in used["rows"]}
        tokens = rows["dear"]["input_tokens"] + rows["dear"]["output_tokens"]
        assert rows["dear"]["cost"] == pytest.approx(tokens * 0.0001)
        assert (rows["dear"]["cost"] >= LIMIT, budget["cost"]["left"], rows["alone"]["cost"]) == (True, 0, None)

        asked = len(two.requests)
        assert (await chat.ask("say 2 words", model="alone"))[-1]["finish_reason"] == "budget", "not known is not free"
        summary = await person.http.post(f"/api/sessions/{session}/summarize")
        assert (summary.status_code, summary.json()["error"]["code"]) == (403, "budget_spent")
        assert len(two.requests) == asked
        again = await chat.ask("once more", model=f"replay:{dear[0]['run_id']}@0")
        assert again[-1]["finish_reason"] == "stop", "what is played again costs nothing"

        admin = await Client(person.url).login()
        email = (await person.get("/api/auth/me"))["email"]
        own = await admin.post(
            "/api/budgets", {"email": email, "daily_cost": 0, "daily_tokens": tokens * 100}, status=201
        )
        assert text_of(await chat.ask("say 2 words", model="dear")) == "word1 word2", "any amount"
        [budget] = (await person.get("/api/usage"))["budgets"]
        assert (budget["cost"], budget["tokens"]["limit"]) == (None, tokens * 100)
        assert (await admin.http.delete(f"/api/budgets/{own['user_id']}")).status_code == 200
        assert (await chat.ask("say 2 words", model="dear"))[-1]["finish_reason"] == "budget"
        await admin.close()
