"""Whatever the model's provider does: one end, what was said is kept and marked, the next turn works."""

from collections.abc import AsyncIterator

import pytest

from tests.harness.client import Client, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider, parse
from tests.harness.server import Site
from tests.harness.sites import Sites

pytestmark = [
    pytest.mark.slow(reason="silence is waited out"),
    pytest.mark.only("sqlite", reason="what a provider does reaches no database"),
]

# script, what is said before it, codes that the error frame may have, finish reason
FAILURES = [
    ("fail 429", "", {"provider_rate_limited"}),
    ("fail 500", "", {"provider_unavailable"}),
    ("fail 503", "", {"provider_unavailable"}),
    ("fail 401", "", {"provider_auth"}),
    ("fail 400", "", {"provider_rejected"}),
    ("fail 404", "", {"model_not_found", "provider_rejected"}),
    ("refuse quota", "", {"provider_quota"}),
    ("refuse too_long", "", {"context_too_long"}),
    ("reset after 0; say 9", "", {"provider_unavailable", "provider_protocol"}),
    ("reset after 5; say 9", "word1 word2 word3 word4 word5", {"provider_unavailable", "provider_protocol"}),
    ("close after 5; say 9", "word1 word2 word3 word4 word5", {"provider_unavailable", "provider_protocol"}),
    ("malformed after 5; say 9", "word1 word2 word3 word4 word5", {"provider_protocol"}),
    ("error after 5; say 9", "word1 word2 word3 word4 word5", {"provider_unavailable", "provider_rejected"}),
    ("hang after 5; say 9", "word1 word2 word3 word4 word5", {"provider_timeout"}),
    ("pings after 5; say 9", "word1 word2 word3 word4 word5", {"provider_timeout"}),
    (
        'tool current_time {"timezone": "UTC"}; reset in call',
        "",
        {"provider_unavailable", "provider_protocol"},
    ),
    (
        'tool current_time {"timezone": "UTC"}; close in call',
        "",
        {"provider_unavailable", "provider_protocol"},
    ),
    ("reasoning 3; reset after 0; say 9", "", {"provider_unavailable", "provider_protocol"}),
]


@pytest.fixture(params=["responses", "chat_completions"])
async def person(request: pytest.FixtureRequest, provider: Provider) -> AsyncIterator[Client]:
    """Alice, at a server that speaks this API with its provider."""
    site: Site = request.getfixturevalue("site" if request.param == "responses" else "chat_completions_site")
    client = await Client(site.url).login()
    yield client
    await client.close()


@pytest.mark.parametrize(("script", "said", "codes"), FAILURES, ids=[script for script, *_ in FAILURES])
async def test_a_failure_ends_the_run_once_and_the_next_turn_works(
    person: Client, provider: Provider, script: str, said: str, codes: set[str]
) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        await chat.ask("say 2 words")
        frames = await chat.ask(script)
        assert_whole_run(frames)
        assert frames[-1]["finish_reason"] == "error"
        assert text_of(frames) == said
        errors = [frame for frame in frames if frame["type"] == "error"]
        assert [error["code"] in codes for error in errors] == [True], errors
        assert isinstance(errors[0]["retryable"], bool) and errors[0]["message"]
        assert "Traceback" not in errors[0]["message"] and "127.0.0.1" not in errors[0]["message"]

        frames = await chat.ask("say 3 words")
        assert_whole_run(frames)
        assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2 word3")
        assert_gapless(chat.log)
    if said:
        assert ("assistant", said) in provider.requests[-1].texts
        kept = [m for m in (await person.detail(session))["messages"] if m["content"] == said]
        assert [(m["role"], m["status"] in ("failed", "interrupted"), m["partial"]) for m in kept] == [
            ("assistant", True, True)
        ]
    statuses = {m["status"] for m in (await person.detail(session))["messages"]}
    assert "pending" not in statuses


@pytest.mark.parametrize("script", ["fail 429 1 time; say 3 words", "fail 500 1 time; say 3 words"])
async def test_a_failure_that_passes_is_not_seen(person: Client, script: str) -> None:
    async with person.chat(await person.create_session()) as chat:
        frames = await chat.ask(script)
    assert_whole_run(frames)
    assert text_of(frames) == "word1 word2 word3"
    assert "error" not in {frame["type"] for frame in frames}


async def test_an_answer_cut_by_the_token_limit_says_so(person: Client) -> None:
    async with person.chat(await person.create_session()) as chat:
        frames = await chat.ask("say 9; length after 4")
        assert_whole_run(frames)
        assert (frames[-1]["finish_reason"], text_of(frames)) == ("length", "word1 word2 word3 word4")
        assert_whole_run(await chat.ask("say 3 words"))


async def test_an_empty_answer_is_an_end_too(person: Client) -> None:
    async with person.chat(await person.create_session()) as chat:
        assert_whole_run(await chat.ask("empty"))
        assert_whole_run(await chat.ask("say 3 words"))


