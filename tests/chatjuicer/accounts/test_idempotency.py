from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from chatjuicer.accounts.models import IdempotencyRecord, User
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.api.idempotency import completed
from chatjuicer.operations.tasks import remove_idempotency_records

pytestmark = pytest.mark.django_db

CAROL = {"email": "carol@example.org", "password": "a long enough password"}


def register(client: APIClient, key: str, **different: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/api/auth/register", {**CAROL, **different}, HTTP_IDEMPOTENCY_KEY=key)
    return answer.status_code, answer.json()


def test_a_repeated_request_gets_the_first_result(anybody: APIClient) -> None:
    first, again = register(anybody, "k1"), register(anybody, "k1")
    assert first[0] == again[0] == 201
    assert first[1]["user"] == again[1]["user"]
    assert first[1]["refresh_token"] == again[1]["refresh_token"]
    assert User.objects.count() == 1


def test_the_same_key_with_another_body_is_a_mismatch(anybody: APIClient) -> None:
    register(anybody, "k1")
    status, answer = register(anybody, "k1", email="dave@example.org")
    assert (status, answer["error"]["code"]) == (409, "idempotency_mismatch")
    assert User.objects.count() == 1


def test_without_the_key_it_is_another_request(anybody: APIClient) -> None:
    register(anybody, "k1")
    assert register(anybody, "k2")[1]["error"]["code"] == "email_taken"


def test_an_error_is_not_kept(alice: User, anybody: APIClient) -> None:
    assert register(anybody, "k1", email=alice.email)[0] == 409
    alice.delete()
    assert register(anybody, "k1", email=alice.email)[0] == 201


def test_a_key_is_forgotten_after_a_day(anybody: APIClient) -> None:
    register(anybody, "k1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert list(remove_idempotency_records()) == [1]
    assert register(anybody, "k1", email="dave@example.org")[0] == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "k\x07", "schlüssel"])
def test_a_key_has_bounds(anybody: APIClient, key: str) -> None:
    status, answer = register(anybody, key)
    assert (status, answer["error"]["code"]) == (400, "invalid_idempotency_key")


def test_neither_passwords_nor_tokens_are_kept(anybody: APIClient) -> None:
    _, answer = register(anybody, "k1")
    kept = str(IdempotencyRecord.objects.values())
    for secret in (CAROL["password"], answer["refresh_token"], answer["access_token"]):
        assert secret not in kept


@pytest.mark.django_db(transaction=True)
def test_many_at_once_create_one() -> None:
    together = Barrier(6)

    def go(_: int) -> tuple[int, str]:
        together.wait()
        try:
            status, answer = register(APIClient(), "k1")
            return status, answer["user"]["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        answers = set(threads.map(go, range(6)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 201
    assert User.objects.count() == 1


def test_who_is_refused_meanwhile_takes_no_result_away(alice: User) -> None:
    request = Request(APIRequestFactory().post("/api/import", HTTP_IDEMPOTENCY_KEY="k1"))
    request.user = alice

    def refuse() -> tuple[int, Any]:
        raise Unavailable()

    def go_on() -> tuple[int, Any]:
        with pytest.raises(Unavailable):
            completed(request, refuse)
        return 200, {"imported": 1}

    assert completed(request, go_on) == completed(request, refuse) == (200, {"imported": 1})


def test_who_is_refused_as_another_has_a_result_is_given_it(alice: User) -> None:
    request = Request(APIRequestFactory().post("/api/import", HTTP_IDEMPOTENCY_KEY="k1"))
    request.user = alice

    def be_late() -> tuple[int, Any]:
        completed(request, lambda: (200, {"imported": 1}))
        raise Unavailable()

    assert completed(request, be_late) == (200, {"imported": 1})
