"""A server serves before the agent has been loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chatjuicer.loading.sitecustomize import VARIABLE
from tests.harness.after_loading import python_path
from tests.harness.client import signed_in, text_of
from tests.harness.server import Server, Site
from tests.harness.sites import Sites

pytestmark = pytest.mark.only("sqlite", reason="nothing of it is the database's")


class Hold:
    """On the agent of whatever is started."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self) -> None:
        self.path.touch()

    def release(self) -> None:
        self.path.unlink()

    def fail(self, error: str) -> None:
        self.path.write_text(error)


@pytest.fixture(scope="module")
def hold(tmp_path_factory: pytest.TempPathFactory) -> Hold:
    return Hold(tmp_path_factory.mktemp("loading") / "held")


@pytest.fixture(scope="module")
def site(sites: Sites, hold: Hold) -> Iterator[Site]:
    environment = {"PYTHONPATH": python_path(Path(__file__).parent / "loading"), VARIABLE: str(hold.path)}
    with sites.own(environment, processes=1, demo=True) as site:
        yield site


@pytest.fixture
def server(site: Site, hold: Hold) -> Server:
    """Serves, and has no agent."""
    [server] = site.servers
    if server.process is not None:
        server.kill()
    hold.take()
    server.start()
    server.wait(for_agent=False)
    return server


def health(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{server.url}/api/health", trust_env=False).json()
    return answer


async def test_a_message_is_accepted_and_answered_when_the_agent_is_there(server: Server, hold: Hold) -> None:
    assert (health(server)["agent"], health(server)["status"]) == ("loading", "healthy")
    async with signed_in(server.url) as alice:
        session = await alice.create_session()
        async with alice.chat(session) as chat:
            await chat.say("count to 3")
            await chat.expect("accepted")
            assert (await alice.detail(session))["session"]["state"] == "queued"
            hold.release()
            assert (await chat.expect("stream_end"))["finish_reason"] == "stop"
            assert text_of(chat.frames) == "Counting as the offline demo model: 1, 2, 3."
    assert health(server)["agent"] == "ok"


async def test_a_message_that_was_accepted_outlives_a_server_that_gets_no_agent(server: Server, hold: Hold) -> None:
    async with signed_in(server.url) as alice:
        session = await alice.create_session()
        async with alice.chat(session) as chat:
            await chat.say("count to 3")
            await chat.expect("accepted")
            hold.fail("there is no agent")
            await chat.wait_closed()
    assert server.process is not None
    assert server.process.wait(10) == 1
    log = server.log.read_text()
    assert "the agent cannot be loaded" in log
    server.process = None

    hold.release()
    server.restart()
    async with signed_in(server.url) as alice, alice.chat(session, after=0) as chat:
        await chat.expect("stream_end")
        assert text_of(chat.frames) == "Counting as the offline demo model: 1, 2, 3."
