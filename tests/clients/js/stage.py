"""What a program asks of the world around it, a JSON line for each: that its server dies, that its way there is cut."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from tests.clients.relay import Relay
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site


class Stage:
    def __init__(self, site: Site, provider: Provider, relay: Relay) -> None:
        self._site, self._provider, self._relay = site, provider, relay
        self._acts: dict[str, Callable[..., Awaitable[object]]] = {
            "kill": self._kill,
            "cut": self._cut,
            "swallow": self._swallow,
            "gate": self._open_gate,
        }

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        await asyncio.to_thread(self._site.servers[0].wait)  # who comes next finds it serving

    @property
    def environment(self) -> dict[str, str]:
        return {
            "STAGE_PORT": str(self._server.sockets[0].getsockname()[1]),
            "SITE_URL": self._site.url,
            "RELAY_URL": self._relay.url,
            "EMAIL": EMAIL,
            "PASSWORD": PASSWORD,
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked: dict[str, Any] = json.loads(line)
            await self._acts[asked.pop("act")](**asked)
            writer.write(b"done\n")
        writer.close()

    async def _kill(self) -> None:
        """At once, with all that is connected to it; another one is started in its place."""
        server = self._site.servers[0]
        await asyncio.to_thread(server.kill)
        self._relay.cut()
        server.start()

    async def _cut(self) -> None:
        self._relay.cut()

    async def _swallow(self, text: str, times: int) -> None:
        self._relay.swallow(text, times)

    async def _open_gate(self, name: str) -> None:
        self._provider.open_gate(name)
