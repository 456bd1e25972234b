"""One site for all these tests, talked to over HTTP and WebSocket only; TEST_PROFILE chooses its database."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(TIMES)


@pytest.fixture(scope="module")
def chat_completions_site(sites: Sites) -> Site:
    return sites.get({"OPENAI_API": "chat_completions", **TIMES}, processes=1)


@pytest.fixture(autouse=True)
def quiet_log(site: Site) -> Iterator[None]:
    """No test may leave an error in the server's log, unless it says that it will (`loud`)."""
    before = len(site.logs())
    yield
    errors = [line for line in site.logs()[before:].splitlines() if '"level":"error"' in line or "Traceback" in line]
    assert errors == []


@pytest.fixture
async def alice(site: Site, provider: Provider) -> AsyncIterator[Client]:
    client = await Client(site.url).login()
    yield client
    await client.close()


@pytest.fixture
async def elsewhere(site: Site, alice: Client) -> AsyncIterator[Client]:
    """Alice at another process, where there is one."""
    client = alice.at(site.servers[-1].url)
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
