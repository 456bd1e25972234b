import os
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User

pytestmark = pytest.mark.django_db

# The last is what the server itself finds out: test_another_user.py asks a real one.
HERE: dict[str, Any] = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000", "peer_uid": os.geteuid()}


@pytest.fixture(autouse=True)
def default_user(settings: Settings) -> User:
    settings.ALLOW_LOCALHOST_NOAUTH = True
    user, _ = User.objects.seed_default()
    return user


@pytest.mark.parametrize(
    "different",
    [
        {},
        {"HTTP_HOST": "localhost:8000"},
        {"HTTP_HOST": "[::1]:8000", "REMOTE_ADDR": "::1"},
        {"REMOTE_ADDR": "::ffff:127.0.0.1"},
        {"HTTP_ORIGIN": "http://127.0.0.1:8000"},
        {"HTTP_HOST": "localhost", "HTTP_ORIGIN": "http://localhost"},
        {"HTTP_SEC_FETCH_SITE": "same-origin"},
        {"HTTP_SEC_FETCH_SITE": "none"},
    ],
)
def test_whoever_sits_at_the_machine_is_the_default_user(
    anybody: APIClient, different: dict[str, Any], default_user: User
) -> None:
    answer = anybody.get("/api/auth/me", **{**HERE, **different})
    assert (answer.status_code, answer.json()["id"]) == (200, str(default_user.pk))


@pytest.mark.parametrize(
    "different",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "::ffff:192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_HOST": "testserver"},
        {"HTTP_FORWARDED": "for=192.0.2.7"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_CF_CONNECTING_IP": "127.0.0.1"},
        {"HTTP_TRUE_CLIENT_IP": "127.0.0.1"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
        {"HTTP_SEC_FETCH_SITE": ""},
        {"peer_uid": os.geteuid() + 1},
        {"peer_uid": None, "HTTP_PEER_UID": str(os.geteuid())},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "http://127.0.0.1:9000"},
        {"HTTP_ORIGIN": "https://127.0.0.1:8000"},
        {"HTTP_HOST": "localhost:443", "HTTP_ORIGIN": "https://localhost"},
        {"HTTP_ORIGIN": "http://localhost:8000"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": ""},
        {"HTTP_AUTHORIZATION": "Bearer nonsense"},
    ],
)
def test_anybody_else_is_401(anybody: APIClient, different: dict[str, Any]) -> None:
    assert anybody.get("/api/auth/me", **{**HERE, **different}).status_code == 401


def test_the_rule_is_off_unless_it_is_on(anybody: APIClient, settings: Settings) -> None:
    settings.ALLOW_LOCALHOST_NOAUTH = False
    assert anybody.get("/api/auth/me", **HERE).status_code == 401


def test_a_token_says_who_it_is_also_at_the_machine(alice: User, alice_client: APIClient) -> None:
    assert alice_client.get("/api/auth/me", **HERE).json()["id"] == str(alice.pk)


def test_a_name_that_points_at_the_machine_is_refused(anybody: APIClient) -> None:
    foreign = {**HERE, "HTTP_HOST": "evil.example:8000"}
    assert anybody.get("/api/auth/me", **foreign).status_code == 401
    assert anybody.get("/api/config", **foreign).status_code == 400
