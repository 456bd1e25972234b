"""The manual of today's client: /api/v1, beside MAI's answers on the same prefix."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, MessageDraft
from tests.conftest import PASSWORD
from tests.files_app.conftest import body_of

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
SESSIONS = f"{V1}/sessions"
MCP = ["sequential", "fetch", "tavily"]
TODAY = {
    "id", "session_id", "title", "model", "reasoning_effort", "mcp_config", "pinned", "is_named", "message_count",
    "total_tokens", "created_at", "last_used_at", "tokens", "max_tokens", "trigger_tokens", "project_id",
    "project_name",
}  # fmt: skip
MAI = {
    "id", "title", "agent_name", "model_id", "created_at", "updated_at", "message_count", "last_message_preview",
}  # fmt: skip


@pytest.fixture
def session(alice: User) -> ChatSession:
    session, _ = ChatSession.objects.open(alice, title="Bread")
    session.add_messages(
        [
            MessageDraft(role="user", content="What is there?"),
            MessageDraft(
                role="tool_call", tool_call_id="c", tool_name="f", tool_arguments="{}", tool_result="r",
                tool_success=True,
            ),
            MessageDraft(role="assistant", content="Rye"),
        ]
    )  # fmt: skip
    return session


def made(client: APIClient, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = client.post(SESSIONS, body, headers=headers)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def is_refused(answer: Any, status: int, message: str = "") -> None:
    """In the one shape, of which the client reads the message."""
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert body["message"] == body["detail"] == body["error"]["message"]
    assert message in body["message"] != ""


# -- signing in


def test_people_sign_in_renew_and_are_told_who_they_are(alice: User, anybody: APIClient) -> None:
    grant = anybody.post(f"{V1}/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    assert grant["user"] == {"id": str(alice.pk), "email": alice.email, "display_name": "Alice"}
    renewed = anybody.post(f"{V1}/auth/refresh", {"refresh_token": grant["refresh_token"]})
    assert (renewed.status_code, renewed.json()["token_type"]) == (200, "bearer")
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {renewed.json()['access_token']}")
    assert grant["user"].items() <= anybody.get(f"{V1}/auth/me").json().items()
    is_refused(
        anybody.post(f"{V1}/auth/login", {"email": alice.email, "password": "wrong"}), 401, "Invalid credentials"
    )


def test_refusals_at_registration_have_the_words_that_clients_know(
    alice: User, anybody: APIClient, settings: Settings
) -> None:
    bob = {"email": "bob@example.org", "password": PASSWORD}
    for prefix in ("/api", V1):
        path = f"{prefix}/auth/register"
        is_refused(anybody.post(path, bob | {"email": alice.email}), 409, "already registered")
        is_refused(anybody.post(path, bob | {"password": "short"}), 400)
        settings.REGISTRATION_INVITE_CODE = "let me in"
        for code in ({}, {"invite_code": "let me"}, {"invite_code": None}):
            is_refused(anybody.post(path, bob | code), 401, "Invalid or missing invite code")
        assert anybody.post(path, bob | {"invite_code": "let me in"}).status_code == 201
        settings.REGISTRATION_INVITE_CODE = ""
        bob["email"] = "bill@example.org"
    assert (
        anybody.post(f"{V1}/auth/register", bob | {"email": "b@example.org", "invite_code": "any"}).status_code == 201
    )


def test_the_choices_of_the_server_need_no_sign_in(anybody: APIClient) -> None:
    config = anybody.get(f"{V1}/config").json()
    assert [model["isDefault"] for model in config["models"]].count(True) == 1
    assert all(level.keys() >= {"value", "label", "isDefault"} for level in config["reasoning_levels"])
    assert [server["id"] for server in config["mcp_servers"]] == ["sequential-thinking", "fetch"]
    assert config["mcp_servers"][0]["name"] == "Sequential thinking" and config["mcp_servers"][0]["enabled"] is True
    assert anybody.get("/api/config").json()["mcp_servers"] == ["sequential-thinking", "fetch"]  # there, keys
    assert anybody.get(f"{V1}/health").json()["status"] == "healthy"


@pytest.mark.parametrize("path", ["sessions", "sessions/chat_0", "sessions/chat_0/files", "projects", "auth/me"])
def test_nothing_of_a_person_is_told_to_strangers(anybody: APIClient, path: str) -> None:
    is_refused(anybody.get(f"{V1}/{path}"), 401)


# -- sessions


def test_what_is_sent_tells_who_makes_a_session(alice: User, alice_client: APIClient) -> None:
    for body in ({"mcp_config": MCP}, {"model": "gpt-5-mini"}, {"reasoning_effort": "low"}, {"project_id": None}):
        session = made(alice_client, {"title": "What is in my files..."} | body)
        assert session.keys() >= TODAY and "messages" not in session
        assert session["title"] == "What is in my files..."
        assert session["is_named"] is False  # a title that came with it is nobody's choice
        assert alice.chat_sessions.named(session["id"]).spoken_to(signed_in=True) == "v1"
    for body in ({}, {"title": "Trip"}, {"agent_name": "planner"}, {"title": "Trip", "model_id": "demo"}):
        session = made(alice_client, body)
        assert session.keys() >= MAI | {"messages", "has_more"}
        assert alice.chat_sessions.named(session["id"]).spoken_to(signed_in=True) == ""


def test_what_was_chosen_is_kept_as_it_was_given(alice_client: APIClient) -> None:
    body = {"title": "x", "mcp_config": MCP, "model": "gpt-4.1", "reasoning_effort": "none"}
    session = made(alice_client, body)
    read = alice_client.get(f"{SESSIONS}/{session['session_id']}").json()["session"]
    assert {name: read[name] for name in body} == body


def test_tools_are_disabled_by_the_native_api_alone(alice: User, alice_client: APIClient) -> None:
    body = {"disabled_tools": ["fetch"]}
    today, mai = made(alice_client, {"mcp_config": MCP} | body), made(alice_client, {"title": "Trip"} | body)
    shown = [today, mai, *alice_client.get(SESSIONS).json()["sessions"]]
    for key in (today["session_id"], mai["id"]):
        path = f"{SESSIONS}/{key}"
        shown.append(alice_client.patch(path, {"title": "Rye"} | body).json())
        read = alice_client.get(path).json()
        shown.append(read.get("session", read))
    assert [one["title"] for one in shown[-4:]] == ["Rye"] * 4
    assert not any("disabled_tools" in one for one in shown)
    assert [session.disabled_tools for session in alice.chat_sessions.all()] == [[], []]


def test_a_request_that_is_sent_again_makes_no_second_session(alice: User, alice_client: APIClient) -> None:
    first, second = (made(alice_client, {"mcp_config": MCP}, {"Idempotency-Key": "k"}) for _ in range(2))
    assert first == second and alice.chat_sessions.count() == 1
    again = alice_client.post(SESSIONS, {"mcp_config": []}, headers={"Idempotency-Key": "k"})
    is_refused(again, 409)


@pytest.mark.parametrize(
    "body",
    [{"mcp_config": "fetch"}, {"reasoning_effort": "much"}, {"model": "x" * 200}, {"model": 7, "title": 7}, [], "text"],
)
def test_what_cannot_be_read_makes_no_session(alice: User, alice_client: APIClient, body: Any) -> None:
    is_refused(alice_client.post(SESSIONS, body), 400)
    assert not alice.chat_sessions.exists()


def test_the_list_answers_both_clients(alice_client: APIClient, session: ChatSession) -> None:
    empty = made(alice_client, {"mcp_config": MCP})
    page = alice_client.get(f"{SESSIONS}?offset=0&limit=1").json()
    assert (page["total"], page["limit"], page["offset"]) == (2, 1, 0)
    assert (page["total_count"], page["has_more"]) == (2, True)
    assert page["pagination"] == {"total_count": 2, "offset": 0, "limit": 1, "has_more": True}
    assert [entry["session_id"] for entry in page["sessions"]] == [empty["session_id"]]
    page = alice_client.get(f"{SESSIONS}?offset=1&limit=1").json()
    assert page["has_more"] is False and page["sessions"][0].keys() >= TODAY | MAI
    assert page["sessions"][0]["id"] == str(session.pk)
    is_refused(alice_client.get(f"{SESSIONS}?limit=101"), 400)


def test_a_session_is_read_by_either_name_in_either_shape(alice_client: APIClient, session: ChatSession) -> None:
    today = alice_client.get(f"{SESSIONS}/{session.public_id}").json()
    assert today.keys() >= {"session", "messages", "full_history", "files", "has_more", "loaded_count", "message_count"}
    assert today["messages"] == today["full_history"]
    assert [message["tool_call_id"] for message in today["messages"]] == [None, "c", None]
    assert (today["messages"][0]["tool_result"], today["messages"][1]["tool_result"]) == (None, "r")
    for name in (str(session.pk), str(session.pk).upper()):
        mai = alice_client.get(f"{SESSIONS}/{name}").json()
        assert mai.keys() >= MAI and "session" not in mai
        assert [message["session_id"] for message in mai["messages"]] == [str(session.pk)] * 3


def test_messages_come_by_either_name_in_either_shape(alice_client: APIClient, session: ChatSession) -> None:
    path = f"{SESSIONS}/{session.public_id}/messages"
    page = alice_client.get(f"{path}?offset=1&limit=1").json()
    assert page == {
        "messages": alice_client.get(f"{SESSIONS}/{session.public_id}").json()["messages"][1:2],
        "pagination": {"total_count": 3, "offset": 1, "limit": 1, "has_more": True},
    }
    is_refused(alice_client.get(f"{path}?limit=101"), 400)
    listed = alice_client.get(f"{SESSIONS}/{session.pk}/messages?limit=500").json()
    assert [message["content"] for message in listed] == ["What is there?", "r", "Rye"]


def test_a_session_id_that_looks_like_a_uuid_is_a_session_id(alice: User, alice_client: APIClient) -> None:
    session, _ = ChatSession.objects.open(alice, public_id=str(uuid4()))
    path = f"{SESSIONS}/{session.public_id}"
    assert alice_client.get(path).json()["session"]["session_id"] == session.public_id
    assert alice_client.get(f"{path}/messages").json()["pagination"]["total_count"] == 0
    assert "messages" not in alice_client.patch(path, {"title": None, "pinned": True}).json()
    assert alice.chat_sessions.get(pk=session.pk).spoken_to(signed_in=True) == "v1"
    assert "session" not in alice_client.get(f"{SESSIONS}/{session.pk}").json()
    answer = alice_client.delete(path)
    assert (answer.status_code, answer.json()["session_id"]) == (200, session.public_id)


def test_a_change_answers_the_session_and_null_changes_nothing(alice_client: APIClient, session: ChatSession) -> None:
    path = f"{SESSIONS}/{session.public_id}"
    changed = alice_client.patch(path, {"pinned": True, "title": None, "mcp_config": None, "model": None}).json()
    assert (changed["session_id"], changed["pinned"], changed["title"]) == (session.public_id, True, "Bread")
    assert alice_client.patch(path, {"title": "Rye", "mcp_config": MCP}).json()["mcp_config"] == MCP
    is_refused(alice_client.patch(path, {"pinned": "yes"}), 400)
    is_refused(alice_client.patch(path, [1]), 400)
    assert "messages" in alice_client.patch(f"{SESSIONS}/{session.pk}", {"title": "Wheat"}).json()


def test_a_session_is_deleted_by_either_name(alice: User, alice_client: APIClient, session: ChatSession) -> None:
    answer = alice_client.delete(f"{SESSIONS}/{session.public_id}")
    body = answer.json()
    assert (answer.status_code, body["success"], body["session_id"]) == (200, True, session.public_id)
    is_refused(alice_client.delete(f"{SESSIONS}/{session.public_id}"), 404)
    other, _ = ChatSession.objects.open(alice)
    assert alice_client.delete(f"{SESSIONS}/{other.pk}").status_code == 204
    assert not alice.chat_sessions.exists()


def test_what_is_not_ones_own_does_not_exist(mallory_client: APIClient, session: ChatSession) -> None:
    for name in (session.public_id, "chat_unknown", str(session.pk), str(uuid4())):
        for answer in (
            mallory_client.get(f"{SESSIONS}/{name}"),
            mallory_client.patch(f"{SESSIONS}/{name}", {"title": "x"}),
            mallory_client.delete(f"{SESSIONS}/{name}"),
            mallory_client.get(f"{SESSIONS}/{name}/messages"),
            mallory_client.get(f"{SESSIONS}/{name}/files"),
            mallory_client.post(f"{SESSIONS}/{name}/summarize"),
        ):
            is_refused(answer, 404)


# -- which words its plain sockets have


@pytest.fixture
def dialect(alice: User, session: ChatSession) -> Callable[[], str]:
    return lambda: alice.chat_sessions.get(pk=session.pk).spoken_to(signed_in=True)


def test_the_prefix_that_last_loaded_a_session_says_how_its_sockets_speak(
    alice_client: APIClient, session: ChatSession, dialect: Callable[[], str]
) -> None:
    for path, expected in (
        (f"{SESSIONS}/{session.pk}", ""),
        (f"{SESSIONS}/{session.public_id}", "v1"),
        (f"{SESSIONS}/{session.pk}", "v1"),
        (f"/api/sessions/{session.pk}", "v1"),
        (f"/api/sessions/{session.public_id}/messages", "v1"),
        (f"/api/sessions/{session.public_id}", ""),
    ):
        assert alice_client.get(path).status_code == 200
        assert dialect() == expected, path


def test_who_makes_a_session_that_is_there_has_loaded_it(alice: User, alice_client: APIClient) -> None:
    def dialect_after(path: str) -> str:
        assert alice_client.post(path, {"session_id": "mine", "mcp_config": []}).status_code in (200, 201)
        return alice.chat_sessions.get(public_id="mine").spoken_to(signed_in=True)

    assert [dialect_after(path) for path in (SESSIONS, "/api/sessions", SESSIONS)] == ["v1", "", "v1"]


def test_loading_writes_nothing_where_nothing_changes(alice_client: APIClient, session: ChatSession) -> None:
    before = ChatSession.objects.get(pk=session.pk).updated_at
    for prefix in ("/api", V1):
        alice_client.get(f"{prefix}/sessions/{session.public_id}")
        with CaptureQueriesContext(connection) as queries:
            alice_client.get(f"{prefix}/sessions/{session.public_id}")
        assert not [query for query in queries if "UPDATE" in query["sql"]]
    assert ChatSession.objects.get(pk=session.pk).updated_at == before


# -- files


@pytest.fixture
def files(session: ChatSession, settings: Settings, tmp_path: Any) -> str:
    local = {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "files"}}
    settings.STORAGES = settings.STORAGES | {"files": local}
    return f"{SESSIONS}/{session.public_id}/files"


def sent(
    client: APIClient, path: str, name: str = "notes.md", data: bytes = b"one\n", headers: dict[str, str] | None = None
) -> Any:
    file = SimpleUploadedFile(name, data)
    return client.post(path, {"file": file}, format="multipart", headers=headers)


def test_a_file_is_uploaded_listed_and_deleted(alice_client: APIClient, files: str, session: ChatSession) -> None:
    answer = sent(alice_client, f"{files}/upload?folder=input")
    entry = answer.json()
    assert (answer.status_code, entry["name"], entry["path"]) == (201, "notes.md", "input/notes.md")
    assert (entry["extension"], entry["file_count"], entry["size"]) == (None, None, 4)
    assert alice_client.get(files).json() == {"files": [entry], "folder": "input", "count": 1}
    assert alice_client.get(f"{files}?folder=input").json() == alice_client.get(f"{files}?folder=sources").json()
    assert alice_client.get(f"{SESSIONS}/{session.public_id}").json()["files"] == [entry]
    assert alice_client.get(f"{files}?folder=output/code").json() == {"files": [], "folder": "output/code", "count": 0}
    gone = alice_client.delete(f"{files}/notes.md?folder=input").json()
    assert (gone["success"], gone["filename"]) == (True, "notes.md") and gone["message"]
    is_refused(alice_client.delete(f"{files}/notes.md?folder=input"), 404)


def test_folders_are_counted(alice_client: APIClient, files: str) -> None:
    sent(alice_client, f"{files}/upload?folder=input/deep")
    (folder,) = alice_client.get(files).json()["files"]
    assert (folder["type"], folder["path"], folder["file_count"]) == ("folder", "input/deep", 1)
    assert alice_client.get(f"{files}?folder=input/deep").json()["files"][0]["path"] == "input/deep/notes.md"


@pytest.mark.django_db(transaction=True)  # who has read a file to its end closes the connection
def test_a_file_is_downloaded_from_here_and_by_an_address(
    alice_client: APIClient, anybody: APIClient, files: str
) -> None:
    sent(alice_client, f"{files}/upload")
    direct = alice_client.get(f"{files}/notes.md/download?folder=input")
    assert body_of(direct) == b"one\n"
    signed = alice_client.get(f"{files}/notes.md/presign-download?folder=input").json()
    assert signed["expires_in"] > 0
    by_address = anybody.get(signed["download_url"])
    assert body_of(by_address) == b"one\n"
    is_refused(alice_client.get(f"{files}/notes.md/path"), 404)  # to none that had to sign in


def test_an_upload_can_be_announced_and_is_confirmed_once(
    alice_client: APIClient, anybody: APIClient, files: str
) -> None:
    announced = alice_client.post(f"{files}/presign-upload", {"filename": "a.txt", "size": 2}).json()
    put = anybody.put(announced["upload_url"], b"ab", content_type="application/octet-stream")
    assert put.status_code == 200
    entries = [alice_client.post(f"{files}/confirm", {"file_key": announced["file_key"]}).json() for _ in range(2)]
    assert entries[0] == entries[1] and entries[0]["path"] == "input/a.txt"


def test_an_upload_that_is_sent_again_is_answered_alike(alice_client: APIClient, files: str) -> None:
    answers = [sent(alice_client, f"{files}/upload", headers={"Idempotency-Key": "k"}).json() for _ in range(2)]
    assert answers[0] == answers[1] and answers[0]["path"] == "input/notes.md"


# -- projects


def test_a_project_is_made_read_changed_and_deleted(alice: User, alice_client: APIClient) -> None:
    answer = alice_client.post(f"{V1}/projects", {"name": "Bread", "description": "All of it"})
    project = answer.json()
    assert (answer.status_code, project["session_count"], project["instructions"]) == (201, 0, "")
    path = f"{V1}/projects/{project['id']}"
    assert alice_client.get(path).json() == project
    session = made(alice_client, {"title": "Rye", "project_id": project["id"]})
    assert (session["project_id"], session["project_name"]) == (project["id"], "Bread")
    changed = alice_client.patch(
        path, {"name": "Pastry", "description": None, "instructions": "Weigh in grams."}
    ).json()
    assert (changed["name"], changed["description"], changed["instructions"]) == (
        "Pastry", "All of it", "Weigh in grams.",
    )  # fmt: skip
    assert (changed["session_count"], changed["updated_at"] > project["updated_at"]) == (1, True)
    named = f"{SESSIONS}/{session['session_id']}"
    assert alice_client.get(named).json()["session"]["project_name"] == "Pastry"
    gone = alice_client.delete(path).json()
    assert gone["success"] is True and gone["message"]
    assert alice_client.get(named).json()["session"]["project_id"] is None
    is_refused(alice_client.get(path), 404)


def test_projects_are_listed_the_one_changed_last_first(alice: User, alice_client: APIClient, mallory: User) -> None:
    ids = [alice_client.post(f"{V1}/projects", {"name": name}).json()["id"] for name in ("a", "b", "c")]
    mallory.projects.create(name="theirs")
    alice_client.patch(f"{V1}/projects/{ids[0]}", {"name": "aa"})
    for _ in range(2):
        made(alice_client, {"project_id": ids[1]})
    with CaptureQueriesContext(connection) as queries:
        page = alice_client.get(f"{V1}/projects?offset=0&limit=20").json()
    assert [project["name"] for project in page["projects"]] == ["aa", "c", "b"]
    assert [project["session_count"] for project in page["projects"]] == [0, 0, 2]
    assert page["pagination"] == {"total_count": 3, "offset": 0, "limit": 20, "has_more": False}
    assert len([query for query in queries if "sessions_app" in query["sql"]]) == 2
    assert alice_client.get(f"{V1}/projects?limit=2").json()["pagination"]["has_more"] is True
    assert len(alice_client.get(f"{V1}/projects?offset=2").json()["projects"]) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "x" * 256}, {"name": 7}, {"name": "x", "description": "y" * 2001}, {"name": None}, []],
)
def test_what_is_no_project_is_refused(alice: User, alice_client: APIClient, body: Any) -> None:
    is_refused(alice_client.post(f"{V1}/projects", body), 400)
    assert not alice.projects.exists()


def test_a_project_is_made_once(alice: User, alice_client: APIClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, second = (alice_client.post(f"{V1}/projects", {"name": "x"}, headers=headers).json() for _ in range(2))
    assert first == second and alice.projects.count() == 1


def test_projects_of_others_do_not_exist(alice: User, mallory: User, alice_client: APIClient) -> None:
    theirs = mallory.projects.create(name="theirs")
    path = f"{V1}/projects/{theirs.pk}"
    for answer in (alice_client.get(path), alice_client.patch(path, {"name": "x"}), alice_client.delete(path)):
        is_refused(answer, 404)
    is_refused(alice_client.get(f"{V1}/projects/bread"), 404)
    is_refused(alice_client.post(SESSIONS, {"project_id": str(theirs.pk)}), 400, "project_id")
    assert mallory.projects.get().name == "theirs"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('[{"a": 1}]', '[{"type":"text","text":"[{\\"a\\": 1}]"}]'),
        ('{"text": "a", "b": 1}', '[{"type":"text","text":"{\\"text\\": \\"a\\", \\"b\\": 1}"}]'),
        ('{"b": 1}', '{"b": 1}'),
        ("[1](https://example.org) and more", "[1](https://example.org) and more"),
    ],
)
def test_what_looks_like_parts_of_a_message_is_made_one(
    alice: User, alice_client: APIClient, written: str, shown: str
) -> None:
    """The client would show nothing of it, or its `text` alone."""
    session, _ = ChatSession.objects.open(alice)
    session.add_messages([MessageDraft(role="user", content=written)])
    path = f"{SESSIONS}/{session.public_id}"
    loaded, page = alice_client.get(path).json(), alice_client.get(f"{path}/messages").json()
    assert [body["messages"][0]["content"] for body in (loaded, page)] == [shown, shown]
    assert alice_client.get(f"/api/sessions/{session.public_id}").json()["messages"][0]["content"] == written


def test_what_the_client_shows_in_one_step_comes_at_once(alice: User, alice_client: APIClient) -> None:
    session, _ = ChatSession.objects.open(alice)
    session.add_messages([MessageDraft(role="user", content=f"m{number}") for number in range(1, 153)])
    loaded = alice_client.get(f"{SESSIONS}/{session.public_id}").json()
    assert (loaded["has_more"], loaded["loaded_count"], loaded["message_count"]) == (True, 150, 152)
    assert [row["content"] for row in loaded["messages"]] == [f"m{number}" for number in range(3, 153)]
    assert alice_client.get(f"/api/sessions/{session.public_id}").json()["loaded_count"] == 50
