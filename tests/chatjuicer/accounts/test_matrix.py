"""Of every operation of the OpenAPI document: what it answers to whom it is not for.

A new operation, or a new part of a path, without its row here fails; an address that is not in the document, in
test_every_route.py; a command of the socket, in test_commands.py.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished
from django.db import close_old_connections
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chat_app.models import ModelProvider, Run, Webhook
from chatjuicer.accounts.models import ApiKey, OidcIdentity, ServiceAccount, TokenFamily, User
from chatjuicer.accounts.tokens import AccessToken
from chatjuicer.api.awaited import AwaitedResponse
from files_app.models import Export
from files_app.transfer.exporter import make
from sessions_app.archive import archive_unused
from sessions_app.models import Agent, ChatSession, McpServer, MessageDraft, Project, Prompt
from tests.chatjuicer.accounts.test_localhost import HERE

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")
# For everybody, or with a proof of their own in the body or the address.
PUBLIC = {
    "/api/health", "/api/health/live", "/api/health/ready", "/api/config", "/api/v1/config", "/api/v1/health",
    "/api/auth/register", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout",
    "/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout",
    "/api/auth/password/reset", "/api/auth/password/reset/confirm", "/api/auth/email/confirm",
    "/api/auth/oidc/{provider}/login", "/api/auth/oidc/{provider}/callback",
    "/api/files/put/{token}", "/api/files/get/{token}", "/api/mcp-servers/callback",
    "/metrics",
}  # fmt: skip
# Operations that change nothing but that a key that may only read may ask for.
READABLE_POSTS = {"POST /api/auth/ws-ticket", "POST /api/exports"}
# What is deleted by a client that does not tell whether it was there; in a namespace of one's own account.
NEVER_404 = {"DELETE /api/users/{user_id}/sessions/{session_id}", "GET /api/users/{user_id}/sessions",
             "POST /api/users/{user_id}/sessions"}  # fmt: skip
# What the address alone is the proof for, once one has an account.
BY_ADDRESS = {"POST /api/shares/{token}/copy"}
# What is asked for where an operation needs more than its path.
QUERIES = {
    "GET /api/sessions/{key}/documents/search": {"q": "diary"},
    "GET /api/sessions/{key}/documents/text": {"file": "letter.txt"},
}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def names(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)


def operations() -> Iterator[Operation]:
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(method, path)


ALL = list(operations())
GUARDED = [operation for operation in ALL if operation.path not in PUBLIC]
OWNED_BY_NOBODY = (
    "/api/accounts", "/api/groups", "/api/service-accounts", "/api/budgets", "/api/audit", "/api/usage/all",
    "/api/providers",
)  # fmt: skip
# Who is no administrator is told no more of what these name than of what they do not.
OF_ADMINISTRATORS = [o for o in GUARDED if o.path.startswith(OWNED_BY_NOBODY)]
ELSEWHERE = NEVER_404 | BY_ADDRESS
OF_OBJECTS = [o for o in GUARDED if o.names and str(o) not in ELSEWHERE and o not in OF_ADMINISTRATORS]


@pytest.fixture
def objects(alice: User, alice_client: APIClient) -> dict[str, str]:
    """Alice's, by the names that paths call them."""
    session, _ = ChatSession.objects.open(alice, public_id="alices", title="Rome")
    [message] = session.add_messages([MessageDraft(role="user", content="hello")])
    agent = Agent.objects.create(owner=alice, name="hers")
    for holder in ("sessions/alices", f"agents/{agent.pk}"):
        letter = SimpleUploadedFile("letter.txt", b"dear diary")
        answer = alice_client.post(f"/api/{holder}/files/upload", {"file": letter}, format="multipart")
        assert answer.status_code == 201
    share = alice_client.post("/api/sessions/alices/share", {}, format="json").json()["url"]
    export = Export.objects.create(owner=alice)
    make(export, lambda: None)
    key, _ = ApiKey.objects.issue(alice, "hers", ["read"])
    run = Run.objects.create(session=session, status="completed", first_position=1, input_count=1)
    project = Project.objects.create(owner=alice, name="hers")
    return {
        "key": "alices",
        "mid": str(message.pk),
        "session_id": "alices",
        "user_id": "default",
        "name": "letter.txt",
        "project_id": str(project.pk),
        "agent_id": str(agent.pk),
        "prompt_id": str(Prompt.objects.create(owner=alice, name="hers", text="hers").pk),
        "device_id": str(alice.token_families.get().pk),
        "key_id": str(key.pk),
        "identity_id": str(OidcIdentity.objects.create(user=alice, issuer="https://id.example", subject="alice").pk),
        "run_id": str(run.pk),
        "approval_id": str(uuid4()),
        "token": share.rpartition("/")[2],
        "export_id": str(export.pk),
        "group_id": str(Group.objects.create(name="sales").pk),
        "member_id": str(alice.pk),
        "account_id": str(alice.pk),
        "provider_id": str(ModelProvider.objects.create(name="home", url="http://models.example/v1").pk),
        "service_id": str(ServiceAccount.objects.create(display_name="build").pk),
        "server_id": str(McpServer.objects.add(alice, "hers", "https://mcp.example.org/").pk),
        "webhook_id": str(Webhook.objects.add(alice, "https://hooks.example.org/", ["answer_ready"]).pk),
    }


