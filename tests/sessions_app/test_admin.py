"""What an operator sees of conversations at /admin/."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, Message, MessageDraft

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


def test_sessions_are_found_by_owner_name_id_and_title(operator: Client, session: ChatSession) -> None:
    for term in ("alice@example.org", "alice@", "trip", str(session.pk), "ROM"):
        assert "Rome" in shown(operator, f"{LIST}?q={term}"), term
    for term in ("mallory@", "trips", "Paris"):
        assert "Rome" not in shown(operator, f"{LIST}?q={term}"), term


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


def test_history_is_not_written_by_hand(operator: Client, session: ChatSession) -> None:
    message = session.messages.first()
    assert message is not None
    shown(operator, f"/admin/sessions_app/message/{message.pk}/change/")
    assert operator.post(f"/admin/sessions_app/message/{message.pk}/change/", {"content": "x"}).status_code == 403
    assert operator.get("/admin/sessions_app/message/add/").status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
