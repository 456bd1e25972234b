"""The first generation of the desktop client, as it is: plain sockets on `/api`, with a login and without."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.harness.client import Chat, Client, Frame, text_of
from tests.harness.provider import Provider
from tests.harness.provider.script import parse
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

LATER_S = 30
QUEUE_S = 0.1  # the client's timer, after the end of an answer


@pytest.fixture(params=["login", "loopback"])
async def desktop(request: pytest.FixtureRequest, site: Site, provider: Provider) -> AsyncIterator[Client]:
    client = Client(site.url)
    if request.param == "login":
        await client.login()
    yield client
    await client.close()


@pytest.fixture
async def session(desktop: Client) -> str:
    return await desktop.create_session()


@pytest.fixture
def mended(site: Site) -> Iterator[None]:
    """Whatever a test did to the processes, the next one finds them all."""
    yield
    for server in site.servers:
        if server.process is None or server.process.poll() is not None:
            server.restart()


def tool(name: str, **arguments: Any) -> str:
    return f"tool {name} {json.dumps(arguments)}"


async def ask(chat: Chat, text: str) -> list[Frame]:
    """All frames from the start of the answer to its end, numbered or not."""
    before = len(chat.frames)
    await chat.say(text)
    await chat.expect("stream_end")
    frames = chat.frames[before:]
    types = [frame["type"] for frame in frames]
    start = types.index("stream_start")  # the end that tells of idleness may come before it
    return frames[start : types.index("stream_end", start) + 1]


def cards(frames: list[Frame]) -> list[Frame]:
    """As the client has it: each frame of a call that is not `detected` is the call's result."""
    return [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] != "detected"]


# -- what the client makes and reads


async def test_a_session_is_made_from_the_welcome_page(desktop: Client) -> None:
    wanted = ["sequential", "fetch", "tavily"]
    body = {"title": "What is in my files...", "mcp_config": wanted, "model": "gpt-4.1", "reasoning_effort": "medium"}
    made = await desktop.post("/api/sessions", body, status=201)
    assert (made["mcp_config"], made["title"]) == (wanted, body["title"])
    async with desktop.chat(made["session_id"]) as chat:
        assert text_of(await ask(chat, "say 3 words")) == "word1 word2 word3"
    assert (await desktop.detail(made["session_id"]))["session"]["mcp_config"] == wanted


async def test_a_card_has_the_result_of_its_call(desktop: Client, session: str) -> None:
    upload = {"file": ("notes.md", b"one\ntwo\n")}
    assert (await desktop.http.post(f"/api/sessions/{session}/files/upload", files=upload)).status_code == 201
    calls = [
        tool("list_directory", path="sources"),
        tool("search_files", pattern="*.md"),
        tool("read_file", file_path="sources/notes.md"),
        tool("edit_file", file_path="sources/notes.md", edits=[{"oldText": "one", "newText": "1"}]),
        tool("generate_document", content="made", filename="made.md"),
        tool("read_file", file_path="sources/nothing.md"),
    ]
    async with desktop.chat(session) as chat:
        frames = await ask(chat, "; ".join([*calls, "say 2 words"]))
    shown = cards(frames)
    assert [card["success"] for card in shown] == [True] * 5 + [False]
    assert [card["status"] for card in shown] == ["completed"] * 6
    folder, found, read, edited, made, _ = (json.loads(card["result"]) for card in shown)
    assert folder["items"] == folder["entries"]
    assert (folder["count"], folder["items"][0]["name"], folder["items"][0]["type"]) == (1, "notes.md", "file")
    assert (found["count"], found["items"][0]["name"]) == (1, "notes.md")
    assert (read["size"], read["format"]) == (8, "md")
    assert edited["changes_made"] == 1
    assert made["size"] == 4
    # And after a reload.
    rows = [row for row in (await desktop.detail(session))["full_history"] if row["role"] == "tool_call"]
    listed = await desktop.get(f"/api/sessions/{session}/messages")
    assert rows == [row for row in listed["messages"] if row["role"] == "tool_call"]
    for row, card in zip(rows, shown, strict=True):
        for name in ("name", "arguments", "result", "success"):
            assert row[name] == row[f"tool_{name}"] == card[name]
        assert row["call_id"] == row["tool_call_id"] == card["id"]


