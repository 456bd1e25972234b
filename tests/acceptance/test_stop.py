"""A stop from anywhere, at once, with everything kept that had been said."""

import asyncio
import time

import pytest

from tests.harness.client import Chat, Client, Frame, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider

STOP_S = 0.25  # on a machine that has time for the server
STOPS = 5  # of each way, judged by the one in the middle
WORK_S = 0.02


def crowding() -> float:
    """How many times longer than its processor time a piece of work takes here, now."""
    began, worked = time.perf_counter(), time.thread_time()
    while time.thread_time() - worked < WORK_S:
        pass
    return max(1.0, (time.perf_counter() - began) / WORK_S)


async def stopped(chat: Chat) -> list[Frame]:
    end = await chat.expect("stream_end")
    assert end["finish_reason"] == "interrupted"
    frames = chat.of_run(end["run_id"], up_to=end["seq"])
    assert_whole_run(frames)
    return frames


@pytest.mark.timing(reason="other work on the machine may come between any two steps of a stop")
@pytest.mark.parametrize("place", ["same socket", "other socket", "rest", "other process", "rest elsewhere"])
async def test_a_stop_is_answered_within_250_ms_and_keeps_what_was_said(
    alice: Client, elsewhere: Client, session: str, provider: Provider, place: str
) -> None:
    took = []
    async with alice.chat(session) as chat, alice.chat(session) as other, elsewhere.chat(session) as remote:
        sockets = {"same socket": chat, "other socket": other, "other process": remote}
        for _ in range(STOPS):
            await chat.say("say 2000 words; pace 100")
            start = await chat.expect("stream_start")
            for _ in range(5):
                await chat.expect("delta", run_id=start["run_id"])
            crowded = crowding()
            since = time.monotonic()
            if place in sockets:
                await sockets[place].send({"type": "interrupt"})
            else:
                client = elsewhere if place == "rest elsewhere" else alice
                answer = await client.post(f"/api/sessions/{session}/interrupt")
                assert answer == answer | {"stopped": True, "run_id": start["run_id"]}
            frames = await stopped(chat)
            seconds = time.monotonic() - since
            took.append(seconds / max(crowded, crowding()))

            said = text_of(frames)
            message = (await elsewhere.detail(session))["messages"][-1]
            assert message["content"] == said and said.startswith("word1 word2")
            assert (message["status"], message["partial"]) == ("interrupted", True)

            assert_whole_run(await chat.ask("say 3 words"))
            partial, told, asked = provider.requests[-1].texts[-3:]
            assert (partial, asked) == (("assistant", said), ("user", "say 3 words"))
            assert "stopped" in told[1]
        assert_gapless(chat.log)
    assert provider.requests[0].ended == "cut"
    assert sorted(took)[STOPS // 2] < STOP_S, f"stopped after {took} s"


async def test_a_stop_before_the_first_word(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.say("hang")
        start = await chat.expect("stream_start")
        await chat.send({"type": "interrupt", "run_id": start["run_id"]})
        await stopped(chat)
        assert_whole_run(await chat.ask("say 3 words"))


async def test_a_stop_in_the_middle_of_a_tool_call(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.say('tool current_time {"timezone": "UTC"}; gate tool in call')
        await chat.expect("tool_call", "tool_call_arguments_delta")
        await chat.send({"type": "interrupt"})
        end = await chat.expect("stream_end", finish_reason="interrupted")
        frames = chat.of_run(end["run_id"])
        assert_whole_run(frames)
        calls = [frame for frame in frames if frame["type"] == "tool_call"]
        if calls:
            assert calls[-1]["status"] == "completed"
            assert calls[-1]["success"] is False and calls[-1]["interrupted"] is True
        assert_whole_run(await chat.ask("say 3 words"))
        assert_gapless(chat.log)


async def test_a_stop_twice_and_a_stop_of_nothing(alice: Client, session: str) -> None:
    assert (await alice.post(f"/api/sessions/{session}/interrupt"))["stopped"] is False
    async with alice.chat(session) as chat:
        await chat.say("say 500 words; pace 50")
        await chat.wait_text("word5")
        both = await asyncio.gather(*(alice.post(f"/api/sessions/{session}/interrupt") for _ in range(4)))
        await chat.expect("stream_end")
        assert any(answer["stopped"] for answer in both)
        await chat.send({"type": "interrupt"})
        await chat.send({"type": "ping"})
        await chat.expect("pong")
        await alice.post(f"/api/sessions/{session}/interrupt")
        assert_whole_run(await chat.ask("say 3 words"))
        assert [frame["type"] for frame in chat.log].count("stream_end") == 2


async def test_a_stop_of_another_run_stops_nothing(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("say 2 words")
        past = chat.log[-1]["run_id"]
        await chat.say("say 9 words; gate other after 3")
        await chat.expect("delta")
        answer = await alice.post(f"/api/sessions/{session}/interrupt", {"run_id": past})
        assert answer["stopped"] is False
        provider.open_gate("other")
        await chat.expect("stream_end", finish_reason="stop")


async def test_a_stop_leaves_what_is_queued(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 500 words; pace 50")
        await chat.wait_text("word3")
        await chat.say("echo next")
        await chat.expect("accepted")
        await chat.send({"type": "interrupt"})
        await chat.expect("stream_end", finish_reason="interrupted")
        end = await chat.expect("stream_end", finish_reason="stop")
        assert text_of(chat.of_run(end["run_id"])) == "next"


async def test_mallory_stops_nothing(alice: Client, mallory: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 9 words; gate mallory after 3")
        await chat.wait_text("word3")
        assert (await mallory.http.post(f"/api/sessions/{session}/interrupt")).status_code == 404
        provider.open_gate("mallory")
        await chat.expect("stream_end", finish_reason="stop")
