"""How a process gets at tokens that another renews."""

import asyncio

import httpx2
import pytest
from django.db import transaction
from django.utils import timezone
from mcp.shared.auth import OAuthToken

from chat_app.agent.mcp.grant import Grant
from chat_app.agent.mcp.own_server import StoredAuth
from chat_app.database import in_database
from chatjuicer.accounts.models import User
from sessions_app.models import McpServer


def lasting_no_time(access: str) -> Grant:
    return Grant(tokens=OAuthToken(access_token=access, refresh_token="refresh"))


@pytest.mark.django_db(transaction=True)
async def test_who_waits_for_tokens_has_the_next_ones_however_short_they_last(alice: User) -> None:
    def connected() -> McpServer:
        server = McpServer.objects.add(alice, "notes", "https://mcp.example.org/mcp")
        server.connect(lasting_no_time("first").text(), timezone.now())
        assert server.begin_renewal()
        return server

    def renew_twice(other: McpServer) -> None:
        with transaction.atomic():
            other.renew(lasting_no_time("second").text(), timezone.now())
            assert other.begin_renewal(), "it needs the next ones at once"

    other = await in_database(connected)
    flow = StoredAuth(other).async_auth_flow(httpx2.Request("POST", "https://mcp.example.org/mcp"))
    waiting = asyncio.ensure_future(anext(flow))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    await in_database(renew_twice, other)
    async with asyncio.timeout(20):
        assert (await waiting).headers["Authorization"] == "Bearer second"
    await flow.aclose()
