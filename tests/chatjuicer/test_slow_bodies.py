"""Who sends a body byte by byte, or stops in its middle, holds nothing for long."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from chatjuicer import asgi

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/api/auth/login",
    "headers": [(b"host", b"testserver"), (b"content-length", b"1000")],
}


async def answered(receive: Any) -> Mapping[str, Any]:
    """The beginning of the answer."""
    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await asgi.HTTP()(SCOPE, receive, send)
    return sent[0]


async def test_a_body_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STILL_S", 0.05)

    async def silent() -> Mapping[str, Any]:
        return await asyncio.Future()

    start = await answered(silent)
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]


async def test_a_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STILL_S", 0.05)
    pieces = 0

    async def drip() -> Mapping[str, Any]:
        nonlocal pieces
        pieces += 1
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert (await answered(drip))["status"] == 408
    assert pieces < 100
