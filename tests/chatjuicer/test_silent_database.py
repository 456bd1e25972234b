"""PostgreSQL behind something that swallows what it is sent. Nothing is closed, so that only time tells."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.services import until
from tests.harness.silence import Proxy

pytestmark = pytest.mark.only("postgres", reason="SQLite is no connection")

STATEMENT_TIMEOUT_S = 2.0


class ProxiedSite(Site):
    def __init__(self) -> None:
        super().__init__("postgres", processes=1, DATABASE_STATEMENT_TIMEOUT_S=str(STATEMENT_TIMEOUT_S))
        parts = urlsplit(self.database_url)
        assert parts.port is not None
        self.proxy = Proxy(parts.port)
        user = f"{parts.username}@" if parts.username else ""
        proxied = parts._replace(netloc=f"{user}127.0.0.1:{self.proxy.port}")
        for server in self.servers:
            server.environment["DATABASE_URL"] = urlunsplit(proxied)


@pytest.fixture(scope="module")
def site() -> Iterator[ProxiedSite]:
    with ProxiedSite() as site, site.proxy:
        yield site


@pytest.fixture
def alice(site: ProxiedSite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=30, trust_env=False) as client:
        tokens = client.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client


def test_a_silent_database_is_told_and_got_over(site: ProxiedSite, alice: httpx.Client) -> None:
    assert alice.get("/api/sessions").status_code == 200
    site.proxy.silence()
    until(lambda: alice.get("/api/health/ready").status_code == 503, "the server is not ready", 5)
    assert "database" in alice.get("/api/health/ready").json()["message"]

    began = time.monotonic()
    assert alice.get("/api/health/live").status_code == 200
    assert time.monotonic() - began < 5
    refused = alice.get("/api/sessions")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    refused = alice.post("/api/sessions", json={})
    assert refused.status_code == 503
    assert time.monotonic() - began < 25

    site.proxy.speak()
    until(lambda: alice.get("/api/health/ready").status_code == 200, "the server is ready again", 60)
    until(lambda: alice.post("/api/sessions", json={}).status_code == 201, "sessions can be made", 30)


def test_only_what_serves_is_bounded(site: ProxiedSite) -> None:
    show = (
        "from django.db import connection\n"
        "with connection.cursor() as cursor:\n"
        "    cursor.execute('SHOW statement_timeout')\n"
        "    print(cursor.fetchone()[0])"
    )
    assert site.manage("shell", "--no-imports", "-c", show).strip() == "0"
    serving = f"from chatjuicer.databases import prepare_to_serve\nprepare_to_serve()\n{show}"
    site.environment["DATABASE_STATEMENT_TIMEOUT_S"] = "7"
    assert site.manage("shell", "--no-imports", "-c", serving).strip() == "7s"
