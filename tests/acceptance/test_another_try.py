"""Other words, another answer, the rest of one that was cut short: over HTTP, and seen in two windows."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Chat, Client, Frame, assert_gapless, assert_whole_run
from tests.harness.provider import Provider, parse
from tests.harness.server import Site

VERSIONS: list[Any] = [{}, {"versions": "true"}]


async def messages(client: Client, session: str, **query: Any) -> list[Frame]:
    found: list[Frame] = (await client.get(f"/api/sessions/{session}/messages", **query))["messages"]
    return found


async def shown(client: Client, session: str) -> list[str]:
    """What the history says; it is a chain, in the order of its times, and everything that counts it agrees."""
    detail = await client.detail(session)
    path = detail["messages"]
    assert [message["parent_id"] for message in path] == [None, *(message["id"] for message in path)][: len(path)]
    assert [message["position"] for message in path] == sorted(message["position"] for message in path)
    assert [message["created_at"] for message in path] == sorted(message["created_at"] for message in path)
    assert len(path) == detail["message_count"] == detail["session"]["message_count"]
    assert path == await messages(client, session, limit=100)
    return [message["content"] or message["tool_name"] for message in path]


def told(provider: Provider) -> list[str]:
    """What the model was given last."""
    return [text for _, text in provider.requests[-1].texts]


async def again(chat: Chat, client: Client, path: str, body: Any = None, **headers: str) -> Frame:
    """Asks for a run over HTTP; the end of it."""
    run_id = (await client.post(path, body, status=202, **headers))["run_id"]
    end = await chat.expect("stream_end", run_id=run_id)
    assert_whole_run(chat.of_run(run_id))
    return end


async def test_another_answer_and_back(alice: Client, elsewhere: Client, session: str, provider: Provider) -> None:
    base = f"/api/sessions/{session}"
    async with alice.chat(session, after=0) as chat, elsewhere.chat(session, after=0) as other:
        await chat.ask("echo uno")
        await chat.ask("echo due")
        words, answer, *_ = await messages(alice, session)
        await again(chat, alice, f"{base}/messages/{answer['id']}/regenerate")
        assert told(provider)[-1] == "echo uno"
        assert "echo due" not in told(provider)
        changed = await other.expect("path_changed")
        assert (changed["message_id"], changed["from_position"]) == (words["id"], answer["position"])
        assert await shown(alice, session) == ["echo uno", "uno"]
        await chat.ask("echo tre")
        siblings = (await alice.get(f"{base}/messages/{answer['id']}/siblings"))["siblings"]
        assert [(each["id"] == answer["id"], each["selected"]) for each in siblings] == [(True, False), (False, True)]
        assert (await messages(alice, session))[1]["sibling_count"] == 2
        for _ in range(2):
            selected = await elsewhere.post(f"{base}/messages/{answer['id']}/select")
            assert (selected["success"], selected["message_count"]) == (True, 4)
            assert await shown(alice, session) == ["echo uno", "uno", "echo due", "due"]
        await other.expect("path_changed", message_id=selected["message_id"])
        await chat.ask("echo quattro")
        assert told(provider)[-5:] == ["echo uno", "uno", "echo due", "due", "echo quattro"]
        await alice.post(f"{base}/messages/{siblings[1]['id']}/select")
        assert await shown(elsewhere, session) == ["echo uno", "uno", "echo tre", "tre"]
        found = [(await alice.get("/api/search", q="due", session_id=session, **all))["results"] for all in VERSIONS]
        assert [len(results) for results in found] == [0, 2]
        hit = found[1][0]  # as a client jumps to one that is not shown
        await alice.post(f"{base}/messages/{hit['message_id']}/select")
        around = await messages(alice, session, around=hit["position"], limit=1)
        assert [message["id"] for message in around] == [hit["message_id"]]
        await alice.post(f"{base}/messages/{siblings[1]['id']}/select")
        mai = f"/api/v1/sessions/{(await alice.detail(session))['session']['id']}"
        listed = (await alice.http.get(f"{mai}/messages", params={"offset": 1})).json()
        assert [message["content"] for message in listed] == ["uno", "echo tre", "tre"]
        assert (await alice.get(mai))["message_count"] == 4
        assert_gapless(chat.log)


async def test_other_words(alice: Client, session: str, provider: Provider) -> None:
    base = f"/api/sessions/{session}"
    async with alice.chat(session, after=0) as chat, alice.chat(session) as plain:
        await chat.ask("echo uno")
        first, _ = await messages(alice, session)
        key = {"Idempotency-Key": uuid4().hex}
        made = await alice.post(f"{base}/messages/{first['id']}/edit", {"content": "echo due"}, status=202, **key)
        await chat.expect("path_changed")
        await chat.expect("stream_end", run_id=made["run_id"])
        repeated = await alice.post(f"{base}/messages/{first['id']}/edit", {"content": "echo due"}, status=202, **key)
        assert repeated == made
        await alice.post(f"{base}/messages/{first['id']}/edit", {"content": "echo tre"}, status=409, **key)
        assert await shown(alice, session) == ["echo due", "due"]
        assert told(provider)[-1] == "echo due"
        assert "echo uno" not in told(provider)
        detail = await alice.detail(session)
        assert detail["messages"][0]["id"] == made["message_ids"][0]
        assert detail["session"]["last_message_preview"] == "due"
        await plain.expect("stream_end", run_id=made["run_id"])
        assert "path_changed" not in [frame["type"] for frame in plain.frames]


async def test_the_rest_of_an_answer(alice: Client, session: str, provider: Provider) -> None:
    async with alice.chat(session, after=0) as chat:
        await chat.say("say 4 words; gate rest after 2")
        await chat.wait_text("word1 word2")
        await alice.post(f"/api/sessions/{session}/interrupt")
        await chat.expect("stream_end", finish_reason="interrupted")
        cut = (await messages(alice, session))[-1]
        assert (cut["content"], cut["status"], cut["partial"]) == ("word1 word2", "interrupted", True)
        provider.open_gate("rest")
        end = await again(chat, alice, f"/api/sessions/{session}/continue")
        whole = (await messages(alice, session))[-1]
        assert end["message_id"] == whole["id"] == cut["id"]
        assert whole["content"].startswith("word1 word2") and len(whole["content"]) > len("word1 word2")
        assert (whole["status"], whole["partial"]) == ("completed", False)
        assert len(await shown(alice, session)) == 2
        refused = await alice.post(f"/api/sessions/{session}/continue", status=409)
        assert refused["error"]["code"] == "nothing_to_continue"
        await chat.ask("echo dopo")
        assert await shown(alice, session) == ["say 4 words; gate rest after 2", whole["content"], "echo dopo", "dopo"]


async def test_a_failed_turn_is_tried_again(alice: Client, session: str) -> None:
    async with alice.chat(session, after=0) as chat:
        await chat.ask("fail 400 1 times; echo ecco")
        failed = (await messages(alice, session))[-1]
        assert failed["status"] == "failed" and failed["error"]["code"]
        await again(chat, alice, f"/api/sessions/{session}/messages/{failed['id']}/regenerate")
        assert await shown(alice, session) == ["fail 400 1 times; echo ecco", "ecco"]


async def test_while_messages_wait(alice: Client, elsewhere: Client, session: str, provider: Provider) -> None:
    base = f"/api/sessions/{session}"
    async with alice.chat(session, after=0) as chat:
        await chat.ask("echo uno")
        words, answer = await messages(alice, session)
        await chat.say("say 3 words; gate slow after 1")
        await chat.wait_text("word1")
        await chat.say("echo in coda")
        await chat.expect("accepted")
        await chat.expect("accepted")
        regenerated, edited = await asyncio.gather(
            alice.post(f"{base}/messages/{answer['id']}/regenerate", status=202),
            elsewhere.post(f"{base}/messages/{words['id']}/edit", {"content": "echo altro"}, status=202),
        )
        busy = await alice.post(f"{base}/messages/{answer['id']}/regenerate", {"on_busy": "reject"}, status=409)
        assert busy["error"]["code"] == "run_active"
        provider.open_gate("slow")
        runs = {regenerated["run_id"], edited["run_id"]}
        await chat.wait_for(lambda frames: runs <= ended(frames))
        assert (await alice.detail(session))["run"] is None
        both = await alice.get(f"{base}/messages/{answer['id']}/siblings")
        assert len(both["siblings"]) == 2
        assert len((await alice.get(f"{base}/messages/{words['id']}/siblings"))["siblings"]) == 2
        await alice.post(f"{base}/messages/{answer['id']}/select")
        assert (await shown(alice, session))[-2:] == ["echo in coda", "in coda"]
        assert_gapless(chat.log)


async def test_what_is_said_before_another_answer_begins_stands_below_it(
    alice: Client, session: str, provider: Provider
) -> None:
    """Also to clients that go by the times."""
    async with alice.chat(session, after=0) as chat:
        await chat.ask("echo uno")
        _, answer = await messages(alice, session)
        provider.scripts.append(parse(f"echo due; gate {session} after 0"))
        run = await alice.post(f"/api/sessions/{session}/messages/{answer['id']}/regenerate", status=202)
        await chat.expect("stream_start", run_id=run["run_id"])
        await chat.say("echo poi")
        await chat.expect("accepted")
        provider.open_gate(session)
        await chat.expect("stream_end", run_id=run["run_id"])
        await chat.wait_text("poi")
        await chat.wait_for(lambda frames: len(ended(frames)) == 3)
    assert await shown(alice, session) == ["echo uno", "due", "echo poi", "poi"]


def ended(frames: list[Frame]) -> set[str]:
    return {frame["run_id"] for frame in frames if frame["type"] == "stream_end" and frame.get("run_id")}


async def test_a_look_back_stops_the_answer_that_goes_out_of_view_and_what_waits_comes_along(
    alice: Client, session: str, provider: Provider
) -> None:
    base = f"/api/sessions/{session}"
    async with alice.chat(session, after=0) as chat:
        await chat.ask("echo uno")
        _, answer = await messages(alice, session)
        await again(chat, alice, f"{base}/messages/{answer['id']}/regenerate")
        await chat.say("say 3 words; gate back after 1")
        await chat.wait_text("word1")
        await chat.say("echo in coda")
        await chat.expect("accepted")
        await chat.expect("accepted")
        await alice.post(f"{base}/messages/{answer['id']}/select")
        await chat.expect("stream_end", finish_reason="interrupted")
        await chat.expect("stream_end", finish_reason="stop")
        assert await shown(alice, session) == ["echo uno", "uno", "echo in coda", "in coda"]
        provider.open_gate("back")


async def test_a_message_is_deleted_with_all_that_follows(
    alice: Client, session: str, provider: Provider, site: Site
) -> None:
    base = f"/api/sessions/{session}"
    async with alice.chat(session, after=0) as chat:
        await chat.ask('tool current_time {"timezone": "UTC"}; echo uno')
        await chat.ask("echo due")
        _, call, answer, second, _ = await messages(alice, session)
        await again(chat, alice, f"{base}/messages/{answer['id']}/regenerate")
        assert (await messages(alice, session))[1]["parent_id"] == call["parent_id"]
        await alice.post(f"{base}/messages/{second['id']}/select")
        for status in (200, 404):
            gone = await alice.http.delete(f"{base}/messages/{second['id']}")
            assert gone.status_code == status, gone.text
        assert (await shown(alice, session))[1:] == ["current_time", "uno"]
        assert (await alice.http.delete(f"{base}/messages/{call['id']}")).json()["message_count"] == 3
        assert (await messages(alice, session))[1]["sibling_count"] == 1
        await chat.expect("path_changed", message_count=3)
        await chat.ask("echo dopo")
        assert "echo due" not in told(provider)
    whose = (await alice.get("/api/auth/me"))["id"]
    lines = [json.loads(line) for line in site.manage("export_audit").splitlines()]
    deleted = [f"message:{one['id']}" for one in (second, call)]
    of_these = [line for line in lines if line["object"] in deleted]
    assert [(line["action"], line["actor"], line["object"]) for line in of_these] == [
        ("message_deleted", whose, one) for one in deleted
    ]
    assert {line["details"].get("owner") for line in of_these} == {whose}
    assert all(line["address"] for line in of_these)


async def test_what_a_person_thinks_of_an_answer(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("echo uno")
    answer = (await messages(alice, session))[-1]
    assert answer["feedback"] is None
    path = f"/api/sessions/{session}/messages/{answer['id']}/feedback"
    for _ in range(2):
        rated = await alice.post(path, {"rating": "up", "text": "Bene"})
        assert rated == answer | {"feedback": {"rating": "up", "text": "Bene"}}
    assert (await messages(alice, session))[-1] == rated
    assert (await alice.post(path, {"rating": None}))["feedback"] is None


async def test_the_page_that_holds_a_place(alice: Client, session: str) -> None:
    for number in range(1, 8):
        body = {"role": "user", "content": f"m{number}"}
        await alice.post(f"/api/sessions/{session}/messages", body, status=201)
    page = await messages(alice, session, around=4, limit=3)
    assert [message["content"] for message in page] == ["m3", "m4", "m5"]
    assert [message["sibling_count"] for message in page] == [1, 1, 1]


VERBS = [
    ("regenerate", None),
    ("edit", {"content": "echo x"}),
    ("select", None),
    ("feedback", {"rating": "up"}),
]


async def test_what_is_not_yours_or_not_there_does_not_exist(alice: Client, mallory: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("echo uno")
    words, answer = await messages(alice, session)
    own = await mallory.create_session()
    for verb, body in VERBS:
        for path in (f"{session}/messages/{words['id']}", f"{own}/messages/{words['id']}"):
            await mallory.post(f"/api/sessions/{path}/{verb}", body, status=404)
        for missing in (str(uuid4()), "not-a-uuid", "7"):
            await alice.post(f"/api/sessions/{session}/messages/{missing}/{verb}", body, status=404)
    await mallory.post(f"/api/sessions/{session}/continue", status=404)
    for path in (f"{session}/messages/{answer['id']}", f"{own}/messages/{answer['id']}"):
        assert (await mallory.http.delete(f"/api/sessions/{path}")).status_code == 404
        assert (await mallory.http.get(f"/api/sessions/{path}/siblings")).status_code == 404
    assert await shown(alice, session) == ["echo uno", "uno"]


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("edit", None),
        ("edit", {}),
        ("edit", {"content": "   "}),
        ("edit", {"content": 7}),
        ("edit", {"content": "a\x00"}),
        ("edit", {"content": "x", "attachments": [{"file_id": str(uuid4())}]}),
        ("edit", []),
        ("regenerate", {"on_busy": "explode"}),
        ("regenerate", {"reasoning_effort": "colossal"}),
        ("regenerate", "text"),
        ("select", {"on_busy": "queue"}),
        ("feedback", {}),
        ("feedback", {"rating": "sideways"}),
        ("feedback", {"rating": "up", "text": 7}),
    ],
)
async def test_bad_input(alice: Client, session: str, verb: str, body: Any) -> None:
    made = await alice.post(f"/api/sessions/{session}/messages", {"role": "user", "content": "uno"}, status=201)
    refused = await alice.post(f"/api/sessions/{session}/messages/{made['id']}/{verb}", body, status=400)
    assert refused["error"]["message"]
    assert await shown(alice, session) == ["uno"]


async def test_an_answer_is_not_edited(alice: Client, session: str) -> None:
    answer = {"role": "assistant", "content": "uno"}
    made = await alice.post(f"/api/sessions/{session}/messages", answer, status=201)
    refused = await alice.post(f"/api/sessions/{session}/messages/{made['id']}/edit", {"content": "x"}, status=400)
    assert refused["error"]["code"] == "not_a_users_message"


async def test_words_that_came_without_a_run_can_be_answered(alice: Client, session: str) -> None:
    made = await alice.post(f"/api/sessions/{session}/messages", {"role": "user", "content": "echo ciao"}, status=201)
    async with alice.chat(session, after=0) as chat:
        await again(chat, alice, f"/api/sessions/{session}/messages/{made['id']}/regenerate")
    assert await shown(alice, session) == ["echo ciao", "ciao"]
