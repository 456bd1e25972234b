"""A tool that asks before it acts: the run waits for a person's word, and goes on with it."""

import asyncio
import json
import os
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Chat, Client, Frame, assert_gapless, socket, text_of
from tests.harness.provider import Provider, parse
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

pytestmark = pytest.mark.slow(reason="servers are killed while a question is open")

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
ASK = {"TOOLS_REQUIRE_APPROVAL": "generate_document,edit_file"}
LATER_S = 20
ONCE = pytest.mark.only("sqlite", reason="the API of a provider reaches no database")


@pytest.fixture(scope="module", params=["responses", pytest.param("chat_completions", marks=ONCE)])
def site(request: pytest.FixtureRequest, sites: Sites) -> Site:
    processes = 1 if request.param == "chat_completions" else 0
    return sites.get({"OPENAI_API": request.param, **ASK, **TIMES}, processes=processes)


def write(name: str, content: str = "made") -> str:
    return f"tool generate_document {json.dumps({'content': content, 'filename': name})}"


async def asked(chat: Chat, script: str) -> list[Frame]:
    """The questions with which the first part of the run ends."""
    await chat.say(script)
    start = await chat.expect("stream_start")
    end = await chat.expect("stream_end")
    assert end["finish_reason"] == "awaiting_approval"
    return [frame for frame in chat.of_run(start["run_id"]) if frame["type"] == "approval_request"]


async def decide(chat: Chat, request: Frame, decision: str = "approve", **more: Any) -> None:
    await chat.send({"type": "approval", "approval_id": request["approval_id"], "decision": decision, **more})


async def rest(chat: Chat, run_id: str) -> list[Frame]:
    """The frames of the run from where it goes on to its end."""
    start = await chat.expect("stream_start", run_id=run_id, timeout=LATER_S)
    end = await chat.expect("stream_end", run_id=run_id, timeout=LATER_S)
    return [f for f in chat.of_run(run_id, up_to=end["seq"]) if f["seq"] >= start["seq"]]


async def files(client: Client, session: str) -> list[str]:
    listed = await client.get(f"/api/sessions/{session}/files", folder="output")
    return [entry["name"] for entry in listed["files"]]


async def test_an_approved_call_acts_and_the_answer_goes_on(alice: Client, elsewhere: Client, session: str) -> None:
    async with alice.chat(session, after=0) as chat, elsewhere.chat(session) as other:
        (request,) = await asked(chat, f"echo first; {write('a.md')}; say 3 words")
        assert (request["name"], json.loads(request["arguments"])["filename"]) == ("generate_document", "a.md")
        assert await files(alice, session) == []
        waiting = (await alice.get("/api/approvals"))["approvals"]
        assert [one["approval_id"] for one in waiting if one["session_id"] == session] == [request["approval_id"]]
        assert (await alice.detail(session))["run"]["status"] == "awaiting_approval"
        await other.expect("approval_request")
        await decide(other, request)
        frames = await rest(chat, request["run_id"])
        assert [f["type"] for f in frames if f["type"] == "tool_call"] == ["tool_call", "tool_call"]
        assert [(f["status"], f["id"]) for f in frames if f["type"] == "tool_call"] == [
            ("executing", request["id"]),
            ("completed", request["id"]),
        ]
        assert frames[-1]["finish_reason"] == "stop"
        assert frames[-1]["usage"]["total_tokens"] > 0
        assert text_of(frames) == "word1 word2 word3"
        assert_gapless(chat.log)
        # The next turn is given a whole history.
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    assert await files(alice, session) == ["a.md"]
    assert (await alice.detail(session))["session"]["title"]
    calls = [m for m in (await alice.detail(session))["messages"] if m["role"] == "tool_call"]
    assert [(call["tool_call_id"], call["status"], call["tool_success"]) for call in calls] == [
        (request["id"], "completed", True)
    ]


