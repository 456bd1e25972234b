from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer.accounts.authentication import credentials_alive
from chatjuicer.accounts.models import Grant, TokenFamily, User
from chatjuicer.accounts.models.family import SAME_SUCCESSOR
from chatjuicer.accounts.signals import family_revoked
from tests.harness.services import until

USES = 8

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant(alice: User) -> Grant:
    return TokenFamily.objects.sign_in(alice).grant()


@pytest.fixture
def refresh(anybody: APIClient) -> Callable[[str], tuple[int, dict[str, str]]]:
    def refresh(token: str) -> tuple[int, dict[str, str]]:
        answer = anybody.post("/api/auth/refresh", {"refresh_token": token})
        return answer.status_code, answer.json()

    return refresh


Refresh = Callable[[str], tuple[int, dict[str, str]]]


def a_while_ago(family: TokenFamily) -> None:
    TokenFamily.objects.filter(pk=family.pk).update(spent_at=timezone.now() - SAME_SUCCESSOR - timedelta(seconds=1))


def test_refreshing_answers_like_login_with_a_new_token(alice: User, grant: Grant, refresh: Refresh) -> None:
    status, answer = refresh(grant.refresh_token)
    assert status == 200
    assert set(answer) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert answer["refresh_token"] != grant.refresh_token
    assert refresh(answer["refresh_token"])[0] == 200


def test_two_tabs_get_the_same_successor(grant: Grant, refresh: Refresh) -> None:
    first, second = refresh(grant.refresh_token), refresh(grant.refresh_token)
    assert first[0] == second[0] == 200
    assert first[1]["refresh_token"] == second[1]["refresh_token"]


def test_a_later_replay_ends_the_whole_family(alice: User, grant: Grant, refresh: Refresh, anybody: APIClient) -> None:
    _, successor = refresh(grant.refresh_token)
    a_while_ago(alice.token_families.get())
    assert refresh(grant.refresh_token)[0] == 401
    assert refresh(successor["refresh_token"])[0] == 401
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {successor['access_token']}")
    assert anybody.get("/api/auth/me").status_code == 401


def test_an_older_ancestor_is_a_replay_at_once(grant: Grant, refresh: Refresh) -> None:
    _, second = refresh(grant.refresh_token)
    _, third = refresh(second["refresh_token"])
    assert refresh(grant.refresh_token)[0] == 401
    assert refresh(third["refresh_token"])[0] == 401


def test_an_expired_family_is_over(alice: User, grant: Grant, refresh: Refresh) -> None:
    alice.token_families.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refresh(grant.refresh_token)[0] == 401


@pytest.mark.django_db(transaction=True)
def test_of_many_parallel_uses_exactly_one_rotates() -> None:
    alice = User.objects.create_user("alice@example.org", "password")
    token = TokenFamily.objects.sign_in(alice).grant().refresh_token
    together = Barrier(USES + 1)

    def use(_: int) -> tuple[int, str]:
        together.wait()
        try:
            answer = APIClient().post("/api/auth/refresh", {"refresh_token": token})
            return answer.status_code, answer.json().get("refresh_token", "")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(USES) as threads:
        with transaction.atomic():
            # While the row is held here, all of them come to wait for it.
            TokenFamily.objects.select_for_update().get(user=alice)
            uses = [threads.submit(use, number) for number in range(USES)]
            together.wait()
            if connection.vendor == "postgresql":
                until(lambda: waiting_for_a_lock() == USES, "all wait")
        answers = {use.result() for use in uses}
    assert len(answers) == 1
    [(status, successor)] = answers
    assert status == 200
    assert successor != token


def waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


def test_signing_out_ends_the_family_and_says_so(
    alice: User,
    grant: Grant,
    anybody: APIClient,
    refresh: Refresh,
    django_capture_on_commit_callbacks: object,
) -> None:
    told: list[object] = []

    def listen(family_id: object, **_: object) -> None:
        told.append(family_id)

    family_revoked.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            answers = [anybody.post("/api/auth/logout", {"refresh_token": grant.refresh_token}) for _ in range(2)]
    finally:
        family_revoked.disconnect(listen)
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"success": True})] * 2
    family = alice.token_families.get()
    assert told == [family.pk]
    assert credentials_alive([family.pk]) == set()
    assert refresh(grant.refresh_token)[0] == 401
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {grant.access_token}")
    assert anybody.get("/api/auth/me").status_code == 401


def test_signing_out_on_one_device_leaves_the_other(alice: User, grant: Grant, anybody: APIClient) -> None:
    other = TokenFamily.objects.sign_in(alice).grant()
    anybody.post("/api/auth/logout", {"refresh_token": grant.refresh_token})
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {other.access_token}")
    assert anybody.get("/api/auth/me").status_code == 200


def test_nonsense_cannot_sign_out(anybody: APIClient) -> None:
    assert anybody.post("/api/auth/logout", {"refresh_token": "nonsense"}).status_code == 401


def test_a_closed_account_is_not_alive(alice: User) -> None:
    family = TokenFamily.objects.sign_in(alice)
    assert credentials_alive([family.pk]) == {family.pk}
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert credentials_alive([family.pk]) == set()