async def test_the_tokens_of_the_context_are_told_after_each_usage(desktop: Client, session: str) -> None:
    async with desktop.chat(session) as chat:
        frames = await ask(chat, "tool current_time {}; say 3 words")
    told = [(n, frame) for n, frame in enumerate(frames) if frame["type"] == "token_usage"]
    assert told
    for n, frame in told:
        usage = frames[n - 1]
        assert usage["type"] == "usage"
        assert frame == {"type": "token_usage", "session_id": session} | {
            name: usage[name] for name in ("current", "limit", "threshold")
        }
    assert len(told) == sum(frame["type"] == "usage" for frame in frames)


async def test_a_stop_is_confirmed_before_the_end(desktop: Client, session: str) -> None:
    async with desktop.chat(session) as chat:
        await chat.say("say 900 words; pace 100")
        await chat.wait_text("word5")
        await chat.send({"type": "interrupt", "session_id": session})
        end = await chat.expect("stream_end")
        assert end["finish_reason"] == "interrupted"
        confirmation = chat.frames[chat.frames.index(end) - 1]
        assert confirmation == {"type": "stream_interrupted", "session_id": session}
        assert [frame["type"] for frame in await ask(chat, "say 3 words")].count("stream_interrupted") == 0


async def test_numbered_clients_know_nothing_of_it(desktop: Client, session: str) -> None:
    async with desktop.chat(session) as plain, desktop.chat(session, after=0) as numbered:
        await ask(plain, "tool current_time {}; say 3 words")
        await numbered.expect("stream_end")
        await plain.say("say 900 words; pace 100")
        await numbered.wait_text("word5 word6")
        await plain.send({"type": "interrupt"})
        await numbered.expect("stream_end", finish_reason="interrupted")
        assert all("seq" in frame for frame in numbered.frames[1:])
        assert [f["status"] for f in numbered.frames if f["type"] == "tool_call"] == [
            "detected",
            "executing",
            "completed",
        ]
        events = await desktop.events(session)
        assert [frame["type"] for frame in numbered.frames[1:] if frame["type"] != "delta"] == [
            event["type"] for event in events if event["type"] != "delta"
        ]


# -- a client that went away


async def test_a_socket_that_finds_nothing_going_on_is_told_an_end_at_once(desktop: Client, session: str) -> None:
    async with desktop.chat(session) as chat:
        end = await chat.expect("stream_end", finish_reason="idle")
        assert end == {"type": "stream_end", "session_id": session, "finish_reason": "idle"}
        assert chat.frames[:2][1] == end
        await ask(chat, "say 3 words")
    async with desktop.chat(session) as again:
        await again.expect("stream_end", finish_reason="idle")
        assert again.log == []


async def test_an_answer_that_ended_while_the_client_was_away_has_an_end(
    desktop: Client, session: str, provider: Provider
) -> None:
    async with desktop.chat(session) as chat:
        await chat.say(f"say 30 words; gate {session} after 5")
        await chat.wait_text("word5")
    async with desktop.chat(session, after=0) as watching:
        provider.open_gate(session)
        await watching.expect("stream_end")
    async with desktop.chat(session) as back:
        await back.expect("stream_end", finish_reason="idle")
    assert (await desktop.detail(session))["full_history"][-1]["content"].endswith("word30")


async def test_who_comes_back_in_mid_answer_sees_it_once(desktop: Client, session: str, provider: Provider) -> None:
    """History and replay together are the conversation: no part is in both, and none in neither."""
    async with desktop.chat(session) as chat:
        await ask(chat, "echo before")
        await chat.say(f"say 40 words; gate {session} after 20")
        await chat.wait_text("word20")
    detail = await desktop.detail(session)
    assert detail["full_history"] == detail["messages"]
    assert [row["content"] for row in detail["messages"] if row["role"] == "assistant"] == ["before"]
    assert all(row["status"] != "pending" for row in detail["messages"])
    listed = await desktop.get(f"/api/sessions/{session}/messages")
    assert listed["messages"] == detail["messages"]
    assert listed["total_count"] == detail["message_count"] == detail["loaded_count"] == 3
    assert listed["has_more"] is detail["has_more"] is False
    async with desktop.chat(session) as back:
        await back.wait_text("word20")
        assert back.log[0]["type"] == "stream_start"
        assert not [frame for frame in back.frames if frame.get("finish_reason") == "idle"]
        provider.open_gate(session)
        await back.expect("stream_end", finish_reason="stop")
        whole = text_of(back.frames)
    detail = await desktop.detail(session)
    assert [row["content"] for row in detail["messages"] if row["role"] == "assistant"] == ["before", whole]
    assert (detail["live"], detail["message_count"]) == ([], 4)


