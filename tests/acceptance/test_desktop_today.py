"""Today's client over HTTP and WebSocket, beside the first generation and MAI: what one session is to several of them.

What each of its flows shows on its screen is in tests/desktop.
"""

import json
from contextlib import AbstractAsyncContextManager

import pytest

from tests.harness.client import Chat, Client, Frame, socket
from tests.harness.provider import Provider

WORDS = {"assistant_start", "assistant_delta", "assistant_end", "token_usage", "session_updated", "ping"}


async def make(alice: Client, **body: object) -> str:
    made = await alice.post("/api/v1/sessions", {"title": "New...", "mcp_config": ["fetch"], **body}, status=201)
    session_id: str = made["session_id"]
    return session_id


def plain(alice: Client, session_id: str) -> AbstractAsyncContextManager[Chat]:
    return socket(alice.url, session_id, f"?token={alice.token}" if alice.token else "")


async def told(alice: Client, session_id: str, text: str, end: str) -> list[Frame]:
    """All that a plain socket is told, from its opening to the end of an answer."""
    async with plain(alice, session_id) as chat:
        await chat.expect(end, finish_reason="idle")
        await chat.say(text)
        await chat.expect(end, finish_reason="stop")
        return chat.frames


async def test_a_plain_socket_has_the_words_of_the_prefix_that_loaded_the_session_last(alice: Client) -> None:
    session_id = await make(alice)
    frames = await told(alice, session_id, "say 3 words", "assistant_end")
    assert {frame["type"] for frame in frames} <= WORDS
    assert "".join(frame["content"] for frame in frames if frame["type"] == "assistant_delta") == "word1 word2 word3"
    await alice.get(f"/api/sessions/{session_id}")
    frames = await told(alice, session_id, "say 3 words", "stream_end")
    assert not {frame["type"] for frame in frames} & {"assistant_start", "assistant_delta", "assistant_end"}
    pk = (await alice.get(f"/api/v1/sessions/{session_id}"))["session"]["id"]
    await alice.get(f"/api/sessions/{pk}")  # by its UUID: nobody's plain socket changes its words
    await told(alice, session_id, "say 3 words", "assistant_end")


async def test_a_look_by_a_client_that_knows_numbers_changes_nobodys_words(alice: Client) -> None:
    """Today's client opens its socket again without loading the session: it would hear words that it does not know."""
    session_id = await make(alice)
    await alice.get(f"/api/sessions/{session_id}", numbered="true")
    await told(alice, session_id, "say 3 words", "assistant_end")
    await alice.get(f"/api/sessions/{session_id}", numbered="false")
    await told(alice, session_id, "say 3 words", "stream_end")
    answer = await alice.http.get(f"/api/sessions/{session_id}", params={"numbered": "perhaps"})
    assert answer.status_code == 400


async def test_a_generation_that_signs_in_and_one_that_does_not_keep_their_words(alice: Client) -> None:
    """Whichever loaded the session last: each opens its socket again without loading it, and would be locked up."""
    session_id = await make(alice)
    first = Client(alice.url)  # on the server's own machine, which lets its owner in
    for _ in range(2):
        await first.detail(session_id)
        await told(alice, session_id, "say 3 words", "assistant_end")
        await told(first, session_id, "say 3 words", "stream_end")
        await alice.get(f"/api/v1/sessions/{session_id}")
        await told(first, session_id, "say 3 words", "stream_end")
        await told(alice, session_id, "say 3 words", "assistant_end")
    await first.close()


async def test_windows_of_both_generations_follow_one_answer(alice: Client) -> None:
    session_id = await make(alice)
    async with plain(alice, session_id) as today:
        await today.expect("assistant_end", finish_reason="idle")
        await alice.get(f"/api/sessions/{session_id}")
        async with plain(alice, session_id) as first, alice.chat(session_id, after=0) as numbered:
            await first.expect("stream_end", finish_reason="idle")
            await today.say('tool current_time {"timezone": "UTC"}; say 3 words')
            await today.expect("assistant_end", finish_reason="stop")
            for chat in (first, numbered):
                await chat.expect("stream_end", finish_reason="stop")
            calls = [frame for frame in today.frames if frame["type"].startswith("function_")]
            assert [frame["type"] for frame in calls] == [
                "function_detected", "function_executing", "function_completed",
            ]  # fmt: skip
            assert json.loads(calls[1]["tool_arguments"]) == {"timezone": "UTC"}
            statuses = [frame["status"] for frame in first.frames if frame["type"] == "tool_call"]
            assert statuses == ["detected", "completed"]


async def test_who_comes_back_in_mid_answer_is_told_it_from_its_start(alice: Client, provider: Provider) -> None:
    session_id = await make(alice)
    async with plain(alice, session_id) as chat:
        await chat.say("say 20 words; gate here after 10")
        await chat.wait_for(lambda frames: "word5" in str(frames))
    async with plain(alice, session_id) as again:
        await again.wait_for(lambda frames: "word5" in str(frames))
        assert again.frames[0]["type"] == "assistant_start"
        provider.open_gate("here")
        await again.expect("assistant_end", finish_reason="stop")
    texts = [frame["content"] for frame in again.frames if frame["type"] == "assistant_delta"]
    assert "".join(texts) == " ".join(f"word{number}" for number in range(1, 21))


