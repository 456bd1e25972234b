"""What is remembered, here or on the way, is shown to nobody else, and to nobody for longer than they may."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from chatjuicer.accounts.models import GroupAllowance, TokenFamily, User
from chatjuicer.accounts.models.known import Known
from chatjuicer.config import known_config
from sessions_app.models import ChatSession
from tests.chatjuicer.accounts.test_matrix import ALL, ask, objects

__all__ = ["objects"]

pytestmark = pytest.mark.django_db

KEPT_BY_ALL = re.compile(r"public|s-maxage|immutable")


def test_no_answer_that_tells_of_a_person_is_kept_on_the_way(alice_client: APIClient, objects: dict[str, str]) -> None:
    read = [operation for operation in ALL if operation.method == "get" and "oidc" not in operation.path]
    for operation in read:
        answer = ask(alice_client, operation, objects)
        kept = answer.headers.get("Cache-Control", "")
        assert not KEPT_BY_ALL.search(kept), operation
        if operation.path.startswith("/api/"):
            assert "no-store" in kept or "private" in kept, operation
        assert answer.status_code != 500, operation
    assert len(read) > 40


def test_whoever_knows_what_a_file_holds_is_not_told_that_it_is_there(
    alice: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    ChatSession.objects.open(alice, public_id="hers")
    path = "/api/sessions/hers/files"
    letter = SimpleUploadedFile("letter.txt", b"dear diary")
    alice_client.post(f"{path}/upload", {"file": letter}, format="multipart")
    mine = alice_client.head(f"{path}/letter.txt/download")
    etag = mine.headers["ETag"]
    assert alice_client.get(f"{path}/letter.txt/download", headers={"If-None-Match": etag}).status_code == 304
    for condition in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"If-Range": etag, "Range": "bytes=0-3"}):
        assert mallory_client.get(f"{path}/letter.txt/download", headers=condition).status_code == 404


def test_one_person_s_key_gives_nobody_else_the_answer(alice_client: APIClient, mallory_client: APIClient) -> None:
    hers = {
        client: client.post("/api/sessions", {"title": "Rome"}, HTTP_IDEMPOTENCY_KEY="1").json()["session_id"]
        for client in (alice_client, mallory_client)
    }
    assert len(set(hers.values())) == 2
    keys = {
        client: client.post("/api/auth/keys", {"name": "x", "scopes": ["read"]}, HTTP_IDEMPOTENCY_KEY="1").json()["key"]
        for client in (alice_client, mallory_client)
    }
    assert len(set(keys.values())) == 2


def test_a_token_that_was_good_is_not_remembered_as_good(
    alice: User, client_of: Callable[[User], APIClient], anybody: APIClient
) -> None:
    client = client_of(alice)
    for path in ("/api/sessions", "/api/auth/me"):  # the list has a way of its own
        assert client.get(path).status_code == 200
    TokenFamily.objects.get(user=alice).revoke()
    for path in ("/api/sessions", "/api/auth/me"):
        assert client.get(path).status_code == 401
    for header in ("Bearer ", "Bearer x", "bearer", ""):
        assert anybody.get("/api/sessions", headers={"Authorization": header}).status_code == 401


def test_what_one_may_choose_is_shown_to_no_other(
    alice: User, alice_client: APIClient, mallory_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupAllowance.objects, "lists", Known(), raising=False)
    group: Any = Group.objects.create(name="few")
    GroupAllowance.objects.of_group(group).change(allowed_models=[])
    GroupAllowance.objects.publish()
    alice.groups.add(group)
    assert known_config() is None  # as everybody is answered something else
    shown = [client.get("/api/config").json()["models"] for client in (mallory_client, alice_client, mallory_client)]
    assert [bool(models) for models in shown] == [True, False, True]
