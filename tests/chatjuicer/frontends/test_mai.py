"""The manual of MAI: /api/v1/sessions."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chat_app.models import Event
from chatjuicer.accounts.models import User
from files_app.workspace import Workspace
from sessions_app.models import ChatSession, ContextItem, Message, MessageDraft
from tests.conftest import refused

SESSIONS = "/api/v1/sessions"
SUMMARY = {
    "id", "title", "agent_name", "model_id", "created_at", "updated_at", "message_count", "last_message_preview",
}  # fmt: skip
MESSAGE = {
    "id", "session_id", "role", "content", "token_count", "model_id", "agent_name", "response_time_ms", "is_error",
    "created_at",
}  # fmt: skip


def created(client: APIClient, **fields: Any) -> dict[str, Any]:
    answer = client.post(SESSIONS, fields)
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def said(client: APIClient, session_id: str, content: str, role: str = "user") -> dict[str, Any]:
    answer = client.post(f"{SESSIONS}/{session_id}/messages", {"role": role, "content": content})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_a_new_session_is_called_new_chat_and_belongs_to_the_chat_agent(alice_client: APIClient) -> None:
    session = created(alice_client)
    assert session.keys() >= SUMMARY
    assert (session["title"], session["agent_name"]) == ("New Chat", "chat")
    assert (session["message_count"], session["last_message_preview"], session["messages"]) == (0, None, [])
    assert session["model_id"]
    assert str(UUID(session["id"])) == session["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", session["created_at"])


def test_title_agent_and_model_can_be_chosen_and_null_is_the_default(alice_client: APIClient) -> None:
    session = created(alice_client, title="Trip", agent_name="planner", model_id="gpt-5-mini")
    assert (session["title"], session["agent_name"], session["model_id"]) == ("Trip", "planner", "gpt-5-mini")
    assert created(alice_client, title=None, agent_name=None, model_id=None)["title"] == "New Chat"


def test_the_name_it_was_given_is_replaced_by_a_generated_one_and_a_chosen_one_is_not(
    alice: User, alice_client: APIClient
) -> None:
    given, chosen = created(alice_client)["id"], created(alice_client, title="New Chat")["id"]
    assert alice.chat_sessions.named(given).suggest_title("Found")
    assert not alice.chat_sessions.named(chosen).suggest_title("Found")


def test_the_session_that_changed_last_is_listed_first(alice_client: APIClient) -> None:
    first, second, third = (created(alice_client, title=title)["id"] for title in ("a", "b", "c"))
    said(alice_client, first, "hello")
    alice_client.patch(f"{SESSIONS}/{second}", {"title": "bb"})
    page = alice_client.get(SESSIONS).json()
    assert [session["id"] for session in page["sessions"]] == [second, first, third]
    assert (page["total"], page["limit"], page["offset"]) == (3, 50, 0)
    assert all(session.keys() >= SUMMARY for session in page["sessions"])


def test_a_list_is_cut_by_limit_and_offset(alice_client: APIClient) -> None:
    ids = [created(alice_client)["id"] for _ in range(5)]
    page = alice_client.get(f"{SESSIONS}?limit=2&offset=1").json()
    assert [session["id"] for session in page["sessions"]] == [ids[3], ids[2]]
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 1)
    assert alice_client.get(f"{SESSIONS}?offset=9").json()["sessions"] == []


def test_titles_are_searched_in_any_case(alice_client: APIClient) -> None:
    created(alice_client, title="A Journey to Rome")
    created(alice_client, title="Rome again")
    created(alice_client, title="100% sure")
    found = alice_client.get(f"{SESSIONS}?search=rOmE").json()
    assert ({session["title"] for session in found["sessions"]}, found["total"]) == (
        {"A Journey to Rome", "Rome again"},
        2,
    )
    assert alice_client.get(f"{SESSIONS}?search=rome&limit=1").json()["total"] == 2
    assert alice_client.get(f"{SESSIONS}?search=rome&offset=7").json()["total"] == 2
    assert [s["title"] for s in alice_client.get(f"{SESSIONS}?search=%25").json()["sessions"]] == ["100% sure"]
    nothing = alice_client.get(f"{SESSIONS}?search=paris").json()
    assert nothing | {"sessions": [], "total": 0, "limit": 50, "offset": 0} == nothing


def test_a_session_is_read_with_its_messages(alice_client: APIClient) -> None:
    session = created(alice_client)
    first = said(alice_client, session["id"], "hello")
    second = said(alice_client, session["id"], "hi there", "assistant")
    read = alice_client.get(f"{SESSIONS}/{session['id']}").json()
    assert read["messages"] == [first, second]
    assert first.keys() >= MESSAGE
    assert (first["session_id"], first["role"], first["content"]) == (session["id"], "user", "hello")
    assert (first["token_count"], first["response_time_ms"], first["is_error"]) == (0, None, False)
    assert (read["message_count"], read["last_message_preview"]) == (2, "hi there")
    assert read["updated_at"] > session["updated_at"]


def test_messages_come_as_a_list_from_the_oldest_on(alice: User, alice_client: APIClient) -> None:
    session_id = created(alice_client)["id"]
    session = alice.chat_sessions.named(session_id)
    session.add_messages([MessageDraft(role="user", content=str(number)) for number in range(1, 131)])

    def contents(query: str = "") -> list[int]:
        return [int(m["content"]) for m in alice_client.get(f"{SESSIONS}/{session_id}/messages{query}").json()]

    assert contents() == list(range(1, 101))
    assert contents("?offset=100") == list(range(101, 131))
    assert contents("?limit=3&offset=2") == [3, 4, 5]
    assert contents("?limit=500") == list(range(1, 131))
    assert len(alice_client.get(f"{SESSIONS}/{session_id}").json()["messages"]) == 130


def test_title_agent_and_model_can_be_changed(alice_client: APIClient) -> None:
    session_id = created(alice_client)["id"]
    message = said(alice_client, session_id, "hello")
    changes = {"title": "Named", "agent_name": "writer", "model_id": "other"}
    changed = alice_client.patch(f"{SESSIONS}/{session_id}", changes)
    assert changed.status_code == 200
    assert changed.json() == alice_client.get(f"{SESSIONS}/{session_id}").json()
    assert changed.json()["messages"] == [message]
    assert {name: changed.json()[name] for name in changes} == changes
    assert {name: alice_client.get(f"{SESSIONS}/{session_id}").json()[name] for name in changes} == changes
    assert alice_client.patch(f"{SESSIONS}/{session_id}", {}).json() == changed.json()


def test_a_deleted_session_is_gone_with_all_it_had(alice_client: APIClient) -> None:
    session_id = created(alice_client)["id"]
    said(alice_client, session_id, "hello")
    answer = alice_client.delete(f"{SESSIONS}/{session_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert alice_client.get(f"{SESSIONS}/{session_id}").status_code == 404
    assert alice_client.delete(f"{SESSIONS}/{session_id}").status_code == 404
    assert alice_client.get(SESSIONS).json()["total"] == 0


def test_each_route_has_two_spellings(alice_client: APIClient) -> None:
    session_id = alice_client.post(f"{SESSIONS}/", {}).json()["id"]
    body = {"role": "user", "content": "x"}
    assert alice_client.post(f"{SESSIONS}/{session_id}/messages/", body).status_code == 201
    for path in (SESSIONS, f"{SESSIONS}/{session_id}", f"{SESSIONS}/{session_id}/messages"):
        assert alice_client.get(f"{path}/").json() == alice_client.get(path).json()
    assert alice_client.patch(f"{SESSIONS}/{session_id}/", {"title": "t"}).status_code == 200
    assert alice_client.delete(f"{SESSIONS}/{session_id}/").status_code == 204


def test_an_idempotency_key_creates_once(alice_client: APIClient) -> None:
    def twice(path: str, body: dict[str, str]) -> dict[str, Any]:
        answers = [alice_client.post(path, body, headers={"idempotency-key": "k"}) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        other = body | {"title": "Twice", "content": "Twice"}
        refused(alice_client.post(path, other, headers={"idempotency-key": "k"}), 409, "idempotency_mismatch")
        session: dict[str, Any] = answers[0].json()
        return session

    session = twice(SESSIONS, {"title": "Once"})
    twice(f"{SESSIONS}/{session['id']}/messages", {"role": "user", "content": "Once"})
    assert (ChatSession.objects.count(), Message.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [[], {"title": 5}, {"title": ""}, {"title": "x" * 256}, {"agent_name": ""}, {"agent_name": "x" * 65},
     {"model_id": ["x"]}, {"model_id": "x" * 129}],
    ids=repr,
)  # fmt: skip
def test_a_session_is_not_made_of_bad_input(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.post(SESSIONS, body), 400, "invalid_input")
    assert not ChatSession.objects.exists()


@pytest.mark.parametrize(
    "body",
    [{}, {"role": "user"}, {"content": "x"}, {"role": "agent", "content": "x"}, {"role": "user", "content": ""},
     {"role": "user", "content": 5}, {"role": "user", "content": "x", "images": "aGVsbG8="},
     {"role": "user", "content": "x", "documents": [5]}],
    ids=repr,
)  # fmt: skip
def test_a_message_is_not_made_of_bad_input(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.post(f"{SESSIONS}/{created(alice_client)['id']}/messages", body), 400, "invalid_input")
    assert not Message.objects.exists()


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "search=%00", "search=" + "x" * 256])
def test_a_list_is_not_cut_by_nonsense(alice_client: APIClient, query: str) -> None:
    refused(alice_client.get(f"{SESSIONS}?{query}"), 400, "invalid_input")


def test_messages_are_not_cut_by_nonsense(alice_client: APIClient) -> None:
    path = f"{SESSIONS}/{created(alice_client)['id']}/messages"
    for query in ("limit=0", "limit=501", "offset=-1"):
        refused(alice_client.get(f"{path}?{query}"), 400, "invalid_input")


def test_what_is_foreign_is_unknown(alice_client: APIClient, mallory_client: APIClient) -> None:
    session_id = created(alice_client, title="Secret")["id"]
    for key in (session_id, str(uuid4()), "nonsense"):
        path = f"{SESSIONS}/{key}"
        body = {"role": "user", "content": "x"}
        for answer in (
            mallory_client.get(path),
            mallory_client.patch(path, {"title": "x"}),
            mallory_client.delete(path),
            mallory_client.get(f"{path}/messages"),
            mallory_client.post(f"{path}/messages", body),
        ):
            refused(answer, 404, "not_found")
    assert mallory_client.get(SESSIONS).json()["total"] == 0
    assert alice_client.get(f"{SESSIONS}/{session_id}").json()["title"] == "Secret"


def test_who_is_not_signed_in_is_told_so(anybody: APIClient) -> None:
    refused(anybody.get(SESSIONS), 401, "not_authenticated")


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.django_db(transaction=True)
def test_images_become_files_and_documents_are_named(alice: User, alice_client: APIClient) -> None:
    session_id = created(alice_client)["id"]
    session = alice.chat_sessions.named(session_id)
    Workspace(session).write("sources/report.txt", b"all is well")
    body = {
        "role": "user",
        "content": "look",
        "images": [PIXEL, f"data:image/png;base64,{PIXEL}"],
        "documents": ["report.txt"],
    }
    for _ in range(2):
        headers = {"idempotency-key": "look"}
        answer = alice_client.post(f"{SESSIONS}/{session_id}/messages", body, headers=headers)
        assert answer.status_code == 201, answer.content
    attached = answer.json()["metadata"]["attachments"]
    assert [(each["content_type"], each["is_image"]) for each in attached] == [
        ("image/png", True),
        ("image/png", True),
        ("text/plain", False),
    ]
    files = alice_client.get(f"/api/sessions/{session_id}/files").json()["files"]
    assert sorted(file["id"] for file in files) == sorted(each["file_id"] for each in attached)
    (item,) = session.context_items.all()
    kinds_given = [part["type"] for part in item.value["content"]]
    assert kinds_given == ["input_text", "input_text", "input_image", "input_image"]
    assert alice_client.get(f"{SESSIONS}/{session_id}/messages").json() == [answer.json()]
    for rows, column in ((Message, "metadata"), (ContextItem, "item"), (Event, "payload")):
        assert PIXEL[:40] not in str(list(rows.objects.values_list(column, flat=True)))


@pytest.mark.parametrize(
    "extra",
    [
        {"images": ["no base64!"]},
        {"images": ["aGVsbG8="]},
    ],
    ids=lambda extra: repr(extra)[:40],
)
def test_what_is_no_image_or_no_file_is_refused(alice_client: APIClient, extra: Any) -> None:
    session_id = created(alice_client)["id"]
    body = {"role": "user", "content": "look", **extra}
    refused(alice_client.post(f"{SESSIONS}/{session_id}/messages", body), 400, "invalid_attachment")
    assert not Message.objects.exists()
    assert alice_client.get(f"/api/sessions/{session_id}/files").json()["files"] == []


@pytest.mark.django_db(transaction=True)
def test_a_message_has_at_most_twenty_files(alice: User, alice_client: APIClient) -> None:
    session_id = created(alice_client)["id"]
    Workspace(alice.chat_sessions.named(session_id)).write("sources/report.txt", b"all is well")
    body = {"role": "user", "content": "look", "images": [PIXEL] * 20, "documents": ["report.txt"]}
    refused(alice_client.post(f"{SESSIONS}/{session_id}/messages", body), 400, "invalid_attachment")
    assert not Message.objects.exists()
    assert len(alice_client.get(f"/api/sessions/{session_id}/files").json()["files"]) == 1


@pytest.mark.django_db(transaction=True)
def test_documents_that_the_session_does_not_have_are_kept_as_names(alice: User, alice_client: APIClient) -> None:
    session_id = created(alice_client)["id"]
    session = alice.chat_sessions.named(session_id)
    Workspace(session).write("sources/report.txt", b"all is well")
    body = {"role": "user", "content": "look", "documents": ["unknown.pdf", "report.txt", "../../etc/passwd"]}
    answer = alice_client.post(f"{SESSIONS}/{session_id}/messages", body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["metadata"]["documents"] == ["unknown.pdf", "../../etc/passwd"]
    assert [file["path"] for file in answer.json()["metadata"]["attachments"]] == ["sources/report.txt"]
    names_alone = body | {"documents": ["unknown.pdf"] * 2}
    assert alice_client.post(f"{SESSIONS}/{session_id}/messages", names_alone).json()["metadata"] == {
        "documents": ["unknown.pdf"]
    }
    contents = [item.value["content"] for item in session.context_items.order_by("position")]
    assert "sources/report.txt" in contents[0][1]["text"]
    assert contents[1] == "look"


def test_a_list_costs_three_statements(alice: User, client_of: Callable[[User], APIClient]) -> None:
    for number in range(60):
        ChatSession.objects.open(alice, public_id=f"s{number}", title=f"Chat {number}")
    client = client_of(alice)
    for query in ("", "?search=chat", "?offset=20&limit=20"):
        with CaptureQueriesContext(connection) as statements:
            assert client.get(SESSIONS + query).json()["total"] == 60
        assert len(statements) <= 3


@pytest.mark.only("sqlite", reason="PostgreSQL reads small tables without an index")
def test_a_list_and_a_search_read_no_more_than_an_index_and_the_page(alice: User) -> None:
    sessions = ChatSession.objects.filter(owner=alice, namespace="default")
    for wanted in (sessions, sessions.filter(title__icontains="chat")):
        assert wanted.order_by("-updated_at", "-id").explain().count("\n") == 0
        assert "INDEX session_by_update (owner_id=? AND namespace=?)" in wanted.order_by("-updated_at", "-id").explain()
    assert "COVERING INDEX" in sessions.filter(title__icontains="chat").values("pk").explain()