async def test_a_conversation_with_tools_and_thoughts_is_accepted_again(person: Client) -> None:
    session = await person.create_session(reasoning_effort="low")
    async with person.chat(session) as chat:
        for _ in range(2):
            frames = await chat.ask('reasoning 2; tool current_time {"timezone": "UTC"}; tool current_time {}; say 4')
            assert_whole_run(frames)
            assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2 word3 word4")


async def test_an_unknown_model_is_an_error_of_the_run(person: Client) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        await chat.say("say 3 words", model="missing-model")
        error = await chat.expect("error")
        if "seq" in error:
            await chat.expect("stream_end", finish_reason="error")
        assert_whole_run(await chat.ask("say 3 words", model="gpt-5.2"))


async def test_a_summary_that_fails_has_the_one_error_shape(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        for _ in range(2):
            await chat.ask("say 3 words")
    provider.scripts += [parse("fail 429")] * 50
    answer = await person.http.post(f"/api/sessions/{session}/summarize")
    provider.scripts.clear()
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "provider_rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await person.post(f"/api/sessions/{session}/summarize"))["success"] is True


async def test_people_are_told_while_a_provider_is_asked_again(person: Client) -> None:
    session = await person.create_session()
    async with person.chat(session, after=0) as chat:
        await chat.say("fail 503 2 times; say 3 words")
        start = await chat.expect("stream_start")
        status = await chat.expect("status")
        assert (status["code"], status["session_id"], status["run_id"]) == ("retrying", session, start["run_id"])
        assert status["message"] and status["retry_in_s"] > 0
        assert "seq" not in status
        await chat.expect("status", code="retrying")
        await chat.expect("stream_end", finish_reason="stop")
        assert_whole_run(chat.of_run(start["run_id"]))
        assert_gapless(chat.log)
    assert "status" not in {event["type"] for event in await person.events(session)}


async def test_people_at_another_process_are_told_too(alice: Client, elsewhere: Client, session: str) -> None:
    async with alice.chat(session, after=0) as chat, elsewhere.chat(session, after=0) as other:
        await chat.say("fail 503 3 times; say 3 words")
        assert (await other.expect("status"))["code"] == "retrying"
        await chat.expect("stream_end", finish_reason="stop")


async def test_an_effort_that_a_model_does_not_have_is_left_out_and_said(person: Client, provider: Provider) -> None:
    session = await person.create_session(model="gpt-5-nano")
    async with person.chat(session, after=0) as chat:
        await chat.say("say 3 words", reasoning_effort="xhigh")
        await chat.expect("status", code="effort_left_out")
        await chat.expect("stream_end", finish_reason="stop")
        await chat.say("say 4 words", reasoning_effort="low")
        await chat.expect("stream_end", finish_reason="stop")
    last = provider.requests[-1].body
    assert (last.get("reasoning") or {}).get("effort") == "low" or last.get("reasoning_effort") == "low"


async def test_an_emoji_that_is_cut_in_two_arrives_and_is_kept(person: Client) -> None:
    session = await person.create_session()
    async with person.chat(session) as chat:
        frames = await chat.ask("emoji 3")
        assert text_of(frames) == "\U0001f600" * 3
    assert (await person.detail(session))["messages"][-1]["content"] == "\U0001f600" * 3


@pytest.mark.parametrize("model", ["gemini-3-flash", "deepseek-chat"])
async def test_tools_with_gemini_and_deepseek(chat_completions_site: Site, provider: Provider, model: str) -> None:
    thoughts = "reasoning 3; " if model == "deepseek-chat" else ""
    tools = 'together; tool current_time {"timezone":"Asia/Tokyo"}; tool current_time {}; say 2 words'
    client = await Client(chat_completions_site.url).login()
    session = await client.create_session(model=model)
    async with client.chat(session) as chat:
        for _ in range(2):
            frames = await chat.ask(thoughts + tools)
            assert_whole_run(frames)
            assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2")
            done = [f for f in frames if f["type"] == "tool_call" and f["status"] == "completed"]
            assert [frame["success"] for frame in done] == [True, True]
        assert text_of(await chat.ask("say 1 word", model="gpt-4.1")) == "word1"
    await client.close()


async def test_a_run_that_takes_too_long_is_ended(sites: Sites, provider: Provider) -> None:
    with sites.own({"RUN_TIMEOUT_S": "1"}, processes=1) as site:
        client = await Client(site.url).login()
        session = await client.create_session()
        async with client.chat(session) as chat:
            frames = await chat.ask("say 900 words; pace 30")
            assert_whole_run(frames)
            assert (frames[-1]["finish_reason"], frames[-2]["code"]) == ("error", "run_timeout")
            said = text_of(frames)
            assert said.startswith("word1 word2")
            assert text_of(await chat.ask("say 1 word")) == "word1"
        assert said in [message["content"] for message in (await client.detail(session))["messages"]]
        await client.close()
