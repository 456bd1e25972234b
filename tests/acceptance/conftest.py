"""One site for all these tests, talked to over HTTP and WebSocket only; TEST_PROFILE chooses its database."""

import os
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest

from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site

PROFILE = os.environ.get("TEST_PROFILE", "sqlite")
# Short enough that a test can wait for them, long enough for a busy machine.
TIMES = {"LEASE_S": "4", "SHUTDOWN_GRACE_S": "1", "MODEL_STALL_TIMEOUT_S": "4", "MODEL_PATIENCE_S": "3"}


@pytest.fixture(scope="session")
def the_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(the_provider: Provider) -> Iterator[Provider]:
    """The model behind the site; whatever it had to refuse fails the test."""
    the_provider.reset()
    yield the_provider
    violations, the_provider.violations = the_provider.violations, []
    the_provider.reset()
    assert violations == []


@pytest.fixture(scope="session")
def site(the_provider: Provider) -> Iterator[Site]:
    with Site(PROFILE, the_provider.url, **TIMES) as site:
        yield site


@pytest.fixture(scope="session")
def chat_completions_site(the_provider: Provider) -> Iterator[Site]:
    with Site(PROFILE, the_provider.url, processes=1, OPENAI_API="chat_completions", **TIMES) as site:
        yield site


@pytest.fixture(autouse=True)
def quiet_log(site: Site) -> Iterator[None]:
    """No test may leave an error in the server's log, unless it says that it will (`loud`)."""
    before = len(site.logs())
    yield
    errors = [line for line in site.logs()[before:].splitlines() if '"level":"error"' in line or "Traceback" in line]
    assert errors == []


@pytest.fixture(scope="session")
def tokens(site: Site) -> dict[str, str]:
    answer = httpx.post(f"{site.url}/api/auth/login", json={"email": EMAIL, "password": PASSWORD}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return {"access": answer.json()["access_token"], "refresh": answer.json()["refresh_token"]}


@pytest.fixture
async def alice(site: Site, tokens: dict[str, str], provider: Provider) -> AsyncIterator[Client]:
    client = Client(site.url, tokens["access"])
    yield client
    await client.close()


@pytest.fixture
async def elsewhere(site: Site, tokens: dict[str, str]) -> AsyncIterator[Client]:
    """Alice at another process, where there is one."""
    client = Client(site.servers[-1].url, tokens["access"])
    yield client
    await client.close()


@pytest.fixture
async def mallory(site: Site) -> AsyncIterator[Client]:
    client = await Client(site.url).register(f"mallory-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


@pytest.fixture
async def stranger(site: Site) -> AsyncIterator[Client]:
    """Nobody: no credentials, and seen to come from elsewhere."""
    client = Client(site.url)
    client.http.headers["X-Forwarded-For"] = "203.0.113.7"
    yield client
    await client.close()


@pytest.fixture
async def session(alice: Client) -> str:
    return await alice.create_session()
