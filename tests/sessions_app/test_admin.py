"""What an operator sees of conversations at /admin/."""

import re
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat_app.models import Run
from chatjuicer.accounts.models import AuditEntry, User
from sessions_app.models import ChatSession, Message, MessageDraft, Project

LIST = "/admin/sessions_app/chatsession/"


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse battery staple"))
    return client


@pytest.fixture
def session(alice: User) -> ChatSession:
    session, _ = ChatSession.objects.open(alice, public_id="trip", title="Rome")
    session.add_messages([MessageDraft(role="user", content=f"word {n}.") for n in range(1, 71)])
    session.add_context([{"role": "user", "content": "<b>bold</b>"}])
    return session


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    if b"audit_reason" in answer.content:
        client.post(path, {"audit_reason": "a test"})
        return shown(client, path)
    return answer.content.decode()


def test_sessions_are_found_by_owner_and_ids_and_no_list_tells_their_titles(
    operator: Client, session: ChatSession
) -> None:
    row = f"{LIST}{session.pk}/change/"
    for term in ("", "alice@example.org", "alice@", "trip", str(session.pk), session.pk.hex):
        page = operator.get(LIST, {"q": term}).content.decode()
        assert row in page, term
        assert "Rome" not in page, term
    for term in ("mallory@", "trips", "Paris", "ROM", "Rome"):
        assert row not in operator.get(LIST, {"q": term}).content.decode(), term


def deletions() -> list[tuple[str, str, Any]]:
    found = AuditEntry.objects.exclude(action__in=("signed_in", "account_created")).order_by("seq")
    return [(line.action, line.object, line.details.get("reason")) for line in found]


def test_no_page_about_a_conversation_tells_its_title_without_a_reason(
    operator: Client, session: ChatSession, alice: User
) -> None:
    project = Project.objects.create(owner=alice, name="Wedding")
    session.configure(project=project)
    Run.objects.create(session=session, status="completed", first_position=1, input_count=1)
    projects = "/admin/sessions_app/project/"
    pages = (
        f"{LIST}{session.pk}/history/", f"{LIST}{session.pk}/delete/", projects, f"{projects}?q=alice@",
        f"{projects}{project.pk}/history/", f"{projects}{project.pk}/delete/", "/admin/chat_app/run/",
    )  # fmt: skip
    for path in pages:
        answer = operator.get(path)
        assert answer.status_code == 200, path
        assert not {"Rome", "Wedding"} & set(re.findall(r"\w+", answer.content.decode())), path
    assert deletions() == []


@pytest.mark.parametrize("kind", ["chatsession", "project"])
@pytest.mark.parametrize("way", ["page", "list"])
def test_who_deletes_what_is_somebodys_says_why(
    operator: Client, session: ChatSession, alice: User, kind: str, way: str
) -> None:
    row = session if kind == "chatsession" else Project.objects.create(owner=alice, name="Wedding")
    path = f"/admin/sessions_app/{kind}/" + (f"{row.pk}/delete/" if way == "page" else "")
    form: dict[str, Any] = {} if way == "page" else {"action": "delete_selected", "_selected_action": [str(row.pk)]}
    asking = operator.post(path, form | {"post": "yes"})
    assert b"audit_reason" in asking.content
    assert type(row).objects.filter(pk=row.pk).exists()
    assert b"audit_reason" in operator.post(path, form | {"audit_reason": " "}).content
    confirming = operator.post(path, form | {"audit_reason": "ticket 4711"}, follow=True)
    assert b"audit_reason" not in confirming.content
    assert b"Wedding" not in confirming.content
    assert deletions() == []
    assert operator.post(path, form | {"post": "yes"}).status_code == 302
    assert not type(row).objects.filter(pk=row.pk).exists()
    act = "session_purged" if kind == "chatsession" else "project_deleted"
    assert deletions() == [(act, f"{kind}:{row.pk}", "ticket 4711")]


def test_a_list_costs_the_same_for_one_session_and_for_many(
    operator: Client, alice: User, session: ChatSession
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            shown(operator, LIST)
        assert not any("COUNT(*)" in q["sql"] and "LIMIT" not in q["sql"] for q in queries if "chatsession" in q["sql"])
        return len(queries)

    few = statements()
    for _ in range(20):
        ChatSession.objects.open(alice)
    assert statements() == few


def test_a_session_shows_its_newest_history_and_no_form_for_it(operator: Client, session: ChatSession) -> None:
    shown(operator, f"{LIST}{session.pk}/change/")
    with CaptureQueriesContext(connection) as queries:
        page = shown(operator, f"{LIST}{session.pk}/change/")
    assert "word 70." in page
    assert "word 66." in page
    assert "word 65." not in page
    assert "&lt;b&gt;bold" in page
    assert "alice@example.org" in page
    assert 'name="messages-0-content"' not in page
    assert "<select" not in page
    assert f"message/?session__id__exact={session.pk}" in page
    assert len(queries) < 24


def test_all_messages_of_a_session_are_listed_and_searched(operator: Client, session: ChatSession) -> None:
    path = f"/admin/sessions_app/message/?session__id__exact={session.pk}"
    assert "word 70." in shown(operator, path)
    assert "word 1." in shown(operator, path + "&p=3")
    found = shown(operator, path + "&q=word+33")
    assert "word 33." in found
    assert "word 34." not in found
    message = Message.objects.get(position=1)
    assert "word 1." in shown(operator, f"/admin/sessions_app/message/{message.pk}/change/")
    assert "bold" in shown(operator, f"/admin/sessions_app/contextitem/?session__id__exact={session.pk}")


def test_an_operator_renames_and_deletes_by_the_same_verbs_as_everybody(operator: Client, session: ChatSession) -> None:
    form: dict[str, Any] = {"title": "Naples", "archived": "on"}
    for prefix in ("messages", "context_items", "runs", "events"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    shown(operator, f"{LIST}{session.pk}/change/")
    assert operator.post(f"{LIST}{session.pk}/change/", form).status_code == 302
    session.refresh_from_db()
    assert (session.title, session.archived, session.is_named) == ("Naples", True, True)
    assert session.messages.count() == 70

    assert "70" in shown(operator, f"{LIST}{session.pk}/delete/")
    assert operator.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Message.objects.exists()
    kept = {(entry.object_id, entry.object_repr) for entry in LogEntry.objects.all()}
    assert kept == {(str(session.pk), "trip")}, "no title is in Django's own log"


def test_titles_that_older_versions_wrote_into_the_log_of_the_admin_are_taken_out(alice: User) -> None:
    def note(model: type[Any], pk: str, name: str) -> None:
        kind = ContentType.objects.get_for_model(model)
        LogEntry.objects.create(user=alice, content_type=kind, object_id=pk, object_repr=name, action_flag=CHANGE)

    for model, pk, name in ((ChatSession, "1", "Rome"), (Project, "2", "Wedding"), (User, "3", "alice@example.org")):
        note(model, pk, name)
    module = import_module("sessions_app.migrations.0104_log_of_the_admin_without_names")
    module.take_names_out(apps, SimpleNamespace(connection=connection))
    assert sorted(LogEntry.objects.values_list("object_repr", flat=True)) == ["1", "2", "alice@example.org"]


def test_history_is_not_written_by_hand(operator: Client, session: ChatSession) -> None:
    message = session.messages.first()
    assert message is not None
    shown(operator, f"/admin/sessions_app/message/{message.pk}/change/")
    assert operator.post(f"/admin/sessions_app/message/{message.pk}/change/", {"content": "x"}).status_code == 403
    assert operator.get("/admin/sessions_app/message/add/").status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
