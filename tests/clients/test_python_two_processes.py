"""A client that comes to another process of the same site after each loss."""

import pytest

from chatjuicer_client import AsyncClient, Ended, Text
from tests.clients.relay import Relay
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site

pytestmark = pytest.mark.only("postgres", reason="SQLite has one process")


@pytest.mark.timing(reason="a lease of a killed process runs out")
async def test_an_answer_goes_on_at_another_process_and_ends_once_when_its_own_is_killed(
    site: Site, provider: Provider
) -> None:
    first, second = site.servers
    async with Relay(first.url) as relay, AsyncClient(relay.url, trust_env=False) as client:
        await client.sign_in(EMAIL, PASSWORD)
        session = await client.create_session()
        exchange = session.chat("say 90 words; gate moved after 20; gate killed after 50")
        moves = {"word20": (second, "moved"), "word50": (second, "killed")}
        async for event in exchange:
            for word in [word for word in moves if isinstance(event, Text) and word in exchange.text]:
                target, gate = moves.pop(word)
                relay.target = target.url
                relay.cut()
                if gate == "killed":
                    first.kill()
                provider.open_gate(gate)
        assert moves == {}
        assert isinstance(exchange.ended, Ended)
        assert exchange.ended.finish_reason == "error"
        assert exchange.failure is not None
        assert exchange.failure.code == "process_lost"
        messages = [(message.role, message.content) async for message in session.messages()]
        assert messages[1] == ("assistant", exchange.text)
        assert len(messages) == 2
        assert (await session.ask("echo on")).text == "on"