async def test_no_part_of_an_answer_is_in_the_history_and_in_the_replay(
    desktop: Client, session: str, provider: Provider
) -> None:
    """Its tool call has ended, and the answer has not."""
    async with desktop.chat(session) as chat:
        await chat.say(f"tool current_time {{}}; say 9 words; gate {session} after 5")
        await chat.wait_text("word5")
        detail = await desktop.detail(session)
        assert [row["role"] for row in detail["messages"]] == ["user"]
        assert [(row["role"], row["status"]) for row in detail["live"]] == [
            ("tool_call", "completed"),
            ("assistant", "pending"),
        ]
        assert detail["message_count"] == 1
        async with desktop.chat(session) as back:
            await back.wait_text("word5")
            assert [card["id"] for card in cards(back.frames)] == [detail["live"][0]["call_id"]]
            provider.open_gate(session)
            await back.expect("stream_end", finish_reason="stop")
    assert [row["role"] for row in (await desktop.detail(session))["messages"]] == ["user", "tool_call", "assistant"]


async def test_what_is_still_being_written_stands_in_live(desktop: Client, session: str, provider: Provider) -> None:
    async with desktop.chat(session) as chat:
        await chat.say(f"say 40 words; gate {session} after 20")
        await chat.wait_text("word20")
        await chat.say("echo queued", client_id="queued")
        await chat.expect("accepted", client_id="queued")
        detail = await desktop.detail(session)
        assert [row["content"] for row in detail["messages"]][1:] == ["echo queued"]
        (row,) = detail["live"]
        assert (row["role"], row["status"]) == ("assistant", "pending")
        for offset, contents in ((0, 2), (1, 1), (2, 0)):
            page = await desktop.get(f"/api/sessions/{session}/messages", offset=offset)
            assert len(page["messages"]) == contents
            assert page["total_count"] == detail["message_count"] == 2
        async with desktop.chat(session, after=detail["last_seq"]) as numbered:
            provider.open_gate(session)
            await numbered.expect("stream_end", finish_reason="stop")
            whole = row["content"] + text_of([f for f in numbered.frames if f.get("message_id") == row["id"]])
            await numbered.expect("stream_end", finish_reason="stop")
    detail = await desktop.detail(session)
    assert whole in [row["content"] for row in detail["messages"]]
    assert (detail["live"], detail["message_count"], detail["session"]["message_count"]) == ([], 4, 4)


