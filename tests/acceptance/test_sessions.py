"""Sessions, messages, and what happens to them while others look."""

import asyncio
from uuid import uuid4

import pytest

from tests.harness.client import Client, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider, parse
from tests.harness.server import Site

SESSION = {
    "id",
    "session_id",
    "title",
    "name",
    "model",
    "model_id",
    "reasoning_effort",
    "mcp_config",
    "disabled_tools",
    "agent_name",
    "metadata",
    "pinned",
    "archived",
    "is_named",
    "message_count",
    "total_tokens",
    "tokens",
    "max_tokens",
    "trigger_tokens",
    "last_message_preview",
    "last_seq",
    "created_at",
    "updated_at",
    "last_used_at",
}
MESSAGE = {
    "id",
    "session_id",
    "position",
    "role",
    "content",
    "status",
    "partial",
    "tool_call_id",
    "tool_name",
    "tool_arguments",
    "tool_result",
    "tool_success",
    "token_count",
    "model",
    "model_id",
    "agent_name",
    "response_time_ms",
    "is_error",
    "metadata",
    "created_at",
}


async def test_a_session_keeps_what_it_was_made_with(alice: Client) -> None:
    name = f"My.own:id_{uuid4().hex[:8]}"
    fields = {
        "session_id": name,
        "title": "Rye",
        "mcp_config": [],
        "reasoning_effort": "high",
        "agent_name": "baker",
        "metadata": {"colour": ["brown", {"deep": None}]},
    }
    made = await alice.post("/api/sessions", fields, status=201)
    assert made.keys() >= SESSION
    assert {key: made[key] for key in fields} == fields
    assert (made["name"], made["model_id"], made["is_named"]) == ("Rye", made["model"], False)
    again = await alice.post("/api/sessions", {"session_id": name, "title": "Other"}, status=200)
    assert (again["id"], again["title"]) == (made["id"], "Rye")
    for ref in (name, made["id"]):
        assert (await alice.detail(ref))["session"] == made


async def test_a_session_is_reached_by_both_of_its_names_and_spellings(alice: Client, session: str) -> None:
    whole = await alice.detail(session)
    for path in (f"/api/sessions/{session}/", f"/api/sessions/{whole['session']['id']}"):
        answer = await alice.http.get(path, follow_redirects=False)
        assert answer.status_code == 200
        assert answer.json()["session"]["session_id"] == session
        assert answer.headers["x-request-id"]


async def test_two_people_may_use_the_same_session_id(alice: Client, mallory: Client) -> None:
    name = f"shared-{uuid4().hex[:8]}"
    ours = await alice.post("/api/sessions", {"session_id": name}, status=201)
    theirs = await mallory.post("/api/sessions", {"session_id": name}, status=201)
    assert ours["id"] != theirs["id"]


async def test_a_change_is_told_to_the_sockets(alice: Client, elsewhere: Client, session: str) -> None:
    async with alice.chat(session) as here, elsewhere.chat(session) as there:
        changes = {
            "title": "By hand",
            "pinned": True,
            "archived": False,
            "mcp_config": [],
            "metadata": {"a": 1},
        }
        answer = await alice.http.patch(f"/api/sessions/{session}", json=changes)
        assert answer.status_code == 200, answer.text
        for chat in (here, there):
            updated = await chat.expect("session_updated")
            assert updated["title"] == "By hand"
            assert updated["session"]["pinned"] is True
        await here.ask("Tell me about rye bread, please")
    kept = (await alice.detail(session))["session"]
    assert (kept["title"], kept["mcp_config"], kept["metadata"]) == ("By hand", [], {"a": 1})


async def test_pinned_sessions_stand_first(mallory: Client) -> None:
    names = [await mallory.create_session() for _ in range(4)]
    await mallory.http.patch(f"/api/sessions/{names[0]}", json={"pinned": True})
    listed = await mallory.get("/api/sessions")
    assert [item["session_id"] for item in listed["sessions"]] == [names[0], names[3], names[2], names[1]]
    assert (listed["total_count"], listed["has_more"]) == (4, False)


async def test_a_cursor_walks_without_skipping_or_repeating(mallory: Client) -> None:
    names = {await mallory.create_session() for _ in range(9)}
    page = await mallory.get("/api/sessions", limit=4)
    seen = [item["session_id"] for item in page["sessions"]]
    # Meanwhile another window makes a session: it stands first and shifts every offset.
    await mallory.create_session()
    while page["has_more"]:
        page = await mallory.get("/api/sessions", limit=4, cursor=page["next_cursor"])
        seen += [item["session_id"] for item in page["sessions"]]
    assert len(seen) == len(set(seen)) == 9
    assert set(seen) == names


