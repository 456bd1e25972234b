"""The product for a server that does not speak ASGI's lifespan (daphne): started by the first connection."""

import asyncio
from typing import Any

from chatjuicer.asgi import application as product

_starting: asyncio.Task[Any] | None = None


async def application(scope: Any, receive: Any, send: Any) -> None:
    global _starting
    if _starting is None:
        _starting = asyncio.create_task(_start())
    await asyncio.shield(_starting)
    await product(scope, receive, send)


async def _start() -> None:
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    inbox.put_nowait({"type": "lifespan.startup"})

    async def send(message: dict[str, str]) -> None:
        started.set_result(None)

    _living.add(asyncio.create_task(product({"type": "lifespan"}, inbox.get, send)))
    await started


_living: set[asyncio.Task[None]] = set()
