"""What an operator sees of runs and events, and the one thing that can be done about them."""

import pytest
from django.test import Client

from chat_app.models import Run
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession
from tests.chat_app.conftest import Start


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse battery staple"))
    return client


def test_a_session_shows_its_runs_and_events(operator: Client, session: ChatSession, start: Start) -> None:
    start("Where is Rome?")
    path = f"/admin/sessions_app/chatsession/{session.pk}/change/"
    assert "message_created" not in operator.get(path).content.decode()
    operator.post(path, {"audit_reason": "a test"})
    page = operator.get(path).content.decode()
    assert "message_created" in page
    assert "running" in page
    assert "stream_start" in page


@pytest.mark.parametrize("name", ["run", "event"])
def test_history_can_be_listed_and_not_written(operator: Client, session: ChatSession, start: Start, name: str) -> None:
    start()
    assert operator.get(f"/admin/chat_app/{name}/").status_code == 200
    assert operator.get(f"/admin/chat_app/{name}/add/").status_code == 403
    assert operator.get(f"/admin/chat_app/{name}/?session__id__exact={session.pk}").status_code == 200


def test_an_operator_stops_a_run(operator: Client, start: Start) -> None:
    run = start().run
    operator.post("/admin/chat_app/run/", {"action": "stop", "_selected_action": [str(run.pk)]})
    run.refresh_from_db()
    assert run.status == Run.Status.INTERRUPTED
