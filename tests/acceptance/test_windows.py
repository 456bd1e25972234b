"""Several windows of one session, joining, leaving and coming back."""

import asyncio

from tests.harness.client import Client, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider


async def test_two_windows_see_the_same_frames(alice: Client, elsewhere: Client, session: str) -> None:
    async with alice.chat(session) as one, elsewhere.chat(session) as two:
        frames = await one.ask("say 40 words; pace 200", client_id="mine")
        await two.expect("stream_end")
        assert [f["type"] for f in two.frames if f["type"] == "accepted"] == []
        user = next(frame for frame in two.frames if frame["type"] == "message_created")
        assert user["message"]["content"].startswith("say 40 words")
        assert text_of(two.frames) == text_of(frames) == text_of(one.frames)
        for chat in (one, two):
            assert_gapless(chat.log, after=chat.frames[0]["last_seq"])
        assert one.log[-1] == two.log[-1]


async def test_a_window_that_joins_in_mid_answer_sees_the_same_text(
    alice: Client, elsewhere: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as one:
        await one.say("say 60 words; gate join after 25")
        await one.wait_text("word25")
        async with elsewhere.chat(session) as third:
            assert third.frames[0]["run"] is not None
            await third.wait_text("word25")
            provider.open_gate("join")
            end = await third.expect("stream_end")
            await one.expect("stream_end")
            assert text_of(third.frames) == text_of(one.frames)
            assert third.frames[-1] == end
            live = [frame for frame in third.log if frame["seq"] > third.frames[0]["last_seq"]]
            assert_gapless(live, after=third.frames[0]["last_seq"])


async def test_a_reload_sees_each_later_event_once(
    alice: Client, elsewhere: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as one:
        await one.say("say 60 words; gate reload after 25")
        await one.wait_text("word25")
    last = one.log[-1]["seq"]
    async with elsewhere.chat(session, after=last) as again:
        provider.open_gate("reload")
        await again.expect("stream_end")
        assert_gapless(again.log, after=last)
        assert text_of(one.frames) + text_of(again.frames) == (await alice.detail(session))["messages"][-1]["content"]


async def test_every_cursor_gives_the_rest_of_the_log(alice: Client, elsewhere: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("tool current_time {}; say 20 words")
        last = chat.log[-1]["seq"]
        await chat.wait_seq(last)
    whole = text_of(await alice.events(session))

    async def resumed(after: int) -> None:
        async with elsewhere.chat(session, after=after) as again:
            if after < last:
                await again.wait_seq(last)
            assert_gapless(again.log, after=after)
            assert whole.endswith(text_of(again.frames))

    for start in range(0, last + 1, 8):
        await asyncio.gather(*(resumed(after) for after in range(start, min(start + 8, last + 1))))


async def test_a_detail_read_in_mid_answer_joins_the_log_without_a_seam(
    alice: Client, elsewhere: Client, session: str, provider: Provider
) -> None:
    """The text so far is consistent with `last_seq`."""
    async with alice.chat(session) as chat:
        await chat.say("say 50 words; gate seam after 20")
        await chat.wait_text("word20")
        detail = await elsewhere.detail(session)
        (pending,) = detail["live"]
        assert pending["status"] == "pending" and detail["run"] is not None
        provider.open_gate("seam")
        async with elsewhere.chat(session, after=detail["last_seq"]) as again:
            await again.expect("stream_end")
            assert_gapless(again.log, after=detail["last_seq"])
            whole = pending["content"] + text_of(again.frames)
    assert whole == (await alice.detail(session))["messages"][-1]["content"]


async def test_a_closed_tab_does_not_stop_the_run(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 30 words; gate tab after 5")
        await chat.wait_text("word5")
    provider.open_gate("tab")
    async with alice.chat(session, after=0) as again:
        end = await again.expect("stream_end")
        assert end["finish_reason"] == "stop"
        assert text_of(again.frames).endswith("word30")


async def test_a_cursor_that_cannot_be_served_is_answered_with_resync(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("say 2 words")
        last = chat.log[-1]["seq"]
    for cursor in ("999999", "-1", "abc", "1e3", "9" * 40, "%00", ""):
        async with alice.chat(session + f"?after={cursor}") as again:
            resync = await again.expect("resync")
            assert resync["last_seq"] >= last
            assert_whole_run(await again.ask("say 2 words"))
            last = again.log[-1]["seq"]


async def test_a_message_while_busy_is_queued_in_order(
    alice: Client, elsewhere: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as one, elsewhere.chat(session) as two:
        await one.say("say 5 words; gate busy after 2")
        await one.wait_text("word2")
        for number in range(3):
            await (one, two)[number % 2].say(f"echo answer {number}", client_id=f"q{number}")
            await (one, two)[number % 2].expect("accepted", client_id=f"q{number}")
        provider.open_gate("busy")
        for _ in range(4):
            await two.expect("stream_end", finish_reason="stop")
        assert_gapless(two.log, after=two.frames[0]["last_seq"])
        starts = [frame["run_id"] for frame in two.frames if frame["type"] == "stream_start"]
        assert [text_of(two.of_run(run)) for run in starts[1:]] == ["answer 0", "answer 1", "answer 2"]
        for run in starts:
            assert_whole_run([f for f in two.of_run(run) if f["type"] != "message_created"])


async def test_a_message_while_busy_may_ask_to_be_rejected(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 5 words; gate reject after 2")
        await chat.wait_text("word2")
        await chat.say("echo no", on_busy="reject", client_id="r")
        error = await chat.expect("error")
        assert error["code"] == "run_active" and "seq" not in error
        provider.open_gate("reject")
        await chat.expect("stream_end", finish_reason="stop")
    assert [m["role"] for m in (await alice.detail(session))["messages"]] == ["user", "assistant"]


async def test_a_message_while_busy_may_interrupt(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 50 words; gate never after 10")
        await chat.wait_text("word10")
        await chat.say("echo instead", on_busy="interrupt")
        await chat.expect("stream_end", finish_reason="interrupted")
        start = await chat.expect("stream_start")
        await chat.expect("stream_end", finish_reason="stop")
        assert text_of(chat.of_run(start["run_id"])) == "instead"
        assert_gapless(chat.log)
    texts = provider.requests[-1].texts
    assert any(role == "assistant" and text.endswith("word10") for role, text in texts)


async def test_a_repeated_client_id_is_accepted_once(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.say("echo once", client_id="same")
        first = await chat.expect("accepted")
        await chat.say("echo once", client_id="same")
        second = await chat.expect("accepted")
        assert (first["run_id"], first["message_ids"]) == (second["run_id"], second["message_ids"])
        await chat.wait_for(lambda frames: any(f["type"] == "stream_end" and f.get("run_id") for f in frames))
        await chat.say("echo another", client_id="same")
        refused = await chat.expect("error")
        assert (refused["code"], refused["client_id"]) == ("idempotency_mismatch", "same")
        await chat.ask("echo twice")
    assert [m["content"] for m in (await alice.detail(session))["messages"] if m["role"] == "user"] == [
        "echo once",
        "echo twice",
    ]