async def test_a_rejected_call_does_not_act_and_the_model_is_told_why(
    alice: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as chat:
        (request,) = await asked(chat, f"{write('b.md')}; say 3 words")
        answer = await alice.post(
            f"/api/sessions/{session}/approvals/{request['approval_id']}",
            {"decision": "reject", "reason": "not in this house"},
        )
        assert answer["status"] == "rejected"
        frames = await rest(chat, request["run_id"])
        (completed,) = [f for f in frames if f["type"] == "tool_call"]
        assert (completed["status"], completed["success"], completed["id"]) == ("completed", False, request["id"])
        assert text_of(frames) == "word1 word2 word3"
    assert "not in this house" in json.dumps(provider.requests[-1].body)
    assert await files(alice, session) == []


async def test_a_call_of_a_tool_that_is_disabled_while_it_waits_does_not_act(
    alice: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as chat:
        (request,) = await asked(chat, f"{write('off.md')}; say 3 words")
        await alice.http.patch(f"/api/sessions/{session}", json={"disabled_tools": ["generate_document"]})
        await decide(chat, request)
        frames = await rest(chat, request["run_id"])
        (completed,) = [f for f in frames if f["type"] == "tool_call"]
        assert (completed["success"], completed["id"]) == (False, request["id"])
        assert "not carried out" in completed["result"]
        assert text_of(frames) == "word1 word2 word3"
    offered = [one.get("function", one)["name"] for one in provider.requests[-1].body["tools"]]
    assert "generate_document" not in offered
    assert await files(alice, session) == []


async def test_a_call_that_is_never_made_keeps_its_arguments(alice: Client, session: str) -> None:
    """While it waits, where it is refused or stopped, and where no tool is called so: history and frames agree."""
    refused, stopped, nameless = write("never.md"), write("stopped.md"), 'tool telepathy {"to": "nobody"}'
    asked_with = [script.split(maxsplit=2)[2] for script in (refused, stopped, nameless)]

    async def called() -> list[str]:
        detail = await alice.detail(session)
        return [m["tool_arguments"] for m in detail["messages"] + detail["live"] if m["role"] == "tool_call"]

    async with alice.chat(session) as chat:
        (request,) = await asked(chat, f"{refused}; say 2 words")
        assert await called() == asked_with[:1]
        await decide(chat, request, "reject")
        await rest(chat, request["run_id"])
        await asked(chat, f"{stopped}; say 2 words")
        await chat.send({"type": "interrupt"})
        await chat.expect("stream_end", finish_reason="interrupted")
        await chat.ask(f"{nameless}; say 2 words")
        completed = [f["arguments"] for f in chat.log if f["type"] == "tool_call" and f["status"] == "completed"]
    assert completed == await called() == asked_with


async def test_todays_client_which_cannot_decide_is_told_so_and_answered_again(
    alice: Client, elsewhere: Client, provider: Provider
) -> None:
    """It shows no button to stop either: what its person says next would wait behind the question for ever."""
    body = {"title": "New...", "mcp_config": []}
    session = str((await alice.post("/api/v1/sessions", body, status=201))["session_id"])
    async with socket(elsewhere.url, session, f"?token={alice.token}") as today:
        await today.say(f"{write('unseen.md')}; say 2 words")
        assert "generate_document" in (await today.expect("error", code="approval_needed"))["message"]
        await today.expect("assistant_end", finish_reason="awaiting_approval")
        await today.say("say 3 words")
        await today.expect("function_completed", tool_success=False, interrupted=True)
        await today.expect("assistant_end", finish_reason="interrupted")
        await today.expect("assistant_end", finish_reason="stop")
        assert [f["content"] for f in today.frames if f["type"] == "assistant_delta"][-1].endswith("word3")
    last = (await alice.detail(session))["session"]["last_seq"]
    async with alice.chat(session, after=last) as numbered:  # a client that can decide
        await words_wait_for_the_decision(numbered)
    assert await files(alice, session) == ["seen.md"]


async def words_wait_for_the_decision(chat: Chat) -> None:
    (request,) = await asked(chat, f"{write('seen.md')}; say 2 words")
    await chat.say("say 4 words")
    await chat.expect("accepted")
    await decide(chat, request)
    await chat.expect("stream_end", finish_reason="stop", run_id=request["run_id"])
    await chat.expect("stream_end", finish_reason="stop")


async def test_nor_can_the_first_desktop_client_decide(alice: Client, elsewhere: Client, session: str) -> None:
    """It has the words of the protocol, and is known by the session's name in what it sends."""
    async with socket(elsewhere.url, session, f"?token={alice.token}") as first:
        await first.say(f"{write('unseen.md')}; say 2 words", session_id=session)
        request = await first.expect("approval_request")
        assert "generate_document" in (await first.expect("error", code="approval_needed"))["message"]
        await first.expect("stream_end", finish_reason="awaiting_approval")
        await first.say("say 3 words", session_id=session)
        await first.expect("tool_call", id=request["id"], success=False, interrupted=True)
        await first.expect("stream_end", finish_reason="interrupted")
        await first.expect("stream_end", finish_reason="stop")
    async with alice.chat(session) as plain:  # of which nothing says that it cannot
        await words_wait_for_the_decision(plain)
        assert not [frame for frame in plain.frames if frame["type"] == "error"]
    assert await files(alice, session) == ["seen.md"]


async def test_several_calls_are_asked_about_together_and_each_has_its_word(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        script = f"together; {write('c.md')}; tool current_time {{}}; {write('d.md')}; say 3 words"
        first, second = await asked(chat, script)
        # What needs nobody's word has been done meanwhile.
        done = [f["name"] for f in chat.log if f["type"] == "tool_call" and f["status"] == "completed"]
        assert done == ["current_time"]
        await decide(chat, second)
        await decide(chat, first, "reject")
        frames = await rest(chat, first["run_id"])
        assert frames[-1]["finish_reason"] == "stop"
        ended = {f["id"]: f["success"] for f in frames if f["type"] == "tool_call" and f["status"] == "completed"}
        assert ended == {first["id"]: False, second["id"]: True}
    assert await files(alice, session) == ["d.md"]


async def test_one_run_may_ask_again_and_always_is_for_the_session(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        (first,) = await asked(chat, f"{write('e.md')}; {write('f.md')}; say 2 words")
        await decide(chat, first)
        frames = await rest(chat, first["run_id"])
        assert frames[-1]["finish_reason"] == "awaiting_approval"
        (second,) = [f for f in frames if f["type"] == "approval_request"]
        await decide(chat, second, always=True)
        assert (await rest(chat, first["run_id"]))[-1]["finish_reason"] == "stop"
        frames = await chat.ask(f"{write('g.md')}; say 2 words")
        assert frames[-1]["finish_reason"] == "stop"
        # Another tool is another question.
        edits = [{"oldText": "made", "newText": "edited"}]
        (third,) = await asked(chat, f"tool edit_file {json.dumps({'file_path': 'g.md', 'edits': edits})}; say 1")
        assert third["name"] == "edit_file"
        await chat.send({"type": "interrupt"})
        await chat.expect("stream_end", finish_reason="interrupted")
        assert text_of(await chat.ask("say 2 words")) == "word1 word2"
    assert await files(alice, session) == ["e.md", "f.md", "g.md"]


async def test_a_word_said_twice_counts_once_and_is_told_the_audit_log_once(
    alice: Client, elsewhere: Client, session: str, site: Site
) -> None:
    async with alice.chat(session) as chat, elsewhere.chat(session) as other:
        (request,) = await asked(chat, f"{write('h.md')}; say 2 words")
        await asyncio.gather(*(decide(one, request) for one in (chat, other, chat, other)))
        frames = await rest(chat, request["run_id"])
        assert frames[-1]["finish_reason"] == "stop"
        await chat.ask("say 1 word")
    path, later = f"/api/sessions/{session}/approvals", {"decision": "reject", "always": True, "reason": None}
    assert (await alice.post(f"{path}/{request['approval_id']}", later))["status"] == "approved"
    await alice.post(f"{path}/{uuid4()}", later, status=404)
    told = [json.loads(line) for line in site.manage("export_audit").splitlines()]
    (line,) = [line for line in told if line["object"] == f"approval:{request['approval_id']}"]
    assert (line["actor"], line["details"]["decision"]) == ((await alice.get("/api/auth/me"))["id"], "approved")
    assert line["address"] != ""
    ended = [e for e in await alice.events(session) if e["type"] == "tool_call" and e["status"] == "executing"]
    assert len(ended) == 1


async def test_a_run_that_waits_outlives_its_process(alice: Client, session: str, site: Site) -> None:
    async with alice.chat(session) as chat:
        (request,) = await asked(chat, f"reasoning 2; {write('i.md')}; say 3 words")
        last = chat.log[-1]["seq"]
        await chat.say("echo queued meanwhile", client_id="meanwhile")
        await chat.expect("accepted", client_id="meanwhile")
        for server in site.servers:
            server.kill()
    for server in site.servers:
        server.start()
    for server in site.servers:
        await asyncio.to_thread(server.wait)
    async with alice.chat(session, after=last) as chat:
        assert (await alice.detail(session))["run"]["approvals"][0]["approval_id"] == request["approval_id"]
        await decide(chat, request)
        frames = await rest(chat, request["run_id"])
        assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2 word3")
        await chat.wait_text("queued meanwhile", timeout=LATER_S)
        assert_gapless(chat.log, after=last)
    assert await files(alice, session) == ["i.md"]


async def test_what_waits_after_a_picture_is_small_and_goes_on_elsewhere(
    alice: Client, session: str, site: Site, provider: Provider
) -> None:
    picture = PNG + os.urandom(2 * 1024 * 1024)
    answer = await alice.http.post(f"/api/sessions/{session}/files/upload", files={"file": ("big.png", picture)})
    assert answer.status_code == 201, answer.text
    await alice.http.patch(f"/api/sessions/{session}", json={"model": "gpt-4o"})
    provider.scripts += [parse(write("k.md")), parse("say 3 words")]
    said = {"content": "Look", "attachments": [{"file_id": answer.json()["id"]}]}
    async with alice.chat(session) as chat:
        await chat.send({"type": "message", "messages": [said]})
        request = await chat.expect("approval_request", timeout=LATER_S)
        await chat.expect("stream_end", finish_reason="awaiting_approval")
        assert len(json.dumps(provider.requests[-1].body)) > 2 * 1024 * 1024
        last = chat.log[-1]["seq"]
    size = f"from chat_app.models import Run; print(len(Run.objects.get(pk='{request['run_id']}').state))"
    assert int(site.manage("shell", "-v", "0", "-c", size)) < 64 * 1024
    for server in site.servers:
        await asyncio.to_thread(server.stop)
        server.start()
        await asyncio.to_thread(server.wait)
    async with alice.chat(session, after=last) as chat:
        await decide(chat, request)
        frames = await rest(chat, request["run_id"])
        assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2 word3")
    assert len(json.dumps(provider.requests[-1].body)) > 2 * 1024 * 1024, "it still sees the picture"
    assert await files(alice, session) == ["k.md"]


async def test_a_question_whose_tool_is_gone_is_answered_without_it(
    alice: Client, session: str, site: Site, provider: Provider
) -> None:
    """Nothing is executed, and the run goes on."""
    async with alice.chat(session) as chat:
        (request,) = await asked(chat, f"{write('j.md')}; say 3 words")
        last = chat.log[-1]["seq"]
    gone = """from sessions_app.models import ContextItem
for item in ContextItem.objects.filter(run_id="%s"):
    item.item = item.item.replace("generate_document", "generate_documents"); item.save()"""
    site.manage("shell", "-c", gone % request["run_id"])
    async with alice.chat(session, after=last) as chat:
        await decide(chat, request)
        frames = await rest(chat, request["run_id"])
        (completed,) = [f for f in frames if f["type"] == "tool_call"]
        assert (completed["success"], completed["id"]) == (False, request["id"])
        assert (frames[-1]["finish_reason"], text_of(frames)) == ("stop", "word1 word2 word3")
    assert await files(alice, session) == []
