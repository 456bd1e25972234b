"""The agent, loaded while the process serves: the Agents SDK is two thirds of what it imports. This module imports none
of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chat_app.runs.contract import Agent


async def load() -> Agent:
    """The agent, warm: its first run is as fast as its second. Raises whatever keeps it from being imported or from
    answering."""
    global _shut_down
    agent, start_up, shut_down = await asyncio.to_thread(_import_and_warm_up)
    start_up()
    _shut_down = shut_down
    return agent


async def unload() -> None:
    """What its runs have left open."""
    if _shut_down is not None:
        await _shut_down()


_shut_down: Callable[[], Awaitable[None]] | None = None  # once it is loaded


def _import_and_warm_up() -> tuple[Agent, Callable[[], None], Callable[[], Awaitable[None]]]:
    """In a thread with a loop of its own: what takes long costs the clients that are served meanwhile no more than a
    share of the interpreter."""
    from .lifecycle import shut_down, start_up, warm_up  # noqa: PLC0415
    from .sdk_agent import SdkAgent  # noqa: PLC0415

    asyncio.run(warm_up())
    return SdkAgent(), start_up, shut_down