def ask(client: APIClient, operation: Operation, objects: dict[str, str]) -> Any:
    if operation.path.startswith("/api/budgets"):
        objects = objects | {"user_id": objects["member_id"]}  # elsewhere it is a name of a client's own
    given = QUERIES.get(str(operation), {})
    answer = getattr(client, operation.method)(operation.path.format(**objects), given, format="json")
    if isinstance(answer, AwaitedResponse):
        answer._body.close()  # there is no loop that would await it
    elif answer.streaming:
        request_finished.disconnect(close_old_connections)  # the test goes on with this one
        answer.close()
        request_finished.connect(close_old_connections)
    return answer


def with_token(token: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_every_part_of_a_path_has_its_row(objects: dict[str, str]) -> None:
    assert {name for operation in GUARDED for name in operation.names} <= set(objects)
    assert {operation.path for operation in ALL} >= PUBLIC - {"/metrics"}
    assert len(GUARDED) > 40


@pytest.mark.slow(reason="every route, by each who has no business there")
def test_strangers_and_whose_credentials_have_ended_get_nowhere(alice: User, objects: dict[str, str]) -> None:
    family = TokenFamily.objects.sign_in(alice)
    expired = AccessToken.write(
        family.pk, alice.pk, uuid4(), timezone.now() - timedelta(hours=1), timedelta(minutes=15)
    )
    revoked = TokenFamily.objects.sign_in(alice)
    revoked.revoke()
    _, late_key = ApiKey.objects.issue(alice, "late", ["admin"], timezone.now() - timedelta(seconds=1))
    gone, gone_key = ApiKey.objects.issue(alice, "gone", ["admin"])
    gone.delete()
    stranger_s = AccessToken.write(uuid4(), alice.pk, uuid4(), timezone.now(), timedelta(minutes=15))
    somebody = {
        "stranger": APIClient(raise_request_exception=False),
        "expired": with_token(expired),
        "revoked": with_token(revoked.grant().access_token),
        "refresh token": with_token(family.grant().refresh_token),
        "of no sign-in": with_token(stranger_s),
        "expired key": with_token(late_key),
        "deleted key": with_token(gone_key),
    }
    let_in = [
        (who, str(operation), answer.status_code)
        for who, client in somebody.items()
        for operation in GUARDED
        if (answer := ask(client, operation, objects)).status_code != 401
    ]
    assert let_in == []


def test_a_deactivated_user_gets_nowhere(alice: User, alice_client: APIClient, objects: dict[str, str]) -> None:
    _, key = ApiKey.objects.issue(alice, "hers too", ["admin"])
    alice.is_active = False
    alice.save()
    for client in (alice_client, with_token(key)):
        assert [str(o) for o in GUARDED if ask(client, o, objects).status_code != 401] == []


def test_a_key_that_may_only_read_changes_nothing(alice: User, objects: dict[str, str]) -> None:
    _, key = ApiKey.objects.issue(alice, "reader", ["read"])
    client = with_token(key)
    changes = [o for o in GUARDED if o.method != "get" and str(o) not in READABLE_POSTS]
    answers = {str(operation): ask(client, operation, objects) for operation in changes}
    assert [name for name, answer in answers.items() if answer.status_code != 403] == []
    codes = {answer.json()["error"]["code"] for answer in answers.values()}
    assert codes == {"insufficient_scope"}


def test_what_is_alice_s_is_there_for_alice(
    alice: User,
    mallory: User,
    alice_client: APIClient,
    mallory_client: APIClient,
    objects: dict[str, str],
    settings: Settings,
) -> None:
    """Else no row says anything of who is told that it is not."""
    settings.ALLOW_LOCALHOST_NOAUTH = True
    here = APIClient(raise_request_exception=False, **HERE)
    for operation in OF_OBJECTS:
        if operation.method == "get":
            is_local = operation.path.endswith("/path")  # only for who needs no proof
            settings.DEFAULT_USER_EMAIL = alice.email
            mine = ask(here if is_local else alice_client, operation, objects)
            # No process serves here, which would know the tools: whose the session is, is looked at before.
            assert mine.status_code == (503 if operation.path.endswith("/tools") else 200), operation
            settings.DEFAULT_USER_EMAIL = mallory.email
            if is_local:
                assert ask(here, operation, objects).status_code == 404, operation
    for operation in (o for o in GUARDED if str(o) in BY_ADDRESS):
        assert ask(mallory_client, operation, objects).status_code == 201
        assert ask(mallory_client, operation, objects | {"token": "nobodys"}).status_code == 404


def test_what_is_alice_s_does_not_exist_for_mallory(
    alice: User, mallory_client: APIClient, objects: dict[str, str]
) -> None:
    """Each answers to a foreign id exactly as to an unknown one."""

    def unknown(name: str, value: str) -> str:
        try:
            return str(uuid4()) if UUID(value) else ""
        except ValueError:
            return value if name in ("name", "user_id") else "nobodys"

    made_up = {name: unknown(name, value) for name, value in objects.items()}
    for operation in OF_OBJECTS:
        foreign, none = (ask(mallory_client, operation, which) for which in (objects, made_up))
        assert foreign.status_code == none.status_code, operation
        assert foreign.status_code in (400, 404, 405), (operation, foreign.status_code)
        assert [shape(answer, which) for answer, which in ((foreign, objects), (none, made_up))] == [
            shape(none, made_up)
        ] * 2, operation
    session = ChatSession.objects.get(public_id="alices", owner=alice)
    assert (session.title, session.messages.count(), session.files.count()) == ("Rome", 1, 1)
    assert Project.objects.filter(owner=alice).exists()
    assert alice.agents.get().name == alice.prompts.get().name == "hers"
    assert alice.api_keys.exists()
    assert alice.webhooks.get().url == "https://hooks.example.org/"
    assert alice.token_families.filter(revoked_at=None).exists()


def test_what_is_the_administrators_is_nobody_else_s(
    alice: User, alice_client: APIClient, objects: dict[str, str]
) -> None:
    """Also not of an administrator's program that may only chat."""
    root = User.objects.create_superuser("root@example.org", "correct horse battery staple")
    _, key = ApiKey.objects.issue(root, "chats", ["read", "chat", "files"])
    for client, code in ((alice_client, "forbidden"), (with_token(key), "insufficient_scope")):
        for operation in OF_ADMINISTRATORS:
            answer = ask(client, operation, objects)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, code), operation
    assert len(OF_ADMINISTRATORS) > 12
    assert Group.objects.count() == ServiceAccount.objects.count() == 1


