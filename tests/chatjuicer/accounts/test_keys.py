"""API keys: programs that come in as their owner, as far as they may."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer.accounts.authentication import Credentials, SocketRejected, authenticate_scope, ended
from chatjuicer.accounts.models import Act, ApiKey, AuditEntry, IdempotencyRecord, User
from chatjuicer.accounts.models.api_key import MAX_KEYS
from sessions_app.models import ChatSession
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

KEYS = "/api/auth/keys"
SHOWN = {"id", "name", "scopes", "prefix", "created_at", "expires_at", "last_used_at"}


def program(text: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@pytest.fixture
def key_with(alice: User) -> Callable[..., APIClient]:
    def make(*scopes: str, **fields: Any) -> APIClient:
        _, text = ApiKey.objects.issue(alice, "a program", scopes, **fields)
        return program(text)

    return make


def test_a_key_is_shown_once_and_lets_its_owner_in(alice: User, alice_client: APIClient) -> None:
    answer = alice_client.post(KEYS, {"name": " nightly ", "scopes": ["files", "read", "read"]})
    assert answer.status_code == 201
    made = answer.json()
    text = made.pop("key")
    assert set(made) == SHOWN
    assert (made["name"], made["scopes"], made["expires_at"], made["last_used_at"]) == (
        "nightly",
        ["read", "files"],
        None,
        None,
    )
    assert text.startswith(made["prefix"])
    assert made["prefix"].startswith("cj_")
    assert len(text) > 45  # 256 bits
    assert program(text).get("/api/auth/me").json()["id"] == str(alice.pk)
    (listed,) = alice_client.get(KEYS).json()["keys"]
    assert listed.pop("last_used_at") is not None
    assert listed == {name: value for name, value in made.items() if name != "last_used_at"}


def test_no_text_of_a_key_is_stored(alice_client: APIClient) -> None:
    text = alice_client.post(KEYS, {"name": "n", "scopes": ["read"]}).json()["key"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_apikey")
        assert text not in str(cursor.fetchall())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"scopes": "admin"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
def test_what_is_not_valid_makes_no_key(alice_client: APIClient, wrong: dict[str, Any], field: str) -> None:
    answer = alice_client.post(KEYS, {"name": "n", "scopes": ["read"]} | wrong)
    refused(answer, 400, "invalid_input")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]
    assert not ApiKey.objects.exists()


def test_a_repeated_request_makes_one_key_and_its_text_lies_nowhere(alice: User, alice_client: APIClient) -> None:
    body = {"name": "nightly", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00Z"}
    first, again = (alice_client.post(KEYS, body, headers={"idempotency-key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert alice.api_keys.count() == 1
    (kept,) = IdempotencyRecord.objects.values_list("result", flat=True)
    assert first.json()["key"] not in kept
    assert "cj_" not in kept
    other = alice_client.post(KEYS, body | {"name": "other"}, headers={"idempotency-key": "k"})
    refused(other, 409, "idempotency_mismatch")


def test_an_account_has_a_bounded_number_of_keys(alice: User, alice_client: APIClient) -> None:
    ApiKey.objects.bulk_create(ApiKey(user=alice, name="n", scopes=["read"], digest=str(n)) for n in range(MAX_KEYS))
    refused(alice_client.post(KEYS, {"name": "n", "scopes": ["read"]}), 409, "too_many_keys")


@pytest.mark.django_db(transaction=True)
def test_of_keys_that_are_made_at_once_no_more_are_made_than_there_may_be(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    ApiKey.objects.bulk_create(
        ApiKey(user=alice, name="n", scopes=["read"], digest=str(n)) for n in range(MAX_KEYS - 1)
    )
    clients = [client_of(alice) for _ in range(6)]
    answers = side_by_side(lambda client: client.post(KEYS, {"name": "n", "scopes": ["read"]}), clients)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert ApiKey.objects.filter(user=alice).count() == MAX_KEYS
    assert AuditEntry.objects.filter(action=Act.KEY_CREATED).count() == 1


def test_a_deleted_key_lets_nobody_in(alice_client: APIClient, key_with: Callable[..., APIClient]) -> None:
    client = key_with("read")
    key = ApiKey.objects.get()
    held = Credentials.of_key(key)
    assert ended({held}) == set()
    assert alice_client.delete(f"{KEYS}/{key.pk}").json() == {"success": True}
    refused(client.get("/api/sessions"), 401, "invalid_token")
    assert ended({held}) == {held}
    refused(alice_client.delete(f"{KEYS}/{key.pk}"), 404, "not_found")


def test_mallory_sees_and_deletes_nothing_of_alices(mallory_client: APIClient, key_with: Callable[..., Any]) -> None:
    key_with("read")
    assert mallory_client.get(KEYS).json() == {"keys": []}
    answers = [mallory_client.delete(f"{KEYS}/{pk}") for pk in (ApiKey.objects.get().pk, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert ApiKey.objects.exists()


def test_a_key_ends_when_it_says_and_with_its_owner(alice: User, key_with: Callable[..., APIClient]) -> None:
    client = key_with("read", expires_at=timezone.now() + timedelta(hours=1))
    held = Credentials.of_key(ApiKey.objects.get())
    assert client.get("/api/sessions").status_code == 200
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(client.get("/api/sessions"), 401, "invalid_token")
    assert ended({held}) == {held}
    ApiKey.objects.update(expires_at=None)
    User.objects.update(is_active=False)
    refused(client.get("/api/sessions"), 401, "invalid_token")
    assert ended({held}) == {held}


@pytest.mark.parametrize("text", ["cj_", "cj_" + "x" * 43, "cj_\x00", "CJ_" + "x" * 43])
def test_a_made_up_key_is_401(alice: User, text: str) -> None:
    refused(program(text).get("/api/sessions"), 401, "invalid_token")


def test_each_scope_does_its_own_and_no_more(alice: User, key_with: Callable[..., APIClient]) -> None:
    ChatSession.objects.open(alice, public_id="s")
    files = "/api/sessions/s/files/presign-upload"
    tries: list[Callable[[APIClient], Any]] = [
        lambda client: client.get("/api/sessions"),
        lambda client: client.patch("/api/sessions/s", {"title": "t"}),
        lambda client: client.post(files, {"filename": "a", "size": 1}),
        lambda client: client.post(KEYS, {"name": "n", "scopes": ["admin"]}),
    ]
    for may, scope in enumerate(["read", "chat", "files"]):
        answers = [attempt(key_with(scope)) for attempt in tries]
        assert [answer.status_code for answer in answers if answer.status_code < 400] == [200], scope
        assert answers[may].status_code == 200
        for answer in answers[:may] + answers[may + 1 :]:
            refused(answer, 403, "insufficient_scope")
    assert [attempt(key_with("admin")).status_code for attempt in tries] == [200, 200, 200, 201]


def test_a_key_without_admin_takes_no_account_over(alice: User, key_with: Callable[..., APIClient]) -> None:
    client = key_with("read", "chat", "files")
    passwords = {"current_password": PASSWORD, "new_password": "the thief's own choice"}
    for answer in (
        client.post("/api/auth/password", passwords),
        client.post("/api/auth/logout-everywhere"),
        client.get("/api/auth/devices"),
        client.patch("/api/auth/me", {"display_name": "Mallory"}),
        client.delete("/api/auth/me", {"password": PASSWORD}),
        client.get(KEYS),
    ):
        refused(answer, 403, "insufficient_scope")
    assert User.objects.get().check_password(PASSWORD)


def test_a_key_is_not_told_where_files_are(alice: User, key_with: Callable[..., APIClient]) -> None:
    """That is for the owner of the machine, who has neither password nor key."""
    assert not Credentials.of_key(ApiKey.objects.issue(alice, "n", ["admin"])[0]).without_proof


def socket_scope(token: str) -> dict[str, Any]:
    return {"type": "websocket", "headers": [(b"host", b"testserver")], "query_string": f"token={token}".encode()}


def test_a_socket_takes_read_by_key_and_by_ticket(alice: User) -> None:
    for scopes in (["chat"], ["read"]):
        key, text = ApiKey.objects.issue(alice, "n", scopes)
        if scopes == ["read"]:
            assert authenticate_scope(socket_scope(text)) == Credentials.of_key(key)
            ticket = program(text).post("/api/auth/ws-ticket").json()["ticket"]
            query = socket_scope("") | {"query_string": f"ticket={ticket}".encode()}
            assert authenticate_scope(query) == Credentials.of_key(key)
        else:
            with pytest.raises(SocketRejected) as caught:
                authenticate_scope(socket_scope(text))
            assert caught.value.close_code == 4403


def test_a_ticket_dies_with_its_key(alice: User, key_with: Callable[..., APIClient]) -> None:
    ticket = key_with("read").post("/api/auth/ws-ticket").json()["ticket"]
    ApiKey.objects.update(expires_at=timezone.now())
    with pytest.raises(SocketRejected):
        authenticate_scope(socket_scope("") | {"query_string": f"ticket={ticket}".encode()})


def test_a_signed_address_dies_with_its_key(alice: User, key_with: Callable[..., Any], anybody: APIClient) -> None:
    ChatSession.objects.open(alice, public_id="s")
    announced = {"filename": "a", "size": 1}
    door = key_with("files").post("/api/sessions/s/files/presign-upload", announced).json()["upload_url"]
    put = {"path": urlsplit(door).path, "data": b"x", "content_type": "application/octet-stream"}
    assert anybody.put(**put).status_code == 200
    ApiKey.objects.all().delete()
    assert anybody.put(**put).status_code == 404


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(key_with: Callable[..., APIClient]) -> None:
    client = key_with("read")
    client.get("/api/sessions")
    first = ApiKey.objects.get().last_used_at
    client.get("/api/sessions")
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    client.get("/api/sessions")
    assert ApiKey.objects.get().last_used_at != first


def test_an_administrator_sees_keys_and_no_text(alice: User, client: Browser) -> None:
    _, text = ApiKey.objects.issue(alice, "nightly build", ["read"])
    client.force_login(User.objects.seed_default()[0])
    page = client.get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    assert "nightly build" in page
    assert text not in page
