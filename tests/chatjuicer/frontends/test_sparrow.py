"""The manual of Agent Sparrow: /api/v1/chat-sessions."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, Message, MessageDraft
from tests.conftest import refused

SESSIONS = "/api/v1/chat-sessions"
SESSION = {"id", "title", "agent_type", "created_at", "last_message_at", "message_count"}
MESSAGE = {"id", "session_id", "message_type", "content", "agent_type", "metadata", "created_at"}


def created(client: APIClient, title: str = "Case", agent_type: str = "primary", **fields: Any) -> dict[str, Any]:
    answer = client.post(SESSIONS, {"title": title, "agent_type": agent_type, **fields})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def told(client: APIClient, session_id: str, content: str, **fields: Any) -> dict[str, Any]:
    body = {"message_type": "user", "content": content, **fields}
    answer = client.post(f"{SESSIONS}/{session_id}/messages", body)
    assert answer.status_code == 201, answer.content
    message: dict[str, Any] = answer.json()
    return message


def listed(client: APIClient, query: str = "") -> list[str]:
    return [session["title"] for session in client.get(f"{SESSIONS}{query}").json()]


def test_a_session_has_a_title_and_a_type_of_agent(alice_client: APIClient) -> None:
    session = created(alice_client, "Mail does not sync", "log_analysis")
    assert session.keys() >= SESSION
    assert (session["title"], session["agent_type"]) == ("Mail does not sync", "log_analysis")
    assert (session["message_count"], session["last_message_at"]) == (0, session["created_at"])


def test_an_initial_message_is_the_first_of_the_user(alice_client: APIClient) -> None:
    session = created(alice_client, initial_message="It fails since Monday")
    assert session["message_count"] == 1
    (message,) = alice_client.get(f"{SESSIONS}/{session['id']}").json()["messages"]
    assert (message["message_type"], message["content"]) == ("user", "It fails since Monday")
    assert session["last_message_at"] == message["created_at"]


def test_active_sessions_are_listed_with_the_latest_message_first(alice_client: APIClient) -> None:
    first = created(alice_client, "first")
    created(alice_client, "second", "log_analysis")
    created(alice_client, "third")
    told(alice_client, first["id"], "hello")
    assert listed(alice_client) == ["first", "third", "second"]
    assert listed(alice_client, "?agent_type=primary") == ["first", "third"]
    assert listed(alice_client, "?agent_type=log_analysis") == ["second"]


def test_the_sixth_deactivates_the_one_longest_without_a_message(alice_client: APIClient) -> None:
    sessions = [created(alice_client, str(number)) for number in range(5)]
    created(alice_client, "other", "log_analysis")
    told(alice_client, sessions[0]["id"], "still here")
    created(alice_client, "sixth")
    assert listed(alice_client, "?agent_type=primary") == ["sixth", "0", "4", "3", "2"]
    assert listed(alice_client, "?agent_type=log_analysis") == ["other"]
    gone = alice_client.get(f"{SESSIONS}/{sessions[1]['id']}")
    assert (gone.status_code, gone.json()["is_active"]) == (200, False)


def test_at_most_ten_are_listed(alice_client: APIClient) -> None:
    for number in range(7):
        created(alice_client, f"p{number}")
        created(alice_client, f"l{number}", "log_analysis")
    assert listed(alice_client) == ["l6", "p6", "l5", "p5", "l4", "p4", "l3", "p3", "l2", "p2"]


def test_the_limit_is_of_this_front_end_only(alice_client: APIClient) -> None:
    native = alice_client.post("/api/sessions", {"agent_name": "primary"}).json()["session_id"]
    for number in range(6):
        created(alice_client, str(number))
    for _ in range(6):
        alice_client.post("/api/sessions", {"agent_name": "primary"})
    assert alice_client.get(f"/api/sessions/{native}").json()["session"]["is_active"]
    assert listed(alice_client) == ["5", "4", "3", "2", "1"]


@pytest.mark.django_db(transaction=True)
def test_twenty_creates_at_once_leave_five_active(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    clients = [client_of(alice) for _ in range(20)]
    titles = side_by_side(lambda client: created(client)["title"], clients)
    assert titles == ["Case"] * 20
    assert ChatSession.objects.count() == 20
    active = ChatSession.objects.filter(is_active=True)
    assert set(active.values_list("active_slot", flat=True)) == {1, 2, 3, 4, 5}
    assert active.count() == 5
    assert len(listed(clients[0])) == 5


@pytest.mark.django_db(transaction=True)
def test_activations_at_once_leave_five_active(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    ids = [created(client_of(alice))["id"] for _ in range(10)]

    def activate(key: str) -> int:
        return int(client_of(alice).put(f"{SESSIONS}/{key}", {"is_active": True}).status_code)

    assert side_by_side(activate, ids) == [200] * 10
    assert ChatSession.objects.filter(is_active=True).count() == 5


def test_messages_are_of_the_user_the_agent_or_the_system(alice: User, alice_client: APIClient) -> None:
    session = created(alice_client)
    metadata = {"confidence": 0.9, "tags": ["imap"]}
    user = told(alice_client, session["id"], "Why?")
    agent = told(alice_client, session["id"], "Because.", message_type="agent", metadata=metadata)
    system = told(alice_client, session["id"], "Be brief.", message_type="system", agent_type="log_analysis")
    assert user.keys() >= MESSAGE
    assert (user["session_id"], user["metadata"], user["agent_type"]) == (session["id"], {}, "primary")
    assert (agent["message_type"], agent["metadata"]) == ("agent", metadata)
    assert (system["message_type"], system["agent_type"]) == ("system", "log_analysis")
    read = alice_client.get(f"{SESSIONS}/{session['id']}").json()
    assert read["messages"] == [user, agent, system]
    assert (read["message_count"], read["last_message_at"]) == (3, system["created_at"])
    stored = alice.chat_sessions.named(session["id"])
    assert [item.value["role"] for item in stored.context_items.order_by("position")] == ["user", "assistant", "system"]


def test_a_tool_call_is_told_as_a_system_message(alice: User, alice_client: APIClient) -> None:
    session = created(alice_client)
    call = MessageDraft(role="tool_call", tool_name="read_file", tool_arguments="{}", tool_result="text")
    alice.chat_sessions.named(session["id"]).add_messages([call])
    (message,) = alice_client.get(f"{SESSIONS}/{session['id']}").json()["messages"]
    assert (message["message_type"], message["content"]) == ("system", "read_file")
    assert message["metadata"]["tool_call"]["result"] == "text"


def test_metadata_is_kept_as_given_up_to_64_kb(alice_client: APIClient) -> None:
    session = created(alice_client)
    metadata = {"z": [1, None, {"ü": "x" * 65_000}], "a": 1.5}
    message = told(alice_client, session["id"], "x", metadata=metadata)
    assert message["metadata"] == metadata
    assert list(message["metadata"]) == ["z", "a"]
    assert alice_client.get(f"{SESSIONS}/{session['id']}").json()["messages"][0]["metadata"] == metadata
    body = {"message_type": "user", "content": "x", "metadata": {"a": "x" * 65_536}}
    refused(alice_client.post(f"{SESSIONS}/{session['id']}/messages", body), 400, "invalid_input")


def test_a_session_is_renamed(alice_client: APIClient) -> None:
    session = created(alice_client)
    renamed = alice_client.put(f"{SESSIONS}/{session['id']}", {"title": "Solved"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "Solved")
    assert listed(alice_client) == ["Solved"]


def test_deleting_deactivates_and_what_was_said_can_still_be_read(alice_client: APIClient) -> None:
    session = created(alice_client)
    path = f"{SESSIONS}/{session['id']}"
    told(alice_client, session["id"], "hello")
    for _ in range(2):
        answer = alice_client.delete(path)
        assert (answer.status_code, answer.json()) == (200, {"message": "Session deleted successfully"})
    assert listed(alice_client) == []
    assert [message["content"] for message in alice_client.get(path).json()["messages"]] == ["hello"]


def test_an_inactive_session_takes_no_message_until_it_is_active_again(alice_client: APIClient) -> None:
    session = created(alice_client)
    path = f"{SESSIONS}/{session['id']}"
    alice_client.delete(path)
    for prefix, body in (
        (path, {"message_type": "user", "content": "x"}),
        (f"/api/v1/sessions/{session['id']}", {"role": "user", "content": "x"}),
        (f"/api/sessions/{session['id']}", {"role": "user", "content": "x"}),
    ):
        refused(alice_client.post(f"{prefix}/messages", body), 409, "session_inactive")
    assert not Message.objects.exists()
    assert alice_client.get(path).json()["message_count"] == 0
    assert alice_client.put(path, {"is_active": True}).json()["is_active"]
    assert told(alice_client, session["id"], "again")["content"] == "again"
    assert listed(alice_client) == ["Case"]


def test_who_becomes_active_again_takes_the_place_of_another(alice_client: APIClient) -> None:
    sessions = [created(alice_client, str(number)) for number in range(6)]
    assert alice_client.put(f"{SESSIONS}/{sessions[0]['id']}", {"is_active": True}).status_code == 200
    assert sorted(listed(alice_client)) == ["0", "2", "3", "4", "5"]
    alice_client.patch(f"/api/sessions/{sessions[1]['id']}", {"is_active": True})
    assert len(listed(alice_client)) == 5


def test_each_route_has_two_spellings(alice_client: APIClient) -> None:
    key = alice_client.post(f"{SESSIONS}/", {"title": "t", "agent_type": "primary"}).json()["id"]
    body = {"message_type": "user", "content": "x"}
    assert alice_client.post(f"{SESSIONS}/{key}/messages/", body).status_code == 201
    assert len(alice_client.get(f"{SESSIONS}/").json()) == 1
    assert alice_client.get(f"{SESSIONS}/{key}/").status_code == 200
    assert alice_client.put(f"{SESSIONS}/{key}/", {"title": "u"}).status_code == 200
    assert alice_client.delete(f"{SESSIONS}/{key}/").status_code == 200


def test_an_idempotency_key_creates_once(alice_client: APIClient) -> None:
    body = {"title": "Once", "agent_type": "primary", "initial_message": "hello"}
    answers = [alice_client.post(SESSIONS, body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (ChatSession.objects.count(), Message.objects.count()) == (1, 1)
    refused(
        alice_client.post(SESSIONS, body | {"title": "x"}, headers={"idempotency-key": "k"}),
        409,
        "idempotency_mismatch",
    )


@pytest.mark.parametrize(
    "body",
    [{}, [], {"title": "t"}, {"agent_type": "primary"}, {"title": "", "agent_type": "primary"},
     {"title": "x" * 256, "agent_type": "primary"}, {"title": 1, "agent_type": "primary"},
     {"title": "t", "agent_type": "router"}, {"title": "t", "agent_type": None},
     {"title": "t", "agent_type": "primary", "initial_message": ""},
     {"title": "t", "agent_type": "primary", "initial_message": 7}],
    ids=lambda body: repr(body)[:60],
)  # fmt: skip
def test_a_session_is_not_made_of_bad_input(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.post(SESSIONS, body), 400, "invalid_input")
    assert not ChatSession.objects.exists()


@pytest.mark.parametrize(
    "body",
    [{}, {"content": "x"}, {"message_type": "user"}, {"message_type": "user", "content": ""},
     {"message_type": "assistant", "content": "x"}, {"message_type": "user", "content": "x", "metadata": []},
     {"message_type": "user", "content": "x", "agent_type": "router"}],
    ids=repr,
)  # fmt: skip
def test_a_message_is_not_made_of_bad_input(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.post(f"{SESSIONS}/{created(alice_client)['id']}/messages", body), 400, "invalid_input")
    assert not Message.objects.exists()


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x" * 256}, {"is_active": "yes"}, [1]], ids=repr)
def test_a_session_is_not_changed_by_bad_input(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.put(f"{SESSIONS}/{created(alice_client)['id']}", body), 400, "invalid_input")
    assert listed(alice_client) == ["Case"]


def test_an_unknown_type_of_agent_is_not_listed(alice_client: APIClient) -> None:
    refused(alice_client.get(f"{SESSIONS}?agent_type=router"), 400, "invalid_input")


def test_what_is_foreign_is_unknown(alice_client: APIClient, mallory_client: APIClient) -> None:
    session = created(alice_client)
    for key in (session["id"], str(uuid4()), "nonsense"):
        path = f"{SESSIONS}/{key}"
        for answer in (
            mallory_client.get(path),
            mallory_client.put(path, {"title": "x"}),
            mallory_client.delete(path),
            mallory_client.post(f"{path}/messages", {"message_type": "user", "content": "x"}),
        ):
            refused(answer, 404, "not_found")
    assert listed(mallory_client) == []
    assert listed(alice_client) == ["Case"]
