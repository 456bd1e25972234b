"""PostgreSQL that refuses connections: for a moment, which nobody sees, and for longer, which costs nobody more."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from chatjuicer.observability.seldom import TELL_EVERY_S
from tests.faults.site import FaultySite
from tests.faults.talkers import sign_in
from tests.harness.client import Client
from tests.harness.services import until

pytestmark = pytest.mark.only("postgres", reason="SQLite is always there")

CALLERS = 24  # more than the threads that requests run in
AWAY_S = 9.0
"""A pool left to itself asks after 1, 3, 7 and 15 s."""


@pytest.fixture
async def alice(site: FaultySite) -> AsyncIterator[Client]:
    client = await sign_in(site)
    yield client
    await client.close()


@contextmanager
def no_connection_left(url: str) -> Iterator[None]:
    """All that the database gives are taken, as fast as it gives them."""
    with ExitStack() as held:
        with suppress(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(url))
        yield


async def ask_for_all(alice: Client) -> list[httpx.Response]:
    lists = [alice.http.get("/api/sessions", timeout=60) for _ in range(CALLERS // 3)]
    figures = [alice.http.get("/api/usage", timeout=60) for _ in range(CALLERS // 3)]
    made = [alice.http.post("/api/sessions", json={}, timeout=60) for _ in range(CALLERS // 3)]
    return await asyncio.gather(*lists, *figures, *made)


@pytest.mark.timing(reason="what is being read in the moment of the stop is refused")
async def test_nobody_sees_a_restart(site: FaultySite, alice: Client) -> None:
    for _ in range(2):
        assert all(answer.is_success for answer in await ask_for_all(alice))  # each thread has a connection
        site.postgres.stop()
        site.postgres.start()
        assert [answer.text for answer in await ask_for_all(alice) if not answer.is_success] == []
    session = await alice.create_session()
    async with alice.chat(session, after=0) as chat:
        assert (await chat.ask("hello"))[-1]["type"] == "stream_end"
        await asyncio.to_thread(site.postgres.stop)
        await asyncio.to_thread(site.postgres.start)
        assert (await chat.ask("hello again"))[-1]["finish_reason"] == "stop"


@pytest.mark.timing(reason="callers are refused and served by a process that has to have the processor")
async def test_a_long_absence_holds_no_caller_and_ends_at_once(site: FaultySite, alice: Client) -> None:
    assert all(answer.is_success for answer in await ask_for_all(alice))
    since = datetime.now(UTC).isoformat()
    async with alice.chat(await alice.create_session()):
        site.postgres.stop()
        began = time.monotonic()
        try:
            await ask_for_all(alice)  # these learn it
            asked = time.monotonic()
            answers = await ask_for_all(alice)
            took_s = time.monotonic() - asked
            assert {answer.status_code for answer in answers} == {503}
            assert all("retry-after" in answer.headers for answer in answers)
            assert took_s < 8  # one of them asks the database, for three seconds
            while time.monotonic() - began < AWAY_S:
                await asyncio.sleep(0.2)
        finally:
            site.postgres.start()

    def is_ready() -> bool:
        return httpx.get(f"{site.url}/api/health/ready", trust_env=False).status_code == 200

    await asyncio.to_thread(until, is_ready, "the process is ready", 5)
    assert all(answer.is_success for answer in await ask_for_all(alice))
    stacks = stacks_in(site.logs(), since)
    assert stacks  # of some kinds perhaps none, which were told of shortly before
    assert max(stacks.values()) <= len(site.servers) * (1 + (time.monotonic() - began) / TELL_EVERY_S), stacks


def stacks_in(logs: str, since: str) -> Counter[str]:
    """How many there are of each kind of line, whose count comes after its last colon."""
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    told = [line["message"] for line in lines if "exception" in line and line["at"] >= since]
    return Counter(message.rpartition(": ")[0] or message for message in told)


async def test_without_a_connection_more_those_that_are_there_serve(site: FaultySite, alice: Client) -> None:
    site.servers[0].kill()
    site.servers[0].restart()
    with no_connection_left(site.postgres.url):
        for _ in range(3):
            assert [answer.text for answer in await ask_for_all(alice) if not answer.is_success] == []
            await asyncio.sleep(2)  # in which more are asked for, and refused
        assert "too many clients" in site.logs()
    assert all(answer.is_success for answer in await ask_for_all(alice))