async def test_nobody_is_told_an_end_while_a_message_waits(
    desktop: Client, session: str, provider: Provider, site: Site
) -> None:
    async with desktop.chat(session) as chat:
        await chat.say(f"say 9 words; gate {session} after 3")
        await chat.wait_text("word3")
        await chat.say("echo queued", client_id="queued")
        await chat.expect("accepted", client_id="queued")
    async with desktop.chat(session) as back:
        await back.wait_text("word3")
        provider.open_gate(session)
        for _ in range(2):
            await back.expect("stream_start")
            await back.expect("stream_end")
        assert not [frame for frame in back.frames if frame.get("finish_reason") == "idle"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_server_that_goes_away_leaves_no_client_waiting(
    desktop: Client, session: str, site: Site, how: signal.Signals, mended: None
) -> None:
    async with desktop.chat(session) as chat:
        await chat.say("say 3000 words; pace 50")
        await chat.wait_text("word5")
        await asyncio.to_thread(site.servers[0].stop, how)
        await chat.wait_closed()
        seen = list(chat.frames)
    site.servers[0].start()
    await asyncio.to_thread(site.servers[0].wait)
    async with desktop.chat(session) as back:
        await back.wait_for(lambda frames: [f for f in frames if f["type"] == "stream_end"], timeout=LATER_S)
        assert text_of(await ask(back, "say 3 words")) == "word1 word2 word3"
    said = (await desktop.detail(session))["full_history"][1]["content"]
    assert said.startswith(text_of(seen))


@pytest.mark.parametrize("end", ["clear", "delete"])
async def test_a_session_that_is_cleared_or_deleted_in_mid_answer_ends_it(
    desktop: Client, session: str, end: str
) -> None:
    async with desktop.chat(session) as chat:
        await chat.say("say 900 words; pace 100")
        await chat.wait_text("word5")
        if end == "clear":
            await desktop.post(f"/api/sessions/{session}/clear")
        else:
            assert (await desktop.http.delete(f"/api/sessions/{session}")).json()["success"] is True
        await chat.expect("stream_end")


# -- a server that shuts down


@pytest.fixture(scope="module")
def patient_site(sites: Sites) -> Iterator[Site]:
    with sites.own(TIMES | {"SHUTDOWN_GRACE_S": "15"}, processes=1) as site:
        yield site


async def test_plain_sockets_are_closed_when_their_answer_has_ended(patient_site: Site, provider: Provider) -> None:
    client = await Client(patient_site.url).login()
    answering, quiet = [await client.create_session() for _ in range(2)]
    async with (
        client.chat(answering) as chat,
        client.chat(answering, after=0) as numbered,
        client.chat(quiet) as other,
    ):
        await chat.say(f"say 30 words; gate {answering} after 5")
        await chat.wait_text("word5")
        stopping = asyncio.create_task(asyncio.to_thread(patient_site.servers[0].stop, signal.SIGTERM))
        assert [await gone.wait_closed() for gone in (numbered, other)] == [1001, 1001]
        assert chat.close_code is None
        provider.open_gate(answering)
        end = await chat.expect("stream_end")
        assert end["finish_reason"] == "stop"
        assert await chat.wait_closed() == 1001
        await stopping
    await client.close()
    patient_site.servers[0].restart()


async def test_what_the_client_kept_until_the_end_of_an_answer_is_not_lost(
    patient_site: Site, provider: Provider
) -> None:
    """It sends its queue a moment after the end that it is told."""
    client = await Client(patient_site.url).login()
    session, quiet = [await client.create_session() for _ in range(2)]
    async with client.chat(session) as chat, client.chat(quiet) as other:
        await chat.say(f"say 30 words; gate {session} after 5")
        await chat.wait_text("word5")
        stopping = asyncio.create_task(asyncio.to_thread(patient_site.servers[0].stop, signal.SIGTERM))
        assert await other.wait_closed() == 1001
        provider.open_gate(session)
        await chat.expect("stream_end")
        await asyncio.sleep(QUEUE_S)
        await chat.say("echo kept")
        await chat.expect("accepted")
        assert await chat.wait_closed() == 1001
        await stopping
    patient_site.servers[0].restart()
    async with client.chat(session) as chat:
        await chat.expect("stream_end")  # of the answer, or idle where that is there already
    assert (await client.detail(session))["messages"][-1]["content"] == "kept"
    await client.close()


# -- titles and summaries


async def test_a_title_that_came_with_the_session_gives_way_to_the_automatic_one(desktop: Client) -> None:
    session = await desktop.create_session(title="Plan a week of dinners for f...")
    made = (await desktop.detail(session))["session"]
    assert (made["title"], made["is_named"]) == ("Plan a week of dinners for f...", False)
    async with desktop.chat(session) as chat:
        await chat.say("echo Plan a week of dinners for four people")
        updated = await chat.expect("session_updated")
        assert updated["title"] == (await desktop.detail(session))["session"]["title"]
        assert updated["title"].startswith("Echo Plan a week of dinners for")
        await chat.expect("stream_end")
        # Once: what is said later changes it no more.
        await ask(chat, "echo Something else entirely")
    assert (await desktop.detail(session))["session"]["title"] == updated["title"]


async def test_a_title_that_a_person_set_stays(desktop: Client) -> None:
    session = await desktop.create_session(title="Plan a week of dinners for f...")
    renamed = await desktop.http.patch(f"/api/sessions/{session}", json={"title": "Dinners"})
    assert (renamed.json()["title"], renamed.json()["is_named"]) == ("Dinners", True)
    async with desktop.chat(session) as chat:
        await ask(chat, "echo Plan a week of dinners for four people")
    assert (await desktop.detail(session))["session"]["title"] == "Dinners"


async def test_a_summary_stands_in_the_history(desktop: Client, session: str, provider: Provider) -> None:
    async with desktop.chat(session) as chat:
        await ask(chat, "echo bread")
        refused = await desktop.post(f"/api/sessions/{session}/summarize")
        assert (refused["success"], refused["summary"], bool(refused["message"])) == (False, "", True)
        await ask(chat, "echo more bread")
        provider.scripts.append(parse("echo They spoke of bread."))
        answer = await desktop.post(f"/api/sessions/{session}/summarize")
        assert answer["success"] is True
        row = (await desktop.detail(session))["full_history"][-1]
        assert (row["role"], row["status"], row["success"]) == ("tool_call", "completed", True)
        assert (row["call_id"], row["name"]) == (answer["tool_call_id"], "summarize_conversation")
        assert row["result"] == answer["summary"] == "They spoke of bread."
        assert text_of(await ask(chat, "say 2 words")) == "word1 word2"
