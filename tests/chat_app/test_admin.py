"""What an operator sees of runs and events, and the one thing that can be done about them."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from chat_app.models import ModelProvider, Run
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession
from sessions_app.served import registry
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


def test_a_provider_is_kept_and_counts_at_once(
    operator: Client, settings: Settings, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    form = {"name": "home", "enabled": "on", "position": 1, "kind": "ollama", "allowed": "[]", "fallbacks": "{}"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator.post("/admin/chat_app/modelprovider/add/", form | {"new_key": "sk-home"})
    assert answer.status_code == 302, answer.content.decode()
    (found,) = registry.named
    assert (found.name, found.url, found.key) == ("home", "http://127.0.0.1:11434/v1", "sk-home")
    row = ModelProvider.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM chat_app_modelprovider")
        assert cursor.fetchone()[0].startswith("enc:v1:")
    path = f"/admin/chat_app/modelprovider/{row.pk}/change/"
    assert "sk-home" not in operator.get(path).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        operator.post(path, form | {"new_key": "", "allowed": '["qwen3:8b"]'})
    assert [(found.models, found.key) for found in registry.named] == [(("qwen3:8b",), "sk-home")]
    moved = operator.post(path, form | {"new_key": "", "url": "http://10.0.0.5:11434/v1"})
    assert "only if it is entered again" in moved.content.decode()
    assert "Expected" in operator.post(path, form | {"url": "gopher://x"}).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        ModelProvider.objects.all().delete()
    assert registry.named == []