async def test_a_search_finds_titles(mallory: Client) -> None:
    await mallory.create_session(title="Rye Bread", agent_name="baker")
    await mallory.create_session(title="100% wheat_bread")
    for search, count in (("rye", 1), ("BREAD", 2), ("100%", 1), ("t_b", 1), ("%", 1), ("spelt", 0)):
        listed = await mallory.get("/api/sessions", search=search)
        assert (len(listed["sessions"]), listed["total_count"]) == (count, count), search
    assert len((await mallory.get("/api/sessions", agent="baker"))["sessions"]) == 1


async def test_messages_are_added_without_an_answer_and_given_to_the_model_later(
    alice: Client, session: str, provider: Provider
) -> None:
    path = f"/api/sessions/{session}/messages"
    async with alice.chat(session) as chat:
        for role, text in (("user", "I like tea."), ("assistant", "Noted."), ("system", "Be brief.")):
            added = await alice.post(path, {"role": role, "content": text, "metadata": {"n": 1}}, status=201)
            assert added.keys() >= MESSAGE
            assert (added["role"], added["content"], added["metadata"]) == (role, text, {"n": 1})
        assert provider.requests == []
        await chat.expect("message_created")
        await chat.ask("say 2 words")
        assert_gapless(chat.log)
    texts = provider.requests[-1].texts
    assert [text for _role, text in texts[-4:]] == ["I like tea.", "Noted.", "Be brief.", "say 2 words"]
    assert [m["position"] for m in (await alice.detail(session))["messages"]] == [1, 2, 3, 4, 5]


async def test_messages_are_paged_from_both_sides(alice: Client, session: str) -> None:
    path = f"/api/sessions/{session}/messages"
    for number in range(1, 13):
        await alice.post(path, {"role": "user", "content": str(number)}, status=201)

    async def contents(**query: int) -> tuple[list[str], bool]:
        page = await alice.get(path, **query)
        assert page["total_count"] == 12
        return [message["content"] for message in page["messages"]], page["has_more"]

    assert await contents(limit=3) == (["1", "2", "3"], True)
    assert await contents(limit=3, offset=10) == (["11", "12"], False)
    assert await contents(limit=3, before=6) == (["3", "4", "5"], True)
    assert await contents(limit=3, before=3) == (["1", "2"], False)
    assert await contents(limit=3, after=10) == (["11", "12"], False)
    assert await contents(limit=3, after=6) == (["7", "8", "9"], True)


async def test_a_long_session_shows_its_newest_fifty(alice: Client, session: str) -> None:
    path = f"/api/sessions/{session}/messages"
    for start in range(0, 55, 11):
        await asyncio.gather(
            *(alice.post(path, {"role": "user", "content": str(n)}, status=201) for n in range(start, start + 11))
        )
    detail = await alice.detail(session)
    assert [m["position"] for m in detail["messages"]] == list(range(6, 56))
    assert (detail["loaded_count"], detail["message_count"], detail["has_more"]) == (50, 55, True)


