"""The same events over HTTP: POST /api/chat and the log as an event stream."""

import asyncio

import pytest

from tests.harness.client import Client, Frame, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider


async def up_to_end(frames: object) -> list[Frame]:
    got: list[Frame] = []
    async with asyncio.timeout(15):
        async for frame in frames:  # type: ignore[attr-defined]
            got.append(frame)
            if frame["type"] == "stream_end":
                break
    return got


def message(text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text, "attachments": None}], "model": None}


async def test_a_post_to_chat_streams_from_start_to_end(alice: Client, session: str) -> None:
    body = {"session_id": session} | message("say 20 words")
    async with alice.sse("POST", "/api/chat", body) as stream:
        frames = [frame async for frame in stream]
    assert frames[0]["type"] == "stream_start"
    assert_whole_run(frames)
    assert text_of(frames) == (await alice.detail(session))["messages"][-1]["content"]
    # The log's other events, such as a new title, have numbers in between.
    assert [frame["seq"] for frame in frames] == sorted({frame["seq"] for frame in frames})


async def test_a_closed_chat_stream_does_not_stop_the_run(alice: Client, session: str, provider: Provider) -> None:
    body = {"session_id": session} | message("say 20 words; gate closed after 5")
    async with alice.sse("POST", "/api/chat", body) as stream:
        async for frame in stream:
            if frame["type"] == "delta":
                break
    provider.open_gate("closed")
    async with alice.chat(session, after=0) as chat:
        assert (await chat.expect("stream_end"))["finish_reason"] == "stop"
        assert text_of(chat.frames).endswith("word20")


async def test_a_repeated_post_to_chat_joins_the_run_that_it_started(alice: Client, session: str) -> None:
    body = {"session_id": session} | message("say 20 words")
    both = []
    for _ in range(2):
        async with alice.sse("POST", "/api/chat", body, **{"Idempotency-Key": session}) as stream:
            both.append([frame async for frame in stream])
    assert {frame["run_id"] for frames in both for frame in frames} == {both[0][0]["run_id"]}
    assert text_of(both[0]) == text_of(both[1])
    assert (await alice.detail(session))["message_count"] == 2
    other = body | message("something else")
    answer = await alice.http.post("/api/chat", json=other, headers={"Idempotency-Key": session})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_mismatch")


async def test_a_socket_sees_what_was_posted(alice: Client, elsewhere: Client, session: str) -> None:
    async with elsewhere.chat(session) as chat:
        async with alice.sse("POST", "/api/chat", {"session_id": session} | message("say 5 words")) as stream:
            posted = [frame async for frame in stream]
        await chat.expect("message_created")
        await chat.expect("stream_end")
        assert text_of(chat.frames) == text_of(posted)


async def test_chat_refuses_what_it_cannot_answer(alice: Client) -> None:
    unknown = {"session_id": "chat_0123456789abcdef"} | message("x")
    assert (await alice.http.post("/api/chat", json=unknown)).status_code == 404
    session = await alice.create_session()
    for messages in ([], None, "x", [{"role": "user"}], [{"role": "user", "content": ""}], [7]):
        answer = await alice.http.post("/api/chat", json={"session_id": session, "messages": messages})
        assert answer.status_code == 400, messages
        assert answer.json()["error"]["code"]


async def test_the_log_is_read_in_pages(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("tool current_time {}; say 30 words")
    page = await alice.get(f"/api/sessions/{session}/events", after=0, limit=2)
    assert len(page["events"]) == 2
    assert page["has_more"] is True
    whole = await alice.events(session)
    assert_gapless(whole)
    assert page["last_seq"] == whole[-1]["seq"] >= chat.log[-1]["seq"]
    assert {event["type"] for event in whole} >= {"message_created", "stream_start", "delta", "stream_end"}
    for event in whole:
        assert {"seq", "session_id", "run_id", "at"} <= event.keys()


async def test_the_log_goes_on_live_and_is_resumed_by_its_id(
    alice: Client, elsewhere: Client, session: str, provider: Provider
) -> None:
    path = f"/api/sessions/{session}/events"
    async with alice.chat(session) as chat:
        await chat.say("say 30 words; gate live after 10")
        await chat.wait_text("word10")
        async with alice.sse("GET", f"{path}?after=0") as stream:
            first: list[Frame] = []
            async for frame in stream:
                first.append(frame)
                if "word10" in text_of(first):
                    break
            assert [int(frame["_id"]) for frame in first] == [frame["seq"] for frame in first]
        provider.open_gate("live")
        async with elsewhere.sse("GET", path, **{"Last-Event-ID": first[-1]["_id"]}) as stream:
            rest = await up_to_end(stream)
        await chat.expect("stream_end")
    assert_gapless(first + rest)
    assert text_of(first + rest).endswith("word30")
    assert rest[-1]["seq"] == chat.log[-1]["seq"]


async def test_a_stop_reaches_an_event_stream(alice: Client, session: str) -> None:
    async with alice.sse("POST", "/api/chat", {"session_id": session} | message("say 900; pace 50")) as stream:
        frames: list[Frame] = []
        async for frame in stream:
            frames.append(frame)
            if frame["type"] == "delta" and len(frames) < 8:
                await alice.post(f"/api/sessions/{session}/interrupt")
    assert_whole_run(frames)
    assert frames[-1]["finish_reason"] == "interrupted"


@pytest.mark.parametrize("headers", [{}, {"Last-Event-ID": "x"}])
async def test_a_place_that_is_no_number_is_one_that_no_log_has(
    alice: Client, session: str, headers: dict[str, str]
) -> None:
    """As on a socket: a browser's EventSource would give up for ever where it is refused."""
    for path in (f"/api/sessions/{session}/events", "/api/events"):
        async with alice.sse("GET", path if headers else f"{path}?after=x", **headers) as stream:
            async for frame in stream:
                if frame["type"] == "resync":
                    break
    refused = await alice.http.get(f"/api/sessions/{session}/events?after=x")
    assert refused.status_code == 400  # a page has a beginning