def test_what_is_in_the_trash_does_not_exist_for_its_owner_either(
    alice: User, alice_client: APIClient, objects: dict[str, str]
) -> None:
    alice.chat_sessions.get(public_id="alices").discard()
    of_session = [o for o in GUARDED if "key" in o.names and not o.path.endswith("/restore")]
    there = [str(o) for o in of_session if ask(alice_client, o, objects).status_code != 404]
    assert there == []
    assert len(of_session) > 40


def test_what_is_archived_is_answered_as_before_and_to_nobody_else(
    alice: User, alice_client: APIClient, mallory_client: APIClient, objects: dict[str, str]
) -> None:
    files = {"name"}  # whose bytes nobody archives
    read = [o for o in GUARDED if "key" in o.names and o.method == "get" and not files & set(o.names)]
    before = {str(o): ask(alice_client, o, objects).status_code for o in read}
    assert list(archive_unused(timezone.now() + timedelta(days=1))) == [1]
    assert {str(o): ask(alice_client, o, objects).status_code for o in read} == before
    assert 200 in before.values()
    assert {ask(mallory_client, o, objects).status_code for o in read} <= {404, 400}


def test_what_is_too_big_is_refused_by_whoever_reads_it(
    alice_client: APIClient, objects: dict[str, str], settings: Settings
) -> None:
    settings.MAX_BODY_SIZE = 1_000
    refused = 0
    for operation in (o for o in ALL if o.method not in ("get", "delete")):
        path = operation.path.format(provider="x", **objects)
        broken, big = (
            alice_client.generic(operation.method.upper(), path, body, content_type="application/json")
            for body in ("{", '{"title": "%s"}' % ("x" * 2_000))
        )
        if broken.status_code == 400 and b"not valid JSON" in broken.content:
            assert big.status_code == 413, operation
            refused += 1
    assert refused > 40


def shape(answer: Any, asked: dict[str, str]) -> str:
    """The body without what differs between any two answers."""
    body = json.loads(answer.content)
    body["error"].pop("request_id")
    text = json.dumps(body)
    for value in asked.values():
        text = text.replace(value, "…")
    return text


def test_nothing_breaks_on_what_is_no_object(alice_client: APIClient, objects: dict[str, str]) -> None:
    bodies: list[Any] = [[], "x", {"title": {"a": []}, "email": 5, "session_id": None}]
    for operation in GUARDED:
        for body in bodies:
            if operation.method != "get":
                path = operation.path.format(**objects)
                answer = getattr(alice_client, operation.method)(path, body, format="json")
                assert answer.status_code != 500, (operation, body)
