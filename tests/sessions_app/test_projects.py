"""What several sessions have in common."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, Project
from sessions_app.serializers import OwnProject

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(alice: User) -> Project:
    return alice.projects.create(name="Bread", instructions="Weigh in grams.")


def made(client: APIClient, **fields: object) -> dict[str, object]:
    answer = client.post("/api/sessions", fields)
    assert answer.status_code == 201, answer.content
    body: dict[str, object] = answer.json()
    return body


def test_a_session_is_made_in_a_project_put_into_another_and_taken_out(
    alice: User, alice_client: APIClient, project: Project
) -> None:
    session = made(alice_client, project_id=str(project.pk))
    assert (session["project_id"], session["project_name"]) == (str(project.pk), "Bread")
    other, path = alice.projects.create(name="Cake"), f"/api/sessions/{session['session_id']}"
    assert alice_client.patch(path, {"project_id": str(other.pk)}).json()["project_name"] == "Cake"
    assert alice_client.patch(path, {"title": "Rye"}).json()["project_name"] == "Cake"
    taken_out = alice_client.patch(path, {"project_id": None}).json()
    assert (taken_out["project_id"], taken_out["project_name"]) == (None, None)


@pytest.mark.parametrize("given", ["unknown", "another's", "no UUID", "a number"])
def test_only_ones_own_projects_are_there(alice_client: APIClient, mallory: User, project: Project, given: str) -> None:
    theirs = mallory.projects.create(name="Theirs")
    value = {"unknown": str(uuid4()), "another's": str(theirs.pk), "no UUID": "bread", "a number": 7}[given]
    session = made(alice_client)
    for answer in (
        alice_client.post("/api/sessions", {"project_id": value}),
        alice_client.patch(f"/api/sessions/{session['session_id']}", {"project_id": value}),
    ):
        assert answer.status_code == 400
        (detail,) = answer.json()["error"]["details"]
        assert detail["field"] == "project_id"
    assert ChatSession.objects.count() == 1


def test_the_list_names_projects_in_the_same_number_of_statements_and_is_filtered_by_them(
    alice: User, alice_client: APIClient, mallory: User, project: Project
) -> None:
    made(alice_client)
    alice_client.get("/api/sessions")
    with CaptureQueriesContext(
        connection,
    ) as without:
        alice_client.get("/api/sessions")
    for _ in range(3):
        made(alice_client, project_id=str(project.pk))
    with CaptureQueriesContext(connection) as within:
        listed = alice_client.get("/api/sessions").json()["sessions"]
    assert len(within) == len(without)
    assert [session["project_name"] for session in listed] == ["Bread", "Bread", "Bread", None]
    found = alice_client.get(f"/api/sessions?project_id={project.pk}").json()
    assert (found["total_count"], {session["project_id"] for session in found["sessions"]}) == (3, {str(project.pk)})
    theirs = mallory.projects.create(name="Theirs")
    assert alice_client.get(f"/api/sessions?project_id={theirs.pk}").json()["sessions"] == []
    assert alice_client.get("/api/sessions?project_id=bread").status_code == 400


def test_a_walk_through_the_list_names_them_too(alice_client: APIClient, project: Project) -> None:
    for _ in range(3):
        made(alice_client, project_id=str(project.pk))
    first = alice_client.get("/api/sessions?limit=1").json()
    rest = alice_client.get(f"/api/sessions?limit=2&cursor={first['next_cursor']}").json()
    assert [session["project_name"] for session in rest["sessions"]] == ["Bread", "Bread"]


def test_a_project_that_is_deleted_leaves_its_sessions(alice_client: APIClient, project: Project) -> None:
    session = made(alice_client, project_id=str(project.pk))
    project.delete()
    kept = alice_client.get(f"/api/sessions/{session['session_id']}").json()["session"]
    assert (kept["project_id"], kept["project_name"]) == (None, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("door", ["make", "change"])
def test_a_project_that_goes_away_in_the_middle_of_a_request_is_not_there(
    alice_client: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    session = made(alice_client)
    look_up = OwnProject.to_internal_value

    def look_up_and_lose(field: OwnProject, data: Any) -> Project:
        found: Project = look_up(field, data)
        Project.objects.filter(pk=found.pk).delete()
        return found

    monkeypatch.setattr(OwnProject, "to_internal_value", look_up_and_lose)
    body = {"project_id": str(project.pk)}
    path = f"/api/sessions/{session['session_id']}"
    answer = alice_client.post("/api/sessions", body) if door == "make" else alice_client.patch(path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "project_id"
    assert ChatSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_project_is_deleted_while_sessions_are_put_into_it(
    alice_client: APIClient, project: Project, side_by_side: Callable[..., list[Any]], client_of: Any, alice: User
) -> None:
    path = f"/api/v1/projects/{project.pk}"
    clients = [client_of(alice) for _ in range(4)]

    def ask(number: int) -> int:
        if number == 3:
            return int(clients[number].delete(path).status_code)
        return int(clients[number].post("/api/sessions", {"project_id": str(project.pk)}).status_code)

    *made, deleted = side_by_side(ask, list(range(4)))
    assert deleted == 200 and set(made) <= {201, 400}
    assert ChatSession.objects.filter(project__isnull=False).count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_is_shown_of_a_project_is_told_to_the_sockets_of_its_sessions(
    alice_client: APIClient, project: Project
) -> None:
    session = made(alice_client, project_id=str(project.pk))
    path, events = f"/api/v1/projects/{project.pk}", f"/api/sessions/{session['session_id']}/events"
    alice_client.patch(path, {"description": "All of it"})
    alice_client.patch(path, {"name": "Rolls"})
    alice_client.delete(path)
    told = [event for event in alice_client.get(events).json()["events"] if event["type"] == "session_updated"]
    assert [event["session"]["project_name"] for event in told] == ["Rolls", None]


def test_names_and_instructions_are_stored_encrypted(
    alice: User, alice_client: APIClient, settings: pytest.MonkeyPatch
) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]  # type: ignore[attr-defined]
    project = alice.projects.create(name="Bread", instructions="Weigh in grams.")
    made(alice_client, project_id=str(project.pk))
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, instructions FROM sessions_app_project")
        ((name, instructions),) = cursor.fetchall()
    assert name.startswith("enc:v1:") and instructions.startswith("enc:v1:")
    assert alice_client.get("/api/sessions").json()["sessions"][0]["project_name"] == "Bread"


def test_an_administrator_changes_and_deletes_a_project(client: APIClient, alice: User, project: Project) -> None:
    admin = User.objects.create_superuser("admin@example.org", "correct horse battery staple")
    client.force_login(admin)
    kept, _ = ChatSession.objects.open(alice, project=project)
    assert b"Bread" in client.get("/admin/sessions_app/project/").content
    page = f"/admin/sessions_app/project/{project.pk}"
    client.post(f"{page}/change/", {"audit_reason": "a test"})
    changed = client.post(f"{page}/change/", {"name": "Rye", "description": "", "instructions": "Sour."})
    project.refresh_from_db()
    assert (changed.status_code, project.name, project.instructions) == (302, "Rye", "Sour.")
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    kept.refresh_from_db()
    assert kept.project_id is None
