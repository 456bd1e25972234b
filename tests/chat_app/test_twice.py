"""Of every POST that makes something: asked for twice under one `Idempotency-Key`, it makes one, and answers the same.

A new one without its row here fails.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.generators import SchemaGenerator
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chat_app.database import in_database
from chat_app.delivery.connections import Sockets
from chat_app.delivery.hub import Hub
from chat_app.log.journal import Journal
from chat_app.runs.process import process
from chatjuicer.accounts.models import IdempotencyRecord, TokenFamily, User
from chatjuicer.api.awaited import AwaitedStream
from chatjuicer.api.idempotency import HEADER
from sessions_app.models import ChatSession, MessageDraft
from tests.chat_app.notices.browser import Browser
from tests.chatjuicer.accounts.test_matrix import objects

__all__ = ["objects"]

Body = dict[str, Any] | Callable[[APIClient, str], dict[str, Any]]


def a_file(_client: APIClient, _path: str) -> dict[str, Any]:
    return {"file": b"dear diary, again"}


def archived(client: APIClient, _path: str) -> dict[str, Any]:
    """Of sessions that are not there any more: what is there is not taken in again."""
    answer: Any = client.get("/api/export")
    archive = b"".join(answer.streaming_content)
    ChatSession.objects.filter(owner__email="alice@example.org").delete()
    return {"file": archive}


def uploaded(client: APIClient, path: str) -> dict[str, Any]:
    asked = {"filename": "sent.txt", "size": 4}
    upload = client.post(path.replace("/confirm", "/presign-upload"), asked, format="json").json()
    assert client.put(upload["upload_url"], b"more", content_type="application/octet-stream").status_code == 200
    return {"file_key": upload["file_key"]}


SIGN_UP = {"email": "carol@example.org", "password": "a long enough password"}
FILES: dict[str, Body] = {"upload": a_file, "presign-upload": {"filename": "sent.txt", "size": 4}, "confirm": uploaded}
KEY = {"name": "another", "scopes": ["read"]}
TWICE: dict[str, Body] = {
    "/api/accounts": {"email": "dave@example.org", "password": "a long enough password"},
    "/api/agents": {"name": "another"},
    "/api/auth/keys": KEY,
    "/api/auth/register": SIGN_UP,
    "/api/exports": {},
    "/api/groups": {"name": "another"},
    "/api/mcp-servers": {"name": "another", "url": "https://other.example.org/"},
    "/api/prompts": {"name": "another", "text": "hers"},
    "/api/providers": {"name": "another", "url": "http://other.example/v1"},
    "/api/service-accounts": {"name": "another"},
    "/api/service-accounts/{service_id}/keys": KEY,
    "/api/sessions": {"title": "Paris"},
    "/api/sessions/{key}/messages": {"role": "user", "content": "again"},
    "/api/sessions/{key}/share": {},
    "/api/shares/{token}/copy": {},
    "/api/users/{user_id}/sessions": {"session_id": "another", "title": "Paris"},
    "/api/v1/auth/register": SIGN_UP,
    "/api/v1/chat-sessions": {"title": "Paris", "agent_type": "primary"},
    "/api/v1/chat-sessions/{key}/messages": {"message_type": "user", "content": "again"},
    "/api/v1/projects": {"name": "another"},
    "/api/v1/sessions": {"title": "Paris"},
    "/api/v1/sessions/{key}/messages": {"role": "user", "content": "again"},
    "/api/webhooks": {"url": "https://other.example.org/", "events": ["answer_ready"]},
    **{
        f"/api/{holder}/files/{verb}": body
        for holder in ("sessions/{key}", "v1/sessions/{key}", "agents/{agent_id}")
        for verb, body in FILES.items()
    },
    "/api/import": archived,  # the last, as it takes away what the others need
}
# Runs, which the process accepts.
RUNS: dict[str, dict[str, Any]] = {
    "/api/chat": {"session_id": "trip", "messages": [{"content": "Rome?"}]},
    "/api/sessions/trip/continue": {},
    "/api/sessions/trip/messages/{mid}/edit": {"content": "Rome?"},
    "/api/sessions/trip/messages/{mid}/regenerate": {},
}
# What waits for a model; tests/acceptance/test_sessions.py asks twice.
AWAITED = {"/api/sessions/{key}/summarize", "/api/v1/sessions/{key}/summarize"}
# What its body names: whoever repeats it puts the same in the same place, under whatever key.
NAMED: dict[str, Body] = {
    "/api/budgets": {"email": "alice@example.org", "daily_tokens": 5},
    "/api/groups/{group_id}/members": {"email": "alice@example.org"},
    "/api/push/subscriptions": Browser("https://push.example.org").subscription,
}
MAKES_NOTHING = {
    "/api/accounts/{account_id}/password-reset", "/api/accounts/{account_id}/sign-out", "/api/auth/email",
    "/api/auth/email/confirm", "/api/auth/logout", "/api/auth/logout-everywhere", "/api/auth/password",
    "/api/auth/password/reset", "/api/auth/password/reset/confirm", "/api/auth/totp/confirm", "/api/auth/totp/setup",
    "/api/auth/totp/recovery-codes",
    "/api/mcp-servers/{server_id}/connect", "/api/mcp-servers/authorize", "/api/providers/test",
    "/api/sessions/{key}/approvals/{approval_id}", "/api/sessions/{key}/clear", "/api/sessions/{key}/context/undo",
    "/api/sessions/{key}/interrupt", "/api/sessions/{key}/messages/{mid}/feedback",
    "/api/sessions/{key}/messages/{mid}/pin", "/api/sessions/{key}/messages/{mid}/select",
    "/api/sessions/{key}/restore", "/api/v1/auth/logout",
    # Credentials, each its own.
    "/api/auth/login", "/api/auth/refresh", "/api/auth/ws-ticket", "/api/v1/auth/login", "/api/v1/auth/refresh",
}  # fmt: skip
REPLACES = {"/api/sessions/{key}/share", "/api/exports"}  # of which there is one
FRESH = {"access_token", "expires_in", "upload_url"}  # of credentials, which are kept nowhere


def made() -> Counter[str]:
    counted = (model for model in apps.get_models() if model is not IdempotencyRecord)
    return Counter({model.__name__: model._default_manager.count() for model in counted})


def without_row(document: dict[str, Any]) -> set[str]:
    """POSTs of which nothing is said here, or that promise something by the key and are said to make nothing."""
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    keyed = {path for path, post in posts.items() if any(one["name"] == HEADER for one in post.get("parameters", ()))}
    made_once = {*TWICE, *AWAITED, *(path.replace("/trip", "/{key}") for path in RUNS)}
    return (keyed - made_once) | (set(posts) - made_once - set(NAMED) - MAKES_NOTHING)


def test_every_post_has_its_row() -> None:
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    assert without_row(document) == set()
    posts = document["paths"]
    posts["/api/leaks"] = {"post": {}}
    posts["/api/auth/login"]["post"]["parameters"] = [{"name": HEADER}]
    assert without_row(document) == {"/api/leaks", "/api/auth/login"}


def shown(answer: Any) -> tuple[int, Any]:
    body = answer.json()
    return answer.status_code, {name: value for name, value in body.items() if name not in FRESH}


@pytest.mark.slow(reason="every route that makes something, twice")
@pytest.mark.django_db
def test_asked_for_twice_one_is_made_and_the_answers_are_equal(
    alice: User, alice_client: APIClient, objects: dict[str, str], settings: Settings
) -> None:
    settings.ALLOW_REGISTRATION = True
    alice.is_staff = alice.is_superuser = True
    alice.save()
    wrong: list[tuple[Any, ...]] = []
    for path, body in (TWICE | NAMED).items():
        if path.endswith("/v1/auth/register"):
            User.objects.get(email=SIGN_UP["email"]).delete()
        at = path.format(**objects)
        as_form = path.endswith("/upload") or path == "/api/import"
        given = body(alice_client, at) if callable(body) else body
        before, key = made(), str(uuid4())
        answers, counts = [], []
        for _ in range(2):
            form = {name: SimpleUploadedFile("more.txt", given[name]) for name in given} if as_form else given
            how = "multipart" if as_form else "json"
            answers.append(shown(alice_client.post(at, form, format=how, HTTP_IDEMPOTENCY_KEY=key)))
            counts.append(made())
        if answers[0][0] >= 300 or answers[0] != answers[1]:
            wrong.append((path, answers))
        if (counts[0] == before and path not in REPLACES) or counts[0] != counts[1]:
            wrong.append((path, counts[0] - before, counts[1] - counts[0]))
    assert wrong == []


@pytest.mark.parametrize("path", RUNS)
async def test_a_run_asked_for_twice_is_begun_once(
    path: str, session: ChatSession, hub: Hub, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, part in {"hub": hub, "journal": journal, "sockets": Sockets(), "loop": object()}.items():
        monkeypatch.setattr(process, name, part, raising=False)

    def begin() -> tuple[APIClient, str]:
        drafts = [
            MessageDraft(role="user", content="Paris?"),
            MessageDraft(role="assistant", content="Par", partial=True),
        ]
        asked, _ = session.add_messages(drafts)
        client = APIClient(raise_request_exception=False)
        client.credentials(
            HTTP_AUTHORIZATION=f"Bearer {TokenFamily.objects.sign_in(session.owner).grant().access_token}"
        )
        return client, path.format(mid=asked.pk)

    client, at = await in_database(begin)
    bodies, counts = [], []
    for _ in range(2):
        answer: Any = await in_database(lambda: client.post(at, RUNS[path], format="json", HTTP_IDEMPOTENCY_KEY="one"))
        if isinstance(answer, AwaitedStream):
            assert await answer.begin() is None
            await answer.end()
        else:
            await answer.fill()
            assert answer.status_code == 202, answer.content
            bodies.append(answer.json())
        counts.append(await in_database(made))
    assert bodies[:1] == bodies[1:]
    assert counts[0]["Run"] == 1
    assert counts[0] == counts[1]
