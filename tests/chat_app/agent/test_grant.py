"""What authorization servers give and say: how much of it is kept, and how long one may take."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from mcp.client.auth import OAuthFlowError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyUrl

from chat_app.agent.mcp import grant
from chat_app.agent.mcp.grant import Grant, Provider
from chat_app.agent.mcp.own_server import wanting
from chatjuicer.accounts.sealing import seal
from sessions_app.models import McpServer
from sessions_app.models.mcp_server import PURPOSE
from tests.harness.answering import answering

CALLBACK = "https://chat.example.org/callback"


def given(access: str = "access", scope: str | None = None) -> Grant:
    client = OAuthClientInformationFull(client_id="us", redirect_uris=[AnyUrl(CALLBACK)])
    return Grant(client=client, tokens=OAuthToken(access_token=access, refresh_token="refresh", scope=scope))


async def drips(_: str) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
    for _byte in range(10_000):
        yield b" "
        await asyncio.sleep(0.02)


async def says_what_is_no_text(_: str) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1\r\n\r\n\xff"


async def test_one_that_drips_is_given_up(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MCP_NETWORKS = ["127.0.0.1"]
    monkeypatch.setattr(grant, "DEADLINE_S", 0.3)
    async with answering(drips) as url:
        with pytest.raises(httpx2.ReadTimeout):
            await Provider(f"{url}/mcp", given()).renew()
        with pytest.raises(httpx2.ReadTimeout):
            await Provider(f"{url}/mcp", given(), CALLBACK).redeem("code", "verifier", None)


async def test_what_is_no_text_and_no_address_is_no_token(settings: Any) -> None:
    settings.MCP_NETWORKS = ["127.0.0.1"]
    async with answering(says_what_is_no_text) as url:
        with pytest.raises(OAuthFlowError):
            await Provider(f"{url}/mcp", given(), CALLBACK).redeem("code", "verifier", None)
    with pytest.raises(OAuthFlowError):
        await Provider("https://example.org:port/mcp", given()).renew()


def test_no_more_is_kept_than_anybody_needs() -> None:
    assert Grant.read(given("a" * 10_000).text())
    with pytest.raises(OAuthFlowError):
        given("a" * 70_000).text()


def test_what_a_call_lacks_is_asked_for_with_what_there_was() -> None:
    row = McpServer(sealed_grant=seal(given(scope="read list").text(), PURPOSE))
    kept = Grant.read(wanting("write read", row))
    assert kept is not None
    assert kept.wanted_scope == "read list write"
    assert wanting(None, row) == wanting("s" * 70_000, row) == ""