@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
async def test_who_joins_an_answer_that_goes_on_is_told_what_it_had(
    alice: Client, elsewhere: Client, provider: Provider, prefix: str
) -> None:
    """Its row is not in the history while it is written, and its first words are in no delta that is to come."""
    made = await alice.post(f"{prefix}/sessions", {"title": "New...", "mcp_config": []}, status=201)
    session_id = str(made["session_id"])
    gate = session_id.removeprefix("chat_")
    async with alice.chat(session_id, after=0) as page:
        await page.say(f"say 20 words; gate {gate} after 5")
        await page.wait_text("word5")
        await page.send({"type": "interrupt"})
        await page.expect("stream_end", finish_reason="interrupted")
        await alice.post(f"/api/sessions/{session_id}/continue", status=202)
        await page.wait_text("word5word1 word2 word3 word4 word5")
        loaded = await alice.get(f"{prefix}/sessions/{session_id}")
        assert [row["role"] for row in loaded["messages"]] == ["user"]
        async with plain(elsewhere, session_id) as desktop:
            await desktop.wait_for(lambda frames: words_of(frames).endswith("word5word1 word2 word3 word4 word5"))
            assert next(f["type"] for f in desktop.frames if f["type"] != "connected").endswith("_start")
            provider.open_gate(gate)
            await desktop.expect("assistant_end" if prefix == "/api/v1" else "stream_end", finish_reason="stop")
            told = words_of(desktop.frames)
    loaded = await alice.get(f"{prefix}/sessions/{session_id}")
    assert told == loaded["messages"][-1]["content"]
    assert told.startswith("word1 word2 word3 word4 word5word1 ")


@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
async def test_words_that_are_stopped_in_the_queue_do_not_end_the_answer_that_goes_on(
    alice: Client, provider: Provider, prefix: str
) -> None:
    """Neither generation knows runs: a start and an end in the middle of an answer would be that answer's."""
    made = await alice.post(f"{prefix}/sessions", {"title": "New...", "mcp_config": []}, status=201)
    session_id = str(made["session_id"])
    end = "assistant_end" if prefix == "/api/v1" else "stream_end"
    async with alice.chat(session_id, after=0) as page, plain(alice, session_id) as desktop:
        await desktop.expect(end, finish_reason="idle")
        begun = len(desktop.frames)
        await page.say("say 9 words; gate meanwhile after 3")
        await desktop.wait_for(lambda frames: words_of(frames).endswith("word3"))
        for stop in ("interrupt", "delete"):
            await page.say("echo waits", client_id=stop)
            waiting = await page.expect("accepted", client_id=stop)
            if stop == "delete":
                await alice.http.delete(f"/api/sessions/{session_id}/messages/{waiting['message_ids'][0]}")
            else:
                await page.send({"type": "interrupt", "run_id": waiting["run_id"]})
            await page.expect("stream_end", run_id=waiting["run_id"], finish_reason="interrupted")
        provider.open_gate("meanwhile")
        await desktop.expect(end, finish_reason="stop")
        types = [frame["type"] for frame in desktop.frames[begun:]]
    assert [type for type in types if type.endswith(("_start", "_interrupted", "_end"))] == [
        end.replace("_end", "_start"),
        end,
    ]
    assert words_of(desktop.frames) == "word1 word2 word3 word4 word5 word6 word7 word8 word9"


def words_of(frames: list[Frame]) -> str:
    return "".join(frame["content"] for frame in frames if frame["type"] in ("delta", "assistant_delta"))


async def test_a_stop_is_confirmed_and_ends_the_answer(alice: Client) -> None:
    session_id = await make(alice)
    async with plain(alice, session_id) as chat:
        await chat.say("say 900 words; pace 100")
        await chat.expect("assistant_delta")
        await chat.send({"type": "interrupt", "session_id": session_id})
        await chat.expect("stream_interrupted", session_id=session_id)
        await chat.expect("assistant_end", finish_reason="interrupted")


async def test_a_projects_instructions_are_given_to_the_model(alice: Client, provider: Provider) -> None:
    project = await alice.post(
        "/api/v1/projects", {"name": "Bread", "instructions": "Weigh in grams, never in cups."}, status=201
    )
    within, without = await make(alice, project_id=project["id"]), await make(alice)

    async def instructions(session_id: str) -> str:
        provider.reset()
        await told(alice, session_id, "say 3 words", "assistant_end")
        body = provider.requests[0].body
        return str(body.get("instructions") or body["messages"][0]["content"])

    given = await instructions(within)
    assert given.index("Weigh in grams") < given.index("Today is")
    assert "Weigh in grams" not in await instructions(without)
    for path, change in (
        (f"/api/v1/sessions/{without}", {"project_id": project["id"]}),
        (f"/api/v1/projects/{project['id']}", {"instructions": "In ounces."}),
    ):
        assert (await alice.http.patch(path, json=change)).status_code == 200
    assert "In ounces." in await instructions(without)
    answer = await alice.http.delete(f"/api/v1/projects/{project['id']}")
    assert answer.status_code == 200
    assert "In ounces." not in await instructions(within)
