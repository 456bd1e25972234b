"""How often somebody may ask."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from chatjuicer.api.limits import Rate, address
from tests.conftest import PASSWORD, refused
from tests.harness.client import Client
from tests.harness.sites import Sites


@pytest.fixture(autouse=True)
def nothing_counted_yet(settings: Any) -> None:
    cache.clear()
    settings.RATE_LIMIT_LOOPBACK = True


def too_many(answer: Any) -> None:
    refused(answer, 429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600


def test_a_user_may_ask_so_often(
    settings: Any, alice: User, client_of: Callable[[User], APIClient], mallory_client: APIClient
) -> None:
    settings.RATE_LIMIT_USER = "3/hour"
    first, second = client_of(alice), client_of(alice)
    assert [client.get("/api/v1/sessions").status_code for client in (first, second, first)] == [200] * 3
    too_many(first.get("/api/v1/sessions"))
    too_many(second.post("/api/v1/sessions", {}))
    assert mallory_client.get("/api/v1/sessions").status_code == 200


def test_an_address_may_ask_so_often_whoever_it_is(settings: Any, alice_client: APIClient, anybody: APIClient) -> None:
    settings.RATE_LIMIT_ADDRESS = "2/hour"
    assert alice_client.get("/api/auth/me").status_code == 200
    assert anybody.get("/api/auth/me").status_code == 401
    too_many(anybody.get("/api/auth/me"))
    too_many(alice_client.get("/api/auth/me"))
    assert alice_client.get("/api/auth/me", REMOTE_ADDR="198.51.100.1").status_code == 200
    assert anybody.get("/api/health/live").status_code == 200


def test_who_guesses_locks_nobody_out_but_himself(
    settings: Any, alice: User, mallory: User, anybody: APIClient
) -> None:
    """Strictly for an account from one place, loosely for the account."""
    settings.RATE_LIMIT_LOGIN_ACCOUNT, settings.RATE_LIMIT_LOGIN_EVERYWHERE = "3/hour", "8/hour"

    def sign_in(password: str, peer: str, email: str = alice.email, **headers: str) -> Any:
        body = {"email": email, "password": password}
        return anybody.post("/api/auth/login", body, REMOTE_ADDR=peer, headers=headers)

    assert [sign_in("guess", "198.51.100.1").status_code for _ in range(3)] == [401] * 3
    too_many(sign_in(PASSWORD, "198.51.100.1"))
    too_many(sign_in(PASSWORD, "198.51.100.1", "ALICE@example.org "))
    too_many(sign_in(PASSWORD, "198.51.100.1", **{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}))
    assert sign_in(PASSWORD, "198.51.100.1", mallory.email).status_code == 200
    assert sign_in(PASSWORD, "198.51.100.9").status_code == 200

    tries = [sign_in("guess", f"198.51.100.{number}").status_code for number in range(10, 14)]
    assert tries == [401] * 4
    too_many(sign_in(PASSWORD, "198.51.100.20"))


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "203.0.113.9"}])
def test_a_proxy_on_this_machine_hides_no_guesses(
    settings: Any, alice: User, anybody: APIClient, headers: dict[str, str]
) -> None:
    """Neither a bare one nor one that passes on what its client has made up."""
    settings.RATE_LIMIT_LOOPBACK, settings.RATE_LIMIT_LOGIN_ACCOUNT = False, "3/hour"
    body = {"email": alice.email, "password": "guess"}
    statuses = [anybody.post("/api/auth/login", body, headers=headers).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


def test_an_address_may_try_only_so_many_accounts(settings: Any, alice: User, anybody: APIClient) -> None:
    settings.RATE_LIMIT_LOGIN_ADDRESS = "3/hour"
    for number in range(3):
        body = {"email": f"user{number}@example.org", "password": "guess-guess"}
        assert anybody.post("/api/auth/login", body).status_code == 401
    body = {"email": alice.email, "password": PASSWORD}
    too_many(anybody.post("/api/auth/login", body))
    too_many(anybody.post("/admin/login/", {"username": alice.email, "password": PASSWORD}, format="multipart"))
    assert anybody.post("/api/auth/login", body, REMOTE_ADDR="198.51.100.1").status_code == 200


def test_this_machine_is_not_limited_unless_it_speaks_for_others(settings: Any, anybody: APIClient) -> None:
    settings.RATE_LIMIT_LOOPBACK = False
    settings.RATE_LIMIT_ADDRESS = "1/hour"
    assert [anybody.get("/api/config").status_code for _ in range(3)] == [200] * 3

    settings.TRUSTED_PROXIES = 1

    def through_a_proxy(client: str) -> int:
        return int(anybody.get("/api/config", headers={"x-forwarded-for": client}).status_code)

    assert [through_a_proxy("198.51.100.1") for _ in range(2)] == [200, 429]
    assert through_a_proxy("198.51.100.2") == 200
    assert through_a_proxy("10.0.0.1, 198.51.100.2") == 429


def test_an_address_is_what_the_nearest_trusted_proxy_says(settings: Any) -> None:
    forged = {"x-forwarded-for": "10.9.9.9, 203.0.113.5, 198.51.100.7"}
    assert address("192.0.2.1", forged) == "192.0.2.1"
    assert address("127.0.0.1", forged) == "127.0.0.1"
    settings.TRUSTED_PROXIES = 1
    assert address("127.0.0.1", forged) == "198.51.100.7"
    settings.TRUSTED_PROXIES = 2
    assert address("192.0.2.1", forged) == "203.0.113.5"
    assert address("192.0.2.1", {}) == "192.0.2.1"
    assert address("2001:db8:1:2:3::4", {}) == address("2001:db8:1:2::9", {}) == "2001:db8:1:2::/64"
    assert address("::ffff:192.0.2.1", {}) == "192.0.2.1"


def test_a_rate_is_a_count_and_a_unit() -> None:
    assert Rate.of("600/min") == Rate.of(" 600/M ") == Rate(600, 60)
    assert (Rate.of("5/s"), Rate.of("5/hour"), Rate.of("1/day")) == (Rate(5, 1), Rate(5, 3600), Rate(1, 86400))
    assert Rate.of("") is Rate.of("off") is None
    with pytest.raises(ValueError, match="not a rate"):
        Rate.of("many")


async def test_processes_and_sockets_share_a_count(sites: Sites) -> None:
    with sites.own({"RATE_LIMIT_LOOPBACK": "true", "RATE_LIMIT_USER": "20/hour"}, demo=True) as site:
        alice = await Client(site.url).login()
        others = [alice.at(server.url) for server in site.servers]
        session = await alice.create_session()
        statuses = [(await others[number % len(others)].http.get("/api/auth/me")).status_code for number in range(18)]
        assert statuses == [200] * 18
        async with others[-1].chat(session) as chat:
            await chat.ask("hello")
            await chat.say("again", client_id="late")
            error = await chat.expect("error")
            assert (error["code"], error["client_id"], error["retryable"]) == ("rate_limited", "late", True)
            assert 1 <= error["retry_after"] <= 3600
            for frame in ({"type": "ping"}, "{", {"type": "interrupt"}):
                await chat.send(frame)
                assert (await chat.expect("error"))["code"] == "rate_limited"
        refusal: httpx.Response = await alice.http.get("/api/auth/me")
        too_many(refusal)
        for client in (alice, *others):
            await client.close()
