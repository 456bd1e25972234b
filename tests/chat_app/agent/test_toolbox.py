"""Which MCP servers a process keeps."""

import asyncio
import time

import pytest

from chat_app.agent.mcp import toolbox
from chat_app.agent.mcp.server import Server
from chat_app.database import in_database
from chatjuicer.accounts.models import User
from sessions_app.models import McpServer


@pytest.mark.django_db(transaction=True)
async def test_what_is_idle_or_deleted_is_not_kept(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolbox, "LOOK_S", 0.01)

    def made() -> list[McpServer]:
        names = ("idle", "deleted", "again", "used")
        rows = [McpServer.objects.add(alice, name, f"https://{name}.example.org/mcp") for name in names]
        for row in rows:
            row.connect()
        return rows

    idle, deleted, again, used = await in_database(made)
    keeping = [toolbox.own_server(row) for row in (idle, deleted, again, used)]
    keeping[0].used_at = time.monotonic() - toolbox.IDLE_S - 1
    await in_database(deleted.delete)
    await in_database((await in_database(McpServer.objects.get, pk=again.pk)).connect)

    def kept() -> list[Server]:
        return [one for one in keeping if one in toolbox._servers.values()]

    async with asyncio.timeout(10):
        while len(kept()) > 1:
            await asyncio.sleep(0.01)
    assert kept() == [keeping[3]]
    assert not await keeping[1].ready(1), "a run that has it still does not start it again"
    await toolbox.stop_all()