async def test_an_idempotency_key_answers_the_first_result_again(alice: Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = await alice.post("/api/sessions", {"title": "Once"}, status=201, **key)
    second = await alice.post("/api/sessions", {"title": "Once"}, status=201, **key)
    assert first == second
    answer = await alice.http.post("/api/sessions", json={"title": "Twice"}, headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_mismatch")


async def test_parallel_uses_of_an_idempotency_key_make_one_thing(
    alice: Client, elsewhere: Client, session: str
) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    path = f"/api/sessions/{session}/messages"
    body = {"role": "user", "content": "once"}
    answers = await asyncio.gather(
        *((alice, elsewhere)[n % 2].http.post(path, json=body, headers=key) for n in range(8))
    )
    # One that came while the first was at work may be told to come again; none may make a second message.
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert 201 in {answer.status_code for answer in answers}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert (await alice.detail(session))["message_count"] == 1


async def test_a_deleted_session_is_gone_with_its_run(
    alice: Client, elsewhere: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as chat, elsewhere.chat(session) as other:
        await chat.say("say 900 words; pace 100")
        await chat.wait_text("word10")
        answer = await elsewhere.http.delete(f"/api/sessions/{session}")
        assert answer.status_code == 200
        assert answer.json()["success"] is True
        for one in (chat, other):
            end = await one.expect("stream_end")
            assert end["finish_reason"] in ("interrupted", "error")
            assert_gapless(one.log, after=one.frames[0]["last_seq"])
            assert await one.wait_closed() == 4404
    for path in ("", "/messages", "/events"):
        assert (await alice.http.get(f"/api/sessions/{session}{path}")).status_code == 404
    assert (await alice.http.delete(f"/api/sessions/{session}")).status_code == 404
    assert provider.requests[0].ended in ("cut", "")


async def test_a_cleared_session_keeps_its_settings_and_nothing_else(
    alice: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as chat:
        await chat.ask("echo forget this")
        await alice.http.patch(f"/api/sessions/{session}", json={"title": "Kept"})
        assert (await alice.post(f"/api/sessions/{session}/clear"))["success"] is True
        detail = await alice.detail(session)
        assert detail["messages"] == []
        kept = detail["session"]
        assert (kept["title"], kept["message_count"], kept["tokens"], kept["last_message_preview"]) == (
            "Kept",
            0,
            0,
            "",
        )
        assert_whole_run(await chat.ask("say 2 words"))
    assert "forget this" not in str(provider.requests[-1].items)


async def test_a_clear_stops_the_run_first(alice: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 900 words; pace 100")
        await chat.wait_text("word5")
        await alice.post(f"/api/sessions/{session}/clear")
        await chat.expect("stream_end")
        frames = await chat.ask("say 3 words")
        assert_whole_run(frames)
        assert text_of(frames) == "word1 word2 word3"
    assert len((await alice.detail(session))["messages"]) == 2


async def test_a_summary_shrinks_what_the_model_is_given_and_nothing_a_person_reads(
    alice: Client, session: str, provider: Provider
) -> None:
    async with alice.chat(session) as chat:
        for number in range(6):
            await chat.ask(f"echo {'bread ' * 60}{number}")
        before = (await alice.detail(session))["messages"]
        provider.scripts.append(parse("echo They spoke of bread."))
        answer = await alice.post(f"/api/sessions/{session}/summarize")
        assert answer["success"] is True
        assert answer["summary"] == "They spoke of bread."
        assert answer["message"]
        assert answer["tokens_after"] < answer["tokens_before"]
        assert [m["content"] for m in (await alice.detail(session))["messages"]][: len(before)] == [
            m["content"] for m in before
        ]
        assert_whole_run(await chat.ask("say 2 words"))
    given = str(provider.requests[-1].items)
    assert "They spoke of bread." in given
    assert given.count("bread") < 6 * 2 * 60


async def test_the_model_and_effort_of_the_session_are_used(alice: Client, session: str, provider: Provider) -> None:
    await alice.http.patch(f"/api/sessions/{session}", json={"model": "gpt-5.2", "reasoning_effort": "high"})
    async with alice.chat(session) as chat:
        await chat.ask("say 2 words")
        await chat.ask("say 2 words", model="gpt-4.1")
    assert [request.body["model"] for request in provider.requests] == ["gpt-5.2", "gpt-4.1"]
    assert provider.requests[0].body["reasoning"]["effort"] == "high"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/no-such-thing", 404, "not_found"),
        ("GET", "/api/sessions/nope", 404, "not_found"),
        ("PUT", "/api/sessions", 405, "method_not_allowed"),
        ("DELETE", "/api/chat", 405, "method_not_allowed"),
    ],
)
async def test_every_error_has_the_one_shape(alice: Client, method: str, path: str, status: int, code: str) -> None:
    answer = await alice.http.request(method, path)
    body = answer.json()
    assert answer.status_code == status
    assert body["detail"] == body["message"] == body["error"]["message"]
    assert (body["error"]["code"], body["error"]["request_id"]) == (code, answer.headers["x-request-id"])
    assert isinstance(body["error"]["details"], list)


async def test_health_and_config_need_no_login(stranger: Client, site: Site) -> None:
    health = await stranger.get("/api/health")
    assert health["status"] == "healthy"
    assert health["version"]
    for path in ("/api/health/live", "/api/health/ready"):
        assert (await stranger.http.get(path)).status_code == 200
    config = await stranger.get("/api/config")
    assert {"id", "name", "provider", "context_window", "supports_reasoning", "value", "isDefault"} <= config["models"][
        0
    ].keys()
    assert {"value", "label", "isDefault"} <= config["reasoning_levels"][0].keys()
    assert config["mcp_servers"] == []
    assert (config["max_file_size"], config["trash_days"]) == (52428800, 30)


async def test_the_page_and_the_admin_are_served(stranger: Client) -> None:
    page = await stranger.http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert (await stranger.http.get("/admin/login/")).status_code == 200
    assert (await stranger.http.get("/api/docs")).status_code == 200


@pytest.mark.parametrize("prefix", ["/api/sessions", "/api/v1/sessions"])
async def test_a_summary_asked_for_twice_is_made_once(
    alice: Client, elsewhere: Client, session: str, prefix: str
) -> None:
    path = f"{prefix}/{session}/summarize"

    async def asked(client: Client, key: str) -> tuple[int, str]:
        answer = await client.http.post(path, headers={"Idempotency-Key": key})
        return answer.status_code, answer.text

    async def summaries() -> list[str]:
        messages = (await alice.get(f"/api/sessions/{session}/messages"))["messages"]
        return [message["tool_call_id"] for message in messages if message["role"] == "tool_call"]

    async with alice.chat(session, after=0) as chat:
        for number in range(3):
            await chat.ask(f"echo {number}")
        first = await asked(alice, "once")
        for number in range(3):
            await chat.ask(f"echo {number}")
        assert await asked(elsewhere, "once") == first
        assert len(await summaries()) == 1
        at_once = await asyncio.gather(*(asked(client, "again") for client in (alice, elsewhere) * 3))
        assert len(set(at_once)) == 1
        assert at_once[0][0] == 200
        assert len(await summaries()) == 2
