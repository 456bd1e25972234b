"""Opening, finding, changing and deleting conversations, over HTTP."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, ContextItem, Message, MessageDraft, SessionTally

SESSION_FIELDS = {
    "id", "session_id", "title", "name", "model", "model_id", "reasoning_effort", "mcp_config", "disabled_tools",
    "agent_name", "metadata", "pinned", "archived", "is_named", "message_count", "total_tokens", "tokens", "max_tokens",
    "trigger_tokens", "last_message_preview", "last_seq", "state", "created_at", "updated_at", "last_used_at",
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def opened(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/sessions", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def listed(client: APIClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/sessions{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def names(page: dict[str, Any]) -> list[str]:
    return [session["session_id"] for session in page["sessions"]]


def test_a_new_session_has_every_field_and_the_defaults(alice_client: APIClient) -> None:
    session = opened(alice_client)
    assert session.keys() >= SESSION_FIELDS
    assert re.fullmatch(r"chat_[0-9a-f]{16,}", session["session_id"])
    assert session["title"] == session["name"] == ""
    assert session["model"] == session["model_id"] != ""
    assert session["mcp_config"] == list(settings.MCP_SERVERS)
    assert session["disabled_tools"] == []
    assert (session["reasoning_effort"], session["agent_name"]) == ("medium", "chat")
    assert session["metadata"] == {}
    assert 0 < session["trigger_tokens"] <= session["max_tokens"]
    assert not session["is_named"]
    for field in ("created_at", "updated_at", "last_used_at"):
        assert TIME.fullmatch(session[field])


def test_the_list_and_the_detail_show_a_session_alike(alice_client: APIClient) -> None:
    session = opened(alice_client, title="Grüße", metadata={"z": 1, "a": [None, "ü"]}, mcp_config=["fetch"])
    assert listed(alice_client)["sessions"] == [session]
    for key in (session["session_id"], session["id"]):
        assert alice_client.get(f"/api/sessions/{key}").json()["session"] == session


def test_both_spellings_of_a_route_answer_without_a_redirect(alice_client: APIClient) -> None:
    session = opened(alice_client)
    assert alice_client.get("/api/sessions/").status_code == 200
    assert alice_client.get(f"/api/sessions/{session['session_id']}/").status_code == 200
    assert alice_client.post("/api/sessions/", {}).status_code == 201


def test_repeating_ones_own_session_id_gives_the_stored_session(alice_client: APIClient) -> None:
    first = opened(alice_client, session_id="mine", title="First")
    again = alice_client.post("/api/sessions", {"session_id": "mine", "title": "Second"})
    assert again.status_code == 200
    assert again.json() == first
    assert listed(alice_client)["total_count"] == 1


def test_two_owners_may_use_the_same_session_id(alice_client: APIClient, mallory_client: APIClient) -> None:
    hers = opened(alice_client, session_id="same")
    other = opened(mallory_client, session_id="same")
    assert hers["id"] != other["id"]


def test_name_is_another_word_for_title(alice_client: APIClient) -> None:
    assert opened(alice_client, name="Plans")["title"] == "Plans"


def test_no_mcp_servers_stay_none_and_any_others_are_kept_as_given(alice_client: APIClient) -> None:
    session = opened(alice_client, mcp_config=[])
    assert session["mcp_config"] == []
    path = f"/api/sessions/{session['session_id']}"
    for chosen in (["sequential", "fetch", "tavily"], ["sequential-thinking", "sequential"]):
        changed = alice_client.patch(path, {"mcp_config": chosen})
        assert changed.json()["mcp_config"] == chosen
    assert alice_client.patch(path, {"mcp_config": []}).json()["mcp_config"] == []
    assert alice_client.get(path).json()["session"]["mcp_config"] == []


def test_tools_are_disabled_by_any_names_which_are_kept_as_given(alice_client: APIClient) -> None:
    off = ["edit_file", "nobody has it", ""]
    session = opened(alice_client, disabled_tools=off)
    assert session["disabled_tools"] == off
    assert opened(alice_client, disabled_tools=None)["disabled_tools"] == []
    path = f"/api/sessions/{session['session_id']}"
    assert alice_client.patch(path, {"title": "Plans"}).json()["disabled_tools"] == off
    assert alice_client.patch(path, {"disabled_tools": ["fetch"]}).json()["disabled_tools"] == ["fetch"]
    assert alice_client.get(path).json()["session"]["disabled_tools"] == ["fetch"]
    assert [one["disabled_tools"] for one in listed(alice_client)["sessions"]] == [[], ["fetch"]]
    assert alice_client.patch(path, {"disabled_tools": []}).json()["disabled_tools"] == []


def test_an_idempotency_key_makes_one_session_of_two_requests(alice_client: APIClient) -> None:
    first = alice_client.post("/api/sessions", {"title": "Once"}, headers={"idempotency-key": "k1"})
    again = alice_client.post("/api/sessions", {"title": "Once"}, headers={"idempotency-key": "k1"})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert listed(alice_client)["total_count"] == 1
    other = alice_client.post("/api/sessions", {"title": "Else"}, headers={"idempotency-key": "k1"})
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency_mismatch"


def test_pinned_sessions_come_first_and_then_the_last_used(alice_client: APIClient) -> None:
    for name in ("a", "b", "c"):
        opened(alice_client, session_id=name)
    alice_client.post("/api/sessions/a/messages", {"role": "user", "content": "hello"})
    assert names(listed(alice_client)) == ["a", "c", "b"]
    alice_client.patch("/api/sessions/b", {"pinned": True})
    assert names(listed(alice_client)) == ["b", "a", "c"]


def test_a_list_is_cut_by_offset_and_limit_and_filtered(alice_client: APIClient) -> None:
    for number in range(5):
        opened(alice_client, session_id=f"s{number}", title=f"Trip {number}", agent_name=f"agent{number % 2}")
    page = listed(alice_client, "?offset=1&limit=2")
    assert names(page) == ["s3", "s2"]
    assert (page["total_count"], page["has_more"]) == (5, True)
    assert page["pagination"]["total"] == 5
    assert (page["pagination"]["offset"], page["pagination"]["limit"]) == (1, 2)
    assert page["pagination"]["next_cursor"] == page["next_cursor"] is not None
    last = listed(alice_client, "?offset=3&limit=2")
    assert (names(last), last["has_more"], last["next_cursor"]) == (["s1", "s0"], False, None)
    found = listed(alice_client, "?search=tRIP+3")
    assert (names(found), found["total_count"]) == (["s3"], 1)
    assert names(listed(alice_client, "?search=%25")) == []
    assert names(listed(alice_client, "?agent=agent1")) == ["s3", "s1"]
    alice_client.patch("/api/sessions/s4", {"archived": True})
    assert names(listed(alice_client, "?archived=true")) == ["s4"]
    assert listed(alice_client, "?archived=false")["total_count"] == 4


def test_titles_are_searched_in_any_case_of_any_script(alice_client: APIClient) -> None:
    for title in ("Über Straßen", "Σίσυφος 100%", "日本 50_1", "Čaj"):
        alice_client.post("/api/sessions", {"title": title})
    for search, title in (("ÜBER", "Über Straßen"), ("straßE", "Über Straßen"), ("σίσυφοσ 100%", "Σίσυφος 100%"),
                          ("本 50_", "日本 50_1"), ("ČAJ", "Čaj"), ("čaj%", ""), ("é", "")):  # fmt: skip
        for path in ("/api/sessions", "/api/v1/sessions"):
            page = alice_client.get(path, {"search": search}).json()
            assert [found["title"] for found in page["sessions"]] == ([title] if title else []), (path, search)


def test_a_list_costs_two_statements_however_long_it_is(
    alice: User, alice_client: APIClient, django_assert_num_queries: Any
) -> None:
    for number in range(30):
        ChatSession.objects.open(alice, public_id=f"s{number}")
    with django_assert_num_queries(2):
        assert len(listed(alice_client)["sessions"]) == 30
    cursor = listed(alice_client, "?limit=10")["next_cursor"]
    with CaptureQueriesContext(connection) as statements:
        listed(alice_client, f"?limit=10&cursor={cursor}")
    assert len(statements) <= 4


def test_a_list_carries_no_more_of_a_message_than_its_preview(alice_client: APIClient) -> None:
    opened(alice_client, session_id="s")
    text = "word  \n" * 100
    alice_client.post("/api/sessions/s/messages", {"role": "user", "content": text})
    (session,) = listed(alice_client)["sessions"]
    assert session["last_message_preview"] == ("word " * 100)[:100]
    assert session["message_count"] == 1


def test_settings_change_and_stay(alice_client: APIClient) -> None:
    opened(alice_client, session_id="s")
    changes = {
        "title": "Named", "pinned": True, "archived": True, "model": "other-model", "reasoning_effort": "high",
        "mcp_config": ["fetch"], "disabled_tools": ["edit_file"], "agent_name": "primary",
        "metadata": {"colour": "green"},
    }  # fmt: skip
    changed = alice_client.patch("/api/sessions/s", changes).json()
    assert {name: changed[name] for name in changes} == changes
    assert changed["is_named"]
    assert changed["model_id"] == "other-model"
    assert alice_client.get("/api/sessions/s").json()["session"] == changed
    assert alice_client.patch("/api/sessions/s", {"nonsense": 1}).json() == changed


def test_a_generated_title_never_replaces_a_persons(alice: User, alice_client: APIClient) -> None:
    opened(alice_client, session_id="s")
    session = alice.chat_sessions.named("s")
    assert session.suggest_title("Guessed")
    assert alice_client.get("/api/sessions/s").json()["session"]["title"] == "Guessed"
    alice_client.patch("/api/sessions/s", {"title": "Chosen"})
    assert not session.suggest_title("Guessed again")
    assert alice_client.get("/api/sessions/s").json()["session"]["title"] == "Chosen"


def test_deleting_takes_everything_along(alice: User, alice_client: APIClient) -> None:
    opened(alice_client, session_id="s")
    opened(alice_client, session_id="other")
    alice_client.post("/api/sessions/s/messages", {"role": "user", "content": "hello"})
    assert alice_client.delete("/api/sessions/s?permanent=true").json() == {"success": True}
    assert alice_client.get("/api/sessions/s").status_code == 404
    assert alice_client.delete("/api/sessions/s?permanent=true").status_code == 404
    assert not Message.objects.exists()
    assert not ContextItem.objects.exists()
    assert listed(alice_client)["total_count"] == 1
    assert SessionTally.objects.get(owner=alice).count == 1


def test_a_large_session_is_deleted_in_bounded_statements(
    alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions_app.models.session_ends.DELETE_BATCH", 10)
    session, _ = ChatSession.objects.open(alice, public_id="s")
    session.add_messages([MessageDraft(role="user", content=str(n)) for n in range(35)])
    session.add_context([{"role": "user", "content": str(n)} for n in range(35)])
    with CaptureQueriesContext(connection) as statements:
        assert alice_client.delete("/api/sessions/s?permanent=true").status_code == 200
    deletions = [q["sql"] for q in statements if q["sql"].startswith('DELETE FROM "sessions_app_message"')]
    assert len(deletions) >= 4
    assert not Message.objects.exists()
    assert not ContextItem.objects.exists()


def test_a_deletion_that_a_crash_has_cut_is_seen_by_nobody_and_finished_later(
    alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(session: ChatSession) -> None:
        raise SystemError

    monkeypatch.setattr("sessions_app.models.session_ends.DELETE_BATCH", 10)
    session, _ = ChatSession.objects.open(alice, public_id="s")
    session.add_messages([MessageDraft(role="user", content=str(n)) for n in range(35)])
    with monkeypatch.context() as cut:
        cut.setattr(ChatSession, "finish_removing", crash)
        assert alice_client.delete("/api/sessions/s?permanent=true").status_code == 500
    assert Message.objects.count() == 35
    assert listed(alice_client)["sessions"] == []
    assert listed(alice_client)["total_count"] == 0
    for door in ("/api/sessions/s", f"/api/sessions/{session.pk}", "/api/sessions/s/messages"):
        assert alice_client.get(door).status_code == 404
    assert alice_client.post("/api/sessions", {"session_id": "s"}).status_code == 201
    assert ChatSession.objects.finish_removals() == 1
    assert not Message.objects.exists()
    assert [left.public_id for left in ChatSession.with_deleting.all()] == ["s"]
    assert SessionTally.objects.get(owner=alice).count == 1


@pytest.mark.django_db(transaction=True)
def test_a_clearing_that_a_crash_has_cut_is_finished_once_and_takes_nothing_that_was_said_since(
    alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = QuerySet.delete
    batches: list[Any] = []

    def delete_once(rows: QuerySet[Any]) -> Any:
        if rows.model is Message:
            if batches:
                raise SystemError
            batches.append(rows)
        return delete(rows)

    monkeypatch.setattr("sessions_app.models.session_ends.DELETE_BATCH", 10)
    session, _ = ChatSession.objects.open(alice, public_id="s")
    session.add_messages([MessageDraft(role="user", content=str(n)) for n in range(35)])
    session.add_context([{"role": "user", "content": str(n)} for n in range(35)])
    with monkeypatch.context() as cut:
        cut.setattr(QuerySet, "delete", delete_once)
        assert alice_client.post("/api/sessions/s/clear").status_code == 500
    assert Message.objects.count() == 25
    slower = ChatSession.objects.get(clearing=True)  # of another process that starts at the same time
    assert ChatSession.objects.finish_clearings() == 1
    detail = alice_client.get("/api/sessions/s").json()
    assert (detail["messages"], detail["message_count"], ContextItem.objects.count()) == ([], 0, 0)
    alice_client.post("/api/sessions/s/messages", {"role": "user", "content": "since then"})
    slower.finish_clearing()
    assert [message["content"] for message in alice_client.get("/api/sessions/s").json()["messages"]] == ["since then"]
    assert ChatSession.objects.finish_clearings() == 0


def test_clearing_empties_both_layers_and_counters_and_keeps_the_rest(alice: User, alice_client: APIClient) -> None:
    opened(alice_client, session_id="s", title="Kept", mcp_config=["fetch"])
    alice_client.post("/api/sessions/s/messages", {"role": "user", "content": "hello"})
    alice.chat_sessions.named("s").settle("idle", {"total_tokens": 100, "context_tokens": 50})
    assert alice_client.get("/api/sessions/s").json()["session"]["tokens"] == 50
    assert alice_client.post("/api/sessions/s/clear").json() == {"success": True}
    detail = alice_client.get("/api/sessions/s").json()
    assert detail["messages"] == []
    session = detail["session"]
    assert (session["title"], session["mcp_config"]) == ("Kept", ["fetch"])
    assert [session[f] for f in ("message_count", "tokens", "total_tokens", "last_message_preview")] == [
        0,
        0,
        0,
        "",
    ]
    assert not ContextItem.objects.exists()
    again = alice_client.post("/api/sessions/s/messages", {"role": "user", "content": "anew"}).json()
    assert again["position"] == 1


def test_what_is_alices_does_not_exist_for_mallory(alice_client: APIClient, mallory_client: APIClient) -> None:
    session = opened(alice_client, session_id="secret")
    mine = {"role": "user", "content": "x"}

    def answers(key: str) -> list[tuple[int, Any]]:
        path = f"/api/sessions/{key}"
        return [
            (answer.status_code, answer.json()["detail"])
            for answer in (
                mallory_client.get(path),
                mallory_client.patch(path, {"title": "x"}),
                mallory_client.delete(path),
                mallory_client.post(f"{path}/clear"),
                mallory_client.get(f"{path}/messages"),
                mallory_client.post(f"{path}/messages", mine),
            )
        ]

    unknown = answers("unknown")
    assert {status for status, _ in unknown} == {404}
    assert answers("secret") == answers(session["id"]) == unknown
    assert names(listed(mallory_client)) == []
    assert alice_client.get("/api/sessions/secret").json()["session"] == session


def test_who_is_not_signed_in_gets_401(anybody: APIClient) -> None:
    for answer in (
        anybody.get("/api/sessions"),
        anybody.post("/api/sessions", {}),
        anybody.get("/api/sessions/x"),
    ):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"]
