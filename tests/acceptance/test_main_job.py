"""Sign in, open a session, send a message, watch the answer stream, find it in the history."""

import re
from datetime import datetime

import pytest

from tests.harness.client import Client, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import Sites

pytestmark = pytest.mark.everyday(reason="what all of this is for")

WORDS = " ".join(f"word{number}" for number in range(1, 31))
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def test_an_answer_streams_and_is_in_the_history(alice: Client, provider: Provider) -> None:
    created = await alice.post("/api/sessions", {}, status=201)
    session = created["session_id"]
    assert re.fullmatch(r"chat_[0-9a-f]{16,}", session)
    async with alice.chat(session) as chat:
        connected = chat.frames[0]
        assert connected["session_id"] == session
        assert connected["run"] is None and isinstance(connected["last_seq"], int)
        frames = await chat.ask("say 30 words", client_id="one")
        accepted = next(frame for frame in chat.frames if frame["type"] == "accepted")
        assert accepted["client_id"] == "one" and len(accepted["message_ids"]) == 1
        assert accepted["run_id"] == frames[0]["run_id"]
        assert_whole_run(frames)
        assert_gapless(chat.log)
        assert text_of(frames) == WORDS

    detail = await alice.detail(session)
    user, assistant = detail["messages"]
    assert detail["full_history"] == detail["messages"]
    assert detail["run"] is None and detail["last_seq"] == frames[-1]["seq"]
    assert (user["id"], user["role"], user["content"], user["position"]) == (
        accepted["message_ids"][0],
        "user",
        "say 30 words",
        1,
    )
    assert (assistant["role"], assistant["content"], assistant["position"]) == ("assistant", WORDS, 2)
    assert assistant["status"] == "completed" and assistant["partial"] is False
    assert assistant["id"] == frames[-1]["message_id"] == frames[-2].get("message_id", frames[-1]["message_id"])
    assert detail["session"]["message_count"] == 2
    assert detail["session"]["last_message_preview"].startswith("word1 word2")


