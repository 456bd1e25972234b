"""What the channel layer does wrong, which costs nothing but time."""

import asyncio
import logging
from uuid import uuid4

import pytest
from channels.layers import InMemoryChannelLayer

from chat_app.delivery.hub import Hub
from chat_app.delivery.layer import Layer
from chatjuicer.observability import seldom


class Silent(InMemoryChannelLayer):
    async def group_send(self, group: str, message: dict[str, object]) -> None:
        raise ConnectionError


async def test_a_layer_that_does_not_answer_is_told_of_once_in_a_while(
    hub: Hub, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Layer(hub)
    layer._channel_layer = Silent()

    async def fail(times: int) -> list[str]:
        caplog.clear()
        for _ in range(times):
            layer.announce_control(uuid4(), "{}")
        await asyncio.gather(*layer._sending)
        return caplog.messages

    caplog.set_level(logging.WARNING, logger="chat_app.delivery.layer")
    assert await fail(20) == ["layer: requests to the channel layer that failed: 1 (ConnectionError)"]
    assert await fail(5) == []
    monkeypatch.setattr(seldom, "TELL_EVERY_S", 0.0)
    assert await fail(1) == ["layer: requests to the channel layer that failed: 25 (ConnectionError)"]
