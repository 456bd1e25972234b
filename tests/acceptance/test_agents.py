"""What a named agent does in a run, who takes over from it, and answers that are played again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Chat, Client, Frame, assert_whole_run, text_of
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    """The one of the tests of approvals."""
    return sites.get({"OPENAI_API": "responses", "TOOLS_REQUIRE_APPROVAL": "generate_document,edit_file", **TIMES})


async def agent(client: Client, **fields: Any) -> Frame:
    return await client.post("/api/agents", {"name": f"agent {uuid4().hex[:6]}"} | fields, status=201)


@contextmanager
def calls_of(provider: Provider) -> Iterator[list[Any]]:
    """What the provider was asked meanwhile."""
    before, asked = len(provider.requests), list[Any]()
    yield asked
    asked += provider.requests[before:]


def instructions(request: Any) -> str:
    return str(request.body["instructions"])


def tools(request: Any) -> list[str]:
    return [tool["name"] for tool in request.body.get("tools", [])]


def calls(frames: list[Frame]) -> list[tuple[str, str, bool]]:
    done = [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] == "completed"]
    return [(frame["name"], frame["result"], frame["success"]) for frame in done]


async def speakers(client: Client, session: str) -> list[tuple[str, str]]:
    messages = (await client.detail(session))["messages"]
    return [(message["role"], message["agent_name"]) for message in messages if message["role"] != "user"]


async def test_what_an_agent_sets_is_given_to_the_model_and_a_change_counts_from_the_next_turn(
    alice: Client, provider: Provider
) -> None:
    await alice.http.patch("/api/auth/me", json={"preferences": {"instructions": "Call me Alice."}})
    one = await agent(alice, instructions="You are a baker.", tools=["read_file", "no_such_tool"], mcp_servers=[])
    session = await alice.create_session(agent_name=one["name"])
    try:
        async with alice.chat(session) as chat:
            with calls_of(provider) as asked:
                await chat.ask("say 1 words")
                await alice.http.patch(f"/api/agents/{one['id']}", json={"instructions": "You cook.", "tools": None})
                await chat.ask("say 1 words")
                # What was not offered cannot be called.
                frames = await chat.ask("tool current_time {}; say 1 words")
    finally:
        await alice.http.patch("/api/auth/me", json={"preferences": {"instructions": ""}})
    first, second = asked[:2]
    said = instructions(first)
    assert 0 < said.index("You are a baker.") < said.index("Call me Alice.") < said.index("Today is")
    assert tools(first) == ["read_file", "read_result"]
    assert "You cook." in instructions(second)
    assert "baker" not in instructions(second)
    assert len(tools(second)) > 5
    assert calls(frames)[0][2]
    assert set(await speakers(alice, session)) == {("assistant", one["name"]), ("tool_call", one["name"])}


async def test_another_agent_takes_over_by_a_tool_call(alice: Client, provider: Provider) -> None:
    writer = await agent(alice, instructions="You write.", description="Writes letters.", tools=["generate_document"])
    clerk = await agent(alice, instructions="You sort.", tools=[], hand_offs=[writer["name"], "chat", "nobody"])
    transfer = f"transfer_to_{writer['name'].replace(' ', '_')}"
    session = await alice.create_session(agent_name=clerk["name"])
    document = json.dumps({"content": "Dear aunt", "filename": f"{uuid4().hex}.md"})
    async with alice.chat(session) as chat:
        with calls_of(provider) as asked:
            await chat.say(f"tool {transfer} {{}}; tool generate_document {document}; say 2 words")
            # The other one's tool waits for a person: it is still the other one that goes on.
            request = await chat.expect("approval_request")
            await chat.expect("stream_end", finish_reason="awaiting_approval")
            await chat.send({"type": "approval", "approval_id": request["approval_id"], "decision": "approve"})
            end = await chat.expect("stream_end", finish_reason="stop")
        frames = chat.of_run(end["run_id"])
        assert [tools(one) for one in asked] == [
            ["read_result", transfer, "transfer_to_chat"], *2 * [["read_result", "generate_document"]],
        ]  # fmt: skip
        assert ["You write." in instructions(one) for one in asked] == [False, True, True]
        description = next(tool["description"] for tool in asked[0].body["tools"] if tool["name"] == transfer)
        assert "Writes letters." in description
        (name, result, success), (made, _, _) = calls(frames)
        assert (name, json.loads(result), success) == (transfer, {"success": True, "agent": writer["name"]}, True)
        assert (made, text_of(frames)) == ("generate_document", "word1 word2")
        # The next turn is the first one's again.
        with calls_of(provider) as asked:
            await chat.ask("say 1 words")
        assert "You sort." in instructions(asked[0])
    assert await speakers(alice, session) == [
        ("tool_call", clerk["name"]),
        ("tool_call", writer["name"]),
        ("assistant", writer["name"]),
        ("assistant", clerk["name"]),
    ]


async def test_what_is_disabled_in_the_session_no_agent_has_that_takes_over(alice: Client, provider: Provider) -> None:
    writer = await agent(alice, tools=["current_time", "list_directory"])
    clerk = await agent(alice, tools=["current_time"], hand_offs=[writer["name"], "chat"])
    transfer = f"transfer_to_{writer['name'].replace(' ', '_')}"
    session = await alice.create_session(
        agent_name=clerk["name"], disabled_tools=["current_time", "transfer_to_chat"]
    )  # fmt: skip
    async with alice.chat(session) as chat:
        with calls_of(provider) as asked:
            frames = await chat.ask(f"tool {transfer} {{}}; tool current_time {{}}; say 2 words")
    assert [tools(one) for one in asked] == [["read_result", transfer], *2 * [["list_directory", "read_result"]]]
    assert [(name, success) for name, _, success in calls(frames)] == [(transfer, True), ("current_time", False)]
    assert text_of(frames) == "word1 word2"


async def test_a_session_lists_the_tools_of_its_agent_and_those_that_hand_over(alice: Client) -> None:
    clerk = await agent(alice, tools=["current_time"], hand_offs=["chat"])
    session = await alice.create_session(agent_name=clerk["name"], disabled_tools=["transfer_to_chat"])
    offer = await alice.get(f"/api/sessions/{session}/tools")
    listed = [(tool["name"], tool["server"], tool["disabled"]) for tool in offer["tools"]]
    assert listed == [("current_time", None, False), ("transfer_to_chat", None, True)]
    # Another answers in the place of one that is gone.
    assert (await alice.http.delete(f"/api/agents/{clerk['id']}")).status_code == 200
    offer = await alice.get(f"/api/sessions/{session}/tools")
    assert {"current_time", "edit_file"} < {tool["name"] for tool in offer["tools"]}


async def test_of_two_hand_offs_at_once_one_counts_and_a_circle_ends(alice: Client, provider: Provider) -> None:
    name = f"loop {uuid4().hex[:6]}"
    one = await agent(alice, name=f"{name} a", hand_offs=[f"{name} b", "primary"], tools=[])
    await agent(alice, name=f"{name} b", hand_offs=[f"{name} a"], tools=[])
    to = f"transfer_to_{name.replace(' ', '_')}"
    session = await alice.create_session(agent_name=one["name"])
    async with alice.chat(session) as chat:
        frames = await chat.ask(f"together; tool {to}_b {{}}; tool transfer_to_primary {{}}; say 1 words")
        assert sorted(success for _, _, success in calls(frames)) == [False, True]
        frames = await chat.ask("; ".join([f"tool {to}_b {{}}; tool {to}_a {{}}"] * 14))
    assert frames[-1]["finish_reason"] == "max_turns"
    assert {success for _, _, success in calls(frames)} == {True}


async def test_where_the_agent_is_gone_or_another_s_primary_answers_and_says_so(
    alice: Client, mallory: Client, provider: Provider
) -> None:
    hers = await agent(alice, instructions="A secret recipe.")
    for client in (mallory, alice):
        session = await client.create_session(agent_name=hers["name"])
        if client is alice:
            assert (await alice.http.delete(f"/api/agents/{hers['id']}")).status_code == 200
        async with client.chat(session, after=0) as chat:
            with calls_of(provider) as asked:
                frames = await chat.ask("say 1 words")
            await chat.wait_for(lambda frames: [f for f in frames if f.get("code") == "agent_missing"])
            assert text_of(frames) == "word1"
        assert "secret" not in instructions(asked[0])
        assert await speakers(client, session) == [("assistant", "primary")]


def told(frames: list[Frame]) -> list[tuple[str, ...]]:
    """What a client sees of a run, without ids and numbers; of texts, the whole."""
    told: list[tuple[str, ...]] = []
    for frame in frames:
        match frame["type"]:
            case "delta" | "reasoning_delta" as kind:
                if told and told[-1][0] == kind:
                    told[-1] = (kind, told[-1][1] + frame["content"])
                else:
                    told.append((kind, frame["content"]))
            case "tool_call":
                told.append(("tool_call", frame["name"], frame["status"], frame["arguments"], frame["result"]))
            case "error":
                told.append(("error", frame["code"], frame["message"]))
            case "stream_end":
                told.append(("end", frame["finish_reason"]))
    return told


async def replayed(chat: Chat, run_id: str) -> list[Frame]:
    frames = await chat.ask("anything", model=f"replay:{run_id}@0")
    assert_whole_run(frames)
    return frames


async def test_a_run_is_played_again_as_it_was_and_no_tool_acts(alice: Client, provider: Provider) -> None:
    async with alice.chat(session := await alice.create_session(), after=0) as chat:
        first = await chat.ask("reasoning 3; echo Let me see; tool current_time {}; say 3 words")
        cut = await chat.ask("length after 2; say 5 words")
        failed = await chat.ask("say 5 words; error after 2")
        with calls_of(provider) as asked:
            for frames in (first, cut, failed):
                assert told(await replayed(chat, frames[0]["run_id"])) == told(frames)
            again = await chat.ask("anything", model=f"replay:{first[0]['run_id']}")
            assert told(again) == told(first)
        assert asked == []
        # The context is whole, with the calls that were told again.
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    usage = await alice.get("/api/usage", by="model")
    assert [row["input_tokens"] for row in usage["rows"] if row["key"].startswith("replay:")] == [0] * 4
    assert (await alice.detail(session))["session"]["state"] == "idle"


async def test_a_run_is_played_again_from_an_archive_and_from_a_folded_log(
    alice: Client, site: Site, provider: Provider
) -> None:
    words = "reasoning 3; tool current_time {}; together; pace 200; say 40 words"
    async with alice.chat(session := await alice.create_session()) as chat:
        first = await chat.ask(words)
        run_id = first[0]["run_id"]
    assert "archived" in site.manage("archive_sessions", "--older-than", "0h")
    async with alice.chat(await alice.create_session()) as chat:
        with calls_of(provider) as asked:
            assert told(await replayed(chat, run_id)) == told(first)
            again = await chat.ask("anything", model=f"replay:{run_id}")
            assert told(again) == told(first)
            assert len([frame for frame in again if frame["type"] == "delta"]) > 1, "piece by piece"
        assert asked == []
    async with alice.chat(session) as chat:  # which brings it back, and its log stays folded
        assert told(await replayed(chat, run_id)) == told(first)
        deltas = [event for event in await alice.events(session) if event["run_id"] == run_id]
        assert [event["type"] for event in deltas].count("delta") == 1
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"


async def test_a_run_that_is_another_s_or_gone_is_an_unknown_model(alice: Client, mallory: Client) -> None:
    async with alice.chat(session := await alice.create_session()) as chat:
        run_id = (await chat.ask("say 1 words"))[0]["run_id"]
    async with mallory.chat(await mallory.create_session()) as chat:
        for name in (run_id, str(uuid4()), "nothing"):
            frames = await replayed(chat, name)
            assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["model_not_found"]
            assert text_of(frames) == ""
    await alice.http.delete(f"/api/sessions/{session}")
    async with alice.chat(await alice.create_session()) as chat:
        frames = await replayed(chat, run_id)
        assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["model_not_found"]
