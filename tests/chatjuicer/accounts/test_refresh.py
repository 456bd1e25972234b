from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer.accounts.authentication import credentials_alive
from chatjuicer.accounts.models import Grant, Place, TokenFamily, User
from chatjuicer.accounts.models.family import FAMILY_LIFETIME
from chatjuicer.accounts.models.spent_token import REPLAYED_FOR, SpentToken
from chatjuicer.accounts.signals import family_revoked
from chatjuicer.accounts.tokens import RefreshToken
from tests.chatjuicer.accounts.at_once import at_once

USES = 8
HERE = {"HTTP_USER_AGENT": "Desktop/1", "REMOTE_ADDR": "192.0.2.7"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant(alice: User) -> Grant:
    return TokenFamily.objects.sign_in(alice, Place("Desktop/1", "192.0.2.7")).grant()


@pytest.fixture
def refresh(anybody: APIClient) -> Callable[[str], tuple[int, dict[str, str]]]:
    def refresh(token: str, **place: str) -> tuple[int, dict[str, str]]:
        headers: dict[str, Any] = HERE | place
        answer = anybody.post("/api/auth/refresh", {"refresh_token": token}, **headers)
        return answer.status_code, answer.json()

    return refresh


Refresh = Callable[..., tuple[int, dict[str, str]]]


def spend_long_ago(*texts: str) -> None:
    """Those tokens, or all."""
    jtis = [RefreshToken.claims_of(text)["jti"] for text in texts]
    tokens = SpentToken.objects.filter(pk__in=jtis) if jtis else SpentToken.objects.all()
    tokens.update(spent_at=timezone.now() - REPLAYED_FOR - timedelta(seconds=1))


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


def test_a_part_that_slept_goes_on_with_the_newest_pair(alice: User, grant: Grant, refresh: Refresh) -> None:
    """However many tokens the other part has spent meanwhile."""
    newest = grant.refresh_token
    chain = [newest]
    for _ in range(4):
        newest = refresh(newest)[1]["refresh_token"]
        chain.append(newest)
    assert len(set(chain)) == 5
    for spent in chain[:-1]:
        status, again = refresh(spent)
        assert (status, again["refresh_token"]) == (200, newest)
    assert refresh(newest)[0] == 200


@pytest.mark.parametrize("elsewhere", [{"HTTP_USER_AGENT": "curl/8"}, {"REMOTE_ADDR": "198.51.100.9"}])
def test_a_replay_from_elsewhere_ends_the_whole_family(
    grant: Grant, refresh: Refresh, anybody: APIClient, elsewhere: dict[str, str]
) -> None:
    _, successor = refresh(grant.refresh_token)
    assert refresh(grant.refresh_token, **elsewhere)[0] == 401
    assert refresh(grant.refresh_token)[0] == 401
    assert refresh(successor["refresh_token"])[0] == 401
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {successor['access_token']}")
    assert anybody.get("/api/auth/me").status_code == 401


def test_a_late_replay_ends_the_whole_family(grant: Grant, refresh: Refresh) -> None:
    _, successor = refresh(grant.refresh_token)
    spend_long_ago()
    assert refresh(grant.refresh_token)[0] == 401
    assert refresh(successor["refresh_token"])[0] == 401


def test_a_device_that_moved_to_another_network_goes_on(grant: Grant, refresh: Refresh) -> None:
    """Both its parts wake up there with the token that they were given at home."""
    moved = {"REMOTE_ADDR": "198.51.100.9"}
    _, first = refresh(grant.refresh_token, **moved)
    status, second = refresh(grant.refresh_token, **moved)
    assert (status, second["refresh_token"]) == (200, first["refresh_token"])


def test_two_parts_that_are_told_apart_go_on_beside_each_other(grant: Grant, refresh: Refresh) -> None:
    """One is reached by IPv6, say, and the other is not; whichever is first spends the token that both have."""
    one, other = {"REMOTE_ADDR": "2001:db8::7"}, HERE
    both_have = grant.refresh_token
    for first, second in ((one, other), (one, other), (other, one), (one, other), (other, one)):
        newest = refresh(both_have, **first)[1].get("refresh_token")
        status, again = refresh(both_have, **second)
        assert newest and (status, again.get("refresh_token")) == (200, newest)
        both_have = newest


def test_a_part_that_lives_on_replays_alone_goes_on_for_days(grant: Grant, refresh: Refresh) -> None:
    newest, spent = grant.refresh_token, list[str]()
    for _ in range(6):
        both_have, newest = newest, refresh(newest, REMOTE_ADDR="2001:db8::7")[1]["refresh_token"]
        assert refresh(both_have)[1].get("refresh_token") == newest
        spent.append(both_have)
        if old := spent[:-3]:
            spend_long_ago(*old)


def test_a_token_of_another_family_is_no_spent_one(alice: User, grant: Grant, refresh: Refresh) -> None:
    other = TokenFamily.objects.sign_in(alice, Place("Desktop/1", "192.0.2.7"))
    _, successor = refresh(grant.refresh_token)
    assert refresh(other.grant().refresh_token)[0] == 200
    assert refresh(successor["refresh_token"])[0] == 200


def test_a_family_lives_for_30_days_at_most(alice: User, grant: Grant, refresh: Refresh) -> None:
    family = alice.token_families.get()
    began = timezone.now() - FAMILY_LIFETIME + timedelta(days=1)
    alice.token_families.update(created_at=began)
    status, answer = refresh(grant.refresh_token)
    family.refresh_from_db()
    assert status == 200
    assert family.expires_at == (began + FAMILY_LIFETIME).replace(microsecond=0)
    alice.token_families.update(created_at=began - timedelta(days=1), expires_at=timezone.now())
    assert refresh(answer["refresh_token"])[0] == 401


def test_what_is_too_old_to_come_again_is_forgotten(alice: User, grant: Grant, refresh: Refresh) -> None:
    _, second = refresh(grant.refresh_token)
    spend_long_ago()
    refresh(second["refresh_token"])
    assert alice.token_families.get().spent_tokens.count() == 1


def test_an_expired_family_is_over(alice: User, grant: Grant, refresh: Refresh) -> None:
    alice.token_families.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refresh(grant.refresh_token)[0] == 401


@pytest.mark.django_db(transaction=True)
def test_of_many_parallel_uses_exactly_one_rotates() -> None:
    alice = User.objects.create_user("alice@example.org", "password")
    token = TokenFamily.objects.sign_in(alice).grant().refresh_token

    def use() -> tuple[int, str]:
        answer = APIClient().post("/api/auth/refresh", {"refresh_token": token})
        return answer.status_code, answer.json().get("refresh_token", "")

    answers = set(at_once([use] * USES, TokenFamily.objects.filter(user=alice)))
    assert len(answers) == 1
    [(status, successor)] = answers
    assert status == 200
    assert successor != token


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
