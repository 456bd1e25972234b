"""What an operator sees of runs, events and notices, and the one thing that can be done about them."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from chat_app.model_calls import CallRecord
from chat_app.models import CallUsage, ModelProvider, Notice, Run, Webhook
from chatjuicer.accounts.models import Act, AuditEntry, User
from sessions_app.models import ChatSession, MessageDraft
from sessions_app.providers.served import registry
from tests.chat_app.conftest import Start


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse battery staple"))
    return client


CALL = CallRecord(
    model="gpt-5", purpose="answer", outcome="completed", input_tokens=1200, cached_tokens=200, output_tokens=30,
    reasoning_tokens=0, estimated=False, first_word_ms=100, duration_ms=900,
)  # fmt: skip


def test_a_session_shows_its_runs_and_events(operator: Client, session: ChatSession, start: Start) -> None:
    start("Where is Rome?")
    path = f"/admin/sessions_app/chatsession/{session.pk}/change/"
    assert "message_created" not in operator.get(path).content.decode()
    operator.post(path, {"audit_reason": "a test"})
    page = operator.get(path).content.decode()
    assert "message_created" in page
    assert "running" in page
    assert "stream_start" in page


def test_a_conversation_is_read_with_a_reason_and_what_it_took(
    operator: Client, session: ChatSession, start: Start
) -> None:
    run = start("Where is <b>Rome</b>?").run
    answer = MessageDraft(role="assistant", content="In **Italy**.", run_id=run.pk)
    long = [MessageDraft(role="user", content=f"word {n}.") for n in range(30)]
    session.refresh_from_db()
    session.add_messages([answer, *long])
    ended = run.created_at + timedelta(seconds=4)
    Run.objects.filter(pk=run.pk).update(started_at=run.created_at, ended_at=ended, status="completed")
    CallUsage.objects.note(session.owner_id, session.pk, run.pk, [CALL])
    CallUsage.objects.update(cost="0.0042")
    path = f"/admin/sessions_app/chatsession/{session.pk}/transcript/"
    assert "Italy" not in operator.get(path).content.decode()
    operator.post(path, {"audit_reason": "a complaint"})
    newest = operator.get(path).content.decode()
    assert "word 29." in newest
    assert "Italy" not in newest
    older = re.search(r'href="([^"]+)">Older', newest)
    assert older
    page = operator.get(path + older[1]).content.decode()
    assert "Where is &lt;b&gt;Rome" in page
    assert "<strong>Italy</strong>" in page
    assert "4.0 s · 1 call · 1,200 tokens in (200 cached), 30 out · $0.0042" in page
    assert f"/admin/chat_app/run/{run.pk}/change/" in page
    newer = re.search(r'href="([^"]+)">Newer', page)
    assert newer
    assert "word 29." in operator.get(path + newer[1]).content.decode()
    read = AuditEntry.objects.filter(action=Act.CONVERSATION_READ)
    assert {entry.details["reason"] for entry in read} == {"a complaint"}
    own = operator.get(f"/admin/chat_app/run/{run.pk}/change/").content.decode()
    assert "1,200 tokens in" in own
    assert path in own


@pytest.mark.parametrize("name", ["run", "event"])
def test_history_can_be_listed_and_not_written(operator: Client, session: ChatSession, start: Start, name: str) -> None:
    start()
    assert operator.get(f"/admin/chat_app/{name}/").status_code == 200
    assert operator.get(f"/admin/chat_app/{name}/add/").status_code == 403
    assert operator.get(f"/admin/chat_app/{name}/?session__id__exact={session.pk}").status_code == 200


def test_runs_are_listed_newest_first_with_what_they_took(operator: Client, session: ChatSession, start: Start) -> None:
    run = start("Where is Rome?").run
    CallUsage.objects.note(session.owner_id, session.pk, run.pk, [CALL])
    CallUsage.objects.update(cost="0.0042")
    first = {"session": session, "model": "gpt-5", "status": "failed", "error_code": "provider_auth"}
    older = [Run(**first, first_position=1, input_count=1) for _ in range(25)]
    Run.objects.bulk_create(older)
    for minutes, each in enumerate(older, 1):
        Run.objects.filter(pk=each.pk).update(created_at=run.created_at - timedelta(minutes=minutes))
    page = operator.get("/admin/chat_app/run/").content.decode()
    shown = re.findall(r">([0-9a-f]{8})</a>", page)
    assert shown == [str(each.pk)[:8] for each in [run, *older][:20]]
    assert "1,200 / 30" in page
    assert "$0.0042" in page
    assert "Failed: provider_auth" in page
    assert f"/admin/sessions_app/chatsession/{session.pk}/transcript/" in page
    assert "?all=" not in page


def test_a_long_answer_is_folded_below_its_words_without_markup(
    operator: Client, session: ChatSession, start: Start
) -> None:
    run = start("Where is Rome?").run
    session.refresh_from_db()
    session.add_messages([MessageDraft(role="assistant", content="# In **Italy**\n" + "so " * 600, run_id=run.pk)])
    path = f"/admin/sessions_app/chatsession/{session.pk}/transcript/"
    operator.post(path, {"audit_reason": "a complaint"})
    page = operator.get(path).content.decode()
    assert "<summary>In Italy so" in page
    assert "<strong>Italy</strong>" in page


@pytest.mark.parametrize("name", ["webhook", "pushsubscription", "notice"])
def test_who_is_told_is_listed_without_what_may_be_secret(
    operator: Client, alice: User, start: Start, name: str
) -> None:
    Webhook.objects.add(alice, "https://hooks.example.org/in/its-secret", Notice.Type.values)
    start().run.end(Run.Status.COMPLETED, "stop")
    page = operator.get(f"/admin/chat_app/{name}/")
    assert page.status_code == 200
    assert (str(alice) in page.content.decode()) is (name != "pushsubscription")
    assert "its-secret" not in page.content.decode()
    assert operator.get(f"/admin/chat_app/{name}/add/").status_code == 403


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
    assert "Enter the key again" in moved.content.decode()
    assert "Expected" in operator.post(path, form | {"url": "gopher://x"}).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        ModelProvider.objects.all().delete()
    assert registry.named == []


def test_what_models_took_is_listed_summed_and_plotted(operator: Client, alice: User, mallory: User) -> None:
    call = CallRecord(
        model="gpt-5", purpose="answer", outcome="completed", input_tokens=1_000_000, cached_tokens=0, output_tokens=0,
        reasoning_tokens=0, estimated=False, first_word_ms=100, duration_ms=900,
    )  # fmt: skip
    CallUsage.objects.note(alice.pk, None, None, [call, replace(call, model="unheard-of")])
    CallUsage.objects.note(mallory.pk, None, None, [call])
    CallUsage.objects.note(None, None, None, [replace(call, input_tokens=1)])
    CallUsage.objects.filter(model="gpt-5").update(cost="1.25")
    CallUsage.objects.filter(model="unheard-of").update(cost=None)
    path = "/admin/chat_app/callusage/"
    page = operator.get(path).content.decode()
    assert page.count("<rect ") == 30
    all_of_it = "4 calls, 3.75 US dollars, and of 1 calls the price was not known."
    assert all_of_it in page
    named = set(re.findall(r"<th scope=\"row\">([^<]*)</th>", page))
    assert {"unheard-of", alice.email, mallory.email, "(for all)"} <= named
    assert [row["key"] for row in CallUsage.objects.report(CallUsage.objects.all(), "user", 1)] == [alice.email]
    assert all_of_it in operator.get(path, {"q": "\0"}).content.decode(), "no address, as the page says"
    for more in ({"o": "1"}, {"purpose__exact": "answer"}):
        assert "<rect " not in operator.get(path, more).content.decode()
    hers = operator.get(path, {"q": " Alice@Example.org"}).content.decode()
    assert "2 calls, 1.25 US dollars" in hers
    assert mallory.email not in hers
    row = CallUsage.objects.filter(user=alice).first()
    assert row is not None
    assert operator.get(f"{path}{row.pk}/change/").status_code == 200
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    reader = Client()
    reader.force_login(User.objects.get(pk=alice.pk))
    assert reader.get(path).status_code == 403
