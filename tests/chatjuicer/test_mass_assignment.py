"""Who sends more than a form asks for changes no more than that: neither roles, nor owners, nor counters."""

from typing import Any

import pytest
from django.forms.models import model_to_dict
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chat_app.models import Webhook
from chatjuicer.accounts.models import ApiKey, User
from sessions_app.models import Agent, ChatSession, Message, MessageDraft, Project, Prompt

pytestmark = pytest.mark.django_db

MORE: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000000", "pk": 1, "is_staff": True, "is_superuser": True, "is_service": True,
    "is_active": True, "auth_epoch": 7, "groups": [1], "user_permissions": [1], "permissions": [1], "user_id": None,
    "namespace": "\u007fx", "origin": "x", "said_bytes": -(10**9), "last_seq": 99, "last_position": 99,
    "state": "running", "message_count": 99, "total_tokens": -1, "search_scheme": "x",
    "deleted_at": "2030-01-01T00:00:00Z", "packed": True, "created_at": "2000-01-01T00:00:00Z",
    "updated_at": "2000-01-01T00:00:00Z", "visible": False, "position": 99, "status": "failed",
    "run_id": "00000000-0000-4000-8000-000000000000", "prefix": "cj_", "digest": "x", "secret": "x",
    "sealed_secret": "x", "is_error": True, "rating": "up", "last_login": "2030-01-01T00:00:00Z", "_state": {},
    "owner__is_staff": True, "__class__": "x", "session__owner": "x", "frontend": "sparrow", "active_slot": 1,
}  # fmt: skip


@pytest.fixture
def more(alice: User, mallory: User) -> dict[str, Any]:
    """What Mallory adds to each body: she would own it, or Alice would be told that it is hers."""
    return MORE | {"owner": str(alice.pk), "owner_id": str(alice.pk), "user": str(alice.pk)}


def facts(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def changed(before: dict[str, Any], row: Any) -> set[str]:
    row.refresh_from_db()
    return {name for name, value in facts(row).items() if value != before[name]}


def test_nobody_registers_as_more_than_anybody(anybody: APIClient, more: dict[str, Any], settings: Settings) -> None:
    settings.ALLOW_REGISTRATION = True
    body = more | {"email": "new@example.org", "password": "correct horse battery staple"}
    assert anybody.post("/api/auth/register", body).status_code == 201
    user = User.objects.get(email="new@example.org")
    assert (user.is_staff, user.is_superuser, user.is_service, user.auth_epoch) == (False, False, False, 0)
    assert str(user.pk) != more["id"]
    assert not model_to_dict(user)["groups"]


def test_what_is_made_is_the_caller_s_and_begins_as_ever(
    mallory: User, alice: User, mallory_client: APIClient, more: dict[str, Any]
) -> None:
    made: dict[str, dict[str, Any]] = {
        "/api/sessions": {"title": "Rome"},
        "/api/v1/sessions": {"title": "Rome"},
        "/api/v1/chat-sessions": {"title": "Rome", "agent_type": "primary"},
        "/api/users/default/sessions": {"session_id": "persona", "title": "Rome"},
        "/api/v1/projects": {"name": "Rome"},
        "/api/agents": {"name": "rome"},
        "/api/prompts": {"name": "rome", "text": "x"},
        "/api/auth/keys": {"name": "rome", "scopes": ["read"]},
        "/api/webhooks": {"url": "https://hooks.example.org/", "events": ["answer_ready"]},
    }
    for path, body in made.items():
        asked = {name: value for name, value in more.items() if name not in ("status", "metadata")}
        answer = mallory_client.post(path, asked | body)
        assert answer.status_code in (200, 201), (path, answer.content)
    models: list[Any] = [ChatSession, Project, Agent, Prompt, ApiKey, Webhook]
    for model in models:
        rows = model.objects.all()
        assert rows.exists()
        for row in rows:
            assert mallory.pk in (getattr(row, "owner_id", None), getattr(row, "user_id", None)), model
            assert str(row.pk) != more["id"], model
            assert row.created_at.year > 2000, model
    for session in ChatSession.objects.all():
        assert (session.namespace, session.origin, session.said_bytes, session.last_position) == ("default", "", 0, 0)
        assert (session.state, session.packed, session.message_count, session.deleted_at) == ("idle", False, 0, None)
    assert not alice.chat_sessions.exists()
    refused = mallory_client.post("/api/agents", {"name": "for all", "for_all": True})
    assert refused.status_code == 403
    assert not Agent.objects.filter(owner=None).exists()


def test_what_is_changed_is_what_the_form_asks_for(
    mallory: User, mallory_client: APIClient, more: dict[str, Any]
) -> None:
    session, _ = ChatSession.objects.open(mallory, public_id="hers", title="Rome")
    [message] = session.add_messages([MessageDraft(role="user", content="hello")])
    session.refresh_from_db()
    agent = Agent.objects.create(owner=mallory, name="hers")
    prompt = Prompt.objects.create(owner=mallory, name="hers", text="x")
    project = Project.objects.create(owner=mallory, name="hers")
    webhook = Webhook.objects.add(mallory, "https://hooks.example.org/", ["answer_ready"])
    more = {name: value for name, value in more.items() if name not in ("is_active", "metadata")}
    tries: list[tuple[str, str, dict[str, Any], Any, set[str]]] = [
        ("patch", "/api/auth/me", {"display_name": "M"}, mallory, {"display_name"}),
        ("patch", "/api/sessions/hers", {"title": "Paris"}, session, {"title", "is_named", "updated_at", "last_seq"}),
        ("patch", f"/api/v1/sessions/{session.pk}", {"title": "Bonn"}, session, {"title", "updated_at", "last_seq"}),
        ("put", "/api/sessions/hers/draft", {"content": "x"}, session, {"draft"}),
        ("put", "/api/sessions/hers/read", {"position": 1}, session, {"read_position"}),
        ("patch", f"/api/agents/{agent.pk}", {"description": "x"}, agent, {"description", "updated_at"}),
        ("patch", f"/api/prompts/{prompt.pk}", {"text": "y"}, prompt, {"text", "updated_at"}),
        ("patch", f"/api/v1/projects/{project.pk}", {"name": "y"}, project, {"name", "updated_at"}),
        ("patch", f"/api/webhooks/{webhook.pk}", {"active": False}, webhook, {"active"}),
    ]
    for method, path, body, row, may_change in tries:
        before = facts(row)
        answer = getattr(mallory_client, method)(path, more | body)
        assert answer.status_code == 200, (path, answer.content)
        assert changed(before, row) <= may_change, path
        assert changed(before, row), path
    before = facts(message)
    rated = mallory_client.post(f"/api/sessions/hers/messages/{message.pk}/feedback", more | {"rating": "down"})
    assert rated.status_code == 200
    assert changed(before, Message.objects.get(pk=message.pk)) == {"rating"}
    before = facts(message)
    pinned = mallory_client.post(f"/api/sessions/hers/messages/{message.pk}/pin", more | {"pinned": True})
    assert pinned.status_code == 200
    assert changed(before, Message.objects.get(pk=message.pk)) == {"rating", "pinned"}
