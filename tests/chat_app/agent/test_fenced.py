"""HTTP to servers that people name goes to the address that was checked, and to no other."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from chat_app.agent.mcp import fenced
from chat_app.agent.mcp.fenced import Trail, fenced_client
from chat_app.agent.mcp.transport import MAX_STREAMS
from tests.harness.answering import answering
from tests.harness.receiver import Receiver


@pytest.mark.parametrize(
    ("networks", "url", "why"),
    [
        ([], "https://127.0.0.1:443/", "not_public"),
        ([], "https://localhost/", "not_public"),
        ([], "https://0x7f.1/", "not_public"),
        ([], "https://[::ffff:10.0.0.1]/", "not_public"),
        ([], "http://1.1.1.1/", "not_public"),  # anybody on the way could read it
        ([], "https://1.1.1.1:6379/", "not_public"),
        (["10.0.0.0/8"], "http://127.0.0.1:1/", "not_public"),
        (["127.0.0.1"], "http://127.0.0.1:1/", "no_answer"),
        ([], "https://no-such-host.invalid/", "no_such_host"),
    ],
)
async def test_nobody_is_reached_where_only_the_server_may_be(
    settings: Any, networks: list[str], url: str, why: str
) -> None:
    settings.MCP_NETWORKS = networks
    trail = Trail()
    async with fenced_client(trail) as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(url)
    assert trail.reason == why


async def test_a_name_leads_to_the_address_that_was_checked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MCP_NETWORKS = ["127.0.0.1"]
    asked: list[str] = []

    async def resolved(host: str, port: int, timeout_s: float | None) -> list[str]:
        asked.append(host)
        return ["10.0.0.1", "127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    monkeypatch.setattr(fenced, "resolved", resolved)
    with Receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        trail = Trail()
        async with fenced_client(trail) as client:
            answer = await client.post(f"http://somewhere.example.org:{port}/one", content=b"{}")
            assert answer.status_code == 201
        async with fenced_client(trail) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.post(f"http://somewhere.example.org:{port}/two", content=b"{}")
        assert [posted.path for posted in receiver.posted] == ["/one"]
    assert trail.error == "not_public"


async def test_a_redirect_is_not_followed_elsewhere(settings: Any) -> None:
    settings.MCP_NETWORKS = ["127.0.0.1"]
    with Receiver() as receiver:
        receiver.answers["/"] = [307]
        async with fenced_client(Trail()) as client:
            assert (await client.post(f"{receiver.url}/", content=b"{}")).status_code == 307
        assert len(receiver.posted) == 1


async def events(path: str) -> AsyncIterator[bytes]:
    """Of `/<number>/<bytes of one>`."""
    _, number, size = path.split("/")
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    yield (b"data: " + b"x" * int(size) + b"\n\n") * int(number)


async def test_a_server_says_only_so_much_unasked(settings: Any) -> None:
    settings.MCP_NETWORKS = ["127.0.0.1"]
    async with answering(events) as streaming, fenced_client(Trail()) as client:

        async def listen(number: int, size: int = 1) -> None:
            await client.get(f"{streaming}/{number}/{size}", headers={"Accept": "text/event-stream"})

        async def said_too_much() -> None:
            with pytest.raises(httpx2.ReadError, match="unasked"):
                await listen(1)
            await client.post(f"{streaming}/1/1")  # we have asked again

        for _ in range(MAX_STREAMS):  # each of which ends by itself, and is opened again
            await listen(1)
        await said_too_much()
        for _ in range(2):
            with pytest.raises(httpx2.ReadError, match="unasked"):
                await listen(10_000)
            await said_too_much()
        await listen(2, 400_000)
        with pytest.raises(httpx2.ReadError, match="unasked"):
            await listen(1, 400_000)
        await client.post(f"{streaming}/3/800000")  # what answers may be long
        with pytest.raises(httpx2.ReadError, match="unasked"):
            await client.post(f"{streaming}/10000/1")