async def test_a_burst_arrives_whole(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        frames = await chat.ask("say 12000 words")
        assert_gapless(chat.log)
    assert text_of(frames).split() == [f"word{number}" for number in range(1, 12_001)]
    assert (await alice.detail(session))["messages"][-1]["content"] == text_of(frames)


async def test_every_frame_of_the_log_says_where_it_belongs(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        frames = await chat.ask("reasoning 3; say 5 words")
        for frame in frames:
            assert frame["session_id"] == session
            assert RFC3339.fullmatch(frame["at"])
        assert [frame["at"] for frame in chat.log] == sorted(frame["at"] for frame in chat.log)
        thoughts = "".join(frame["content"] for frame in frames if frame["type"] == "reasoning_delta")
        assert thoughts.startswith("thought1 thought2 thought3")
        usage = next(frame for frame in frames if frame["type"] == "usage")
        assert usage["output_tokens"] == 8
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert {"context_tokens", "threshold_tokens", "current", "limit", "threshold"} <= usage.keys()
        end = frames[-1]
        assert end["finish_reason"] == "stop" and end["usage"]["output_tokens"] == 8


async def test_the_model_is_given_the_whole_conversation(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("echo My cat is called Ada.")
        await chat.ask("say 2 words")
        await chat.ask("What is it called?")
    assert provider.requests[-1].texts[-5:] == [
        ("user", "echo My cat is called Ada."),
        ("assistant", "My cat is called Ada."),
        ("user", "say 2 words"),
        ("assistant", "word1 word2"),
        ("user", "What is it called?"),
    ]


async def test_several_texts_in_one_message_are_answered_once(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.send({"type": "message", "messages": ["First.", {"content": "Second."}]})
        accepted = await chat.expect("accepted")
        await chat.expect("stream_end")
    assert len(accepted["message_ids"]) == 2
    messages = (await alice.detail(session))["messages"]
    assert [message["role"] for message in messages] == ["user", "user", "assistant"]
    assert len(provider.requests) == 1
    assert provider.requests[0].texts[-2:] == [("user", "First."), ("user", "Second.")]


async def test_any_unicode_arrives_as_it_was_said(alice: Client, session: str) -> None:
    text = 'naïve 😀 𝄞 \u202e עברית \\ "quoted" </script> \u2028 tab\tend'
    async with alice.chat(session) as chat:
        frames = await chat.ask(f"echo {text}")
    assert text_of(frames) == text
    assert (await alice.detail(session))["messages"][-1]["content"] == text


async def test_a_tool_runs_and_its_call_is_seen_stored_and_given_back(
    alice: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session, after=0) as chat:
        frames = await chat.ask('tool current_time {"timezone": "UTC"}; echo It is late.')
        assert_whole_run(frames)
        calls = [frame for frame in frames if frame["type"] == "tool_call"]
        assert [call["status"] for call in calls] == ["detected", "executing", "completed"]
        assert len({call["id"] for call in calls}) == 1
        last = calls[-1]
        assert (last["name"], last["arguments"]) == ("current_time", '{"timezone": "UTC"}')
        assert last["success"] is True and "UTC" in last["result"]
        for name in ("name", "arguments", "result", "success"):
            assert last[f"tool_{name}"] == last[name]
        assert last["tool_call_id"] == last["id"]
        pieces = [frame["delta"] for frame in frames if frame["type"] == "tool_call_arguments_delta"]
        assert "".join(pieces) == '{"timezone": "UTC"}'
        await chat.ask("say 3 words")
    user, call, answer = (await alice.detail(session))["messages"][:3]
    assert (user["role"], call["role"], answer["role"]) == ("user", "tool_call", "assistant")
    assert (call["tool_call_id"], call["tool_name"], call["tool_success"]) == (
        last["id"],
        "current_time",
        True,
    )
    assert call["tool_result"] == last["result"] and call["status"] == "completed"
    kinds = [item.get("type", "message") for item in provider.requests[-1].items]
    assert kinds[-5:] == ["message", "function_call", "function_call_output", "message", "message"]


async def test_several_tools_in_one_turn_and_turn_after_turn(alice: Client, session: str) -> None:
    two = 'tool current_time {"timezone": "UTC"}; tool current_time {"timezone": "Europe/Berlin"}'
    async with alice.chat(session) as chat:
        for script in (f"{two}; together; say 2 words", f"{two}; say 2 words"):
            frames = await chat.ask(script)
            assert_whole_run(frames)
            done = [f["name"] for f in frames if f["type"] == "tool_call" and f["status"] == "completed"]
            assert sorted(done) == ["current_time"] * 2
            assert text_of(frames) == "word1 word2"


async def test_an_unknown_tool_and_bad_arguments_do_not_end_the_turn(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        frames = await chat.ask('tool current_time {"timezone": 7}; say 2 words')
        assert_whole_run(frames)
        assert frames[-1]["finish_reason"] == "stop"
        frames = await chat.ask("tool telepathy {}; say 2 words")
        assert_whole_run(frames)
        assert_whole_run(await chat.ask("say 2 words"))


async def test_the_first_message_gives_the_session_a_title(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.say("How do I bake rye bread at home?")
        updated = await chat.expect("session_updated")
        await chat.expect("stream_end")
    assert updated["title"] == updated["session"]["title"]
    assert "rye bread" in (await alice.detail(session))["session"]["title"]


async def test_the_newest_session_stands_first_in_the_list(alice: Client) -> None:
    first, second = await alice.create_session(), await alice.create_session()
    async with alice.chat(first) as chat:
        await chat.ask("say 2 words")
    # Sessions that other tests have pinned stand before all.
    sessions = (await alice.get("/api/sessions", limit=100))["sessions"]
    assert [s["session_id"] for s in sessions if s["session_id"] in (first, second)] == [first, second]


@pytest.fixture
def demo_site(sites: Sites) -> Site:
    return sites.get(processes=1, demo=True)


async def test_without_a_key_the_demo_answers_and_says_what_it_is(demo_site: Site) -> None:
    client = await Client(demo_site.url).login()
    models = (await client.get("/api/config"))["models"]
    assert [model["isDefault"] for model in models if model["id"] == "demo"] == [True]
    session = await client.create_session()
    async with client.chat(session) as chat:
        frames = await chat.ask("Who are you?")
        assert_whole_run(frames)
        assert frames[-1]["finish_reason"] == "stop"
        assert "demo" in text_of(frames).lower()
        assert_whole_run(await chat.ask("What did I ask before?"))
    await client.close()


async def test_times_are_rfc3339_with_microseconds(alice: Client, session: str) -> None:
    detail = (await alice.detail(session))["session"]
    for name in ("created_at", "updated_at", "last_used_at"):
        assert RFC3339.fullmatch(detail[name])
        datetime.fromisoformat(detail[name])


async def test_neither_secrets_nor_texts_are_logged(alice: Client, session: str, site: Site) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("echo xylophone-under-the-bed")
    answer = await alice.http.get(f"/api/sessions/{session}?token={alice.token}")
    assert answer.status_code == 200
    logs = site.logs()
    assert "xylophone" not in logs
    assert alice.token not in logs and "sk-tests" not in logs
