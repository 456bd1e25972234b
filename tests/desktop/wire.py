"""One socket of the client, with the states of a browser's WebSocket, and what became of the texts that it took."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from tests.desktop.dialects import Frame

ABNORMAL = 1006


class State(Enum):
    CONNECTING = 0
    OPEN = 1
    CLOSED = 3


@dataclass(slots=True)
class Sent:
    """One `message` frame, which bears no name: whether it arrived is known only where the server says something."""

    session_id: str
    texts: list[str]
    arrived: bool = False
    refused: bool = False


class Wire:
    def __init__(
        self,
        address: str,
        agent: str,
        on_frame: Callable[[Wire, Frame], None],
        on_close: Callable[[Wire, int], None],
        on_open: Callable[[Wire], None],
        origin: str | None = None,
    ) -> None:
        self.state = State.CONNECTING
        self.expires_at = float("inf")
        """When the access token expires that it was opened with; seconds since 1970."""
        self.frames = 0
        self._address, self._agent, self._origin = address, agent, origin
        self._on_frame, self._on_close, self._on_open = on_frame, on_close, on_open
        self._connection: ClientConnection | None = None
        self._when_open: list[tuple[Frame, Sent | None]] = []
        self._unanswered: deque[Sent] = deque()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        code = ABNORMAL
        try:
            async with connect(
                self._address,
                user_agent_header=self._agent,
                origin=Origin(self._origin) if self._origin else None,
                max_size=None,
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=5,
                close_timeout=1,
            ) as connection:
                self._connection, self.state = connection, State.OPEN
                self._on_open(self)
                for frame, sent in self._when_open:
                    await self._put(frame, sent)
                try:
                    while True:
                        self._take(json.loads(await connection.recv()))
                except ConnectionClosed:
                    code = connection.close_code or ABNORMAL
        except (OSError, EOFError, TimeoutError, InvalidHandshake, ConnectionClosed):
            pass  # nobody there: a closed socket like any other
        self.state = State.CLOSED
        self._on_close(self, code)

    def _take(self, frame: Frame) -> None:
        self.frames += 1
        if self._unanswered and frame["type"] == "accepted":
            self._unanswered.popleft().arrived = True
        elif self._unanswered and frame["type"] == "error" and "seq" not in frame:
            self._unanswered.popleft().refused = True
        self._on_frame(self, frame)

    async def send(self, frame: Frame, sent: Sent | None = None) -> None:
        """At once, or as soon as it is open; what is sent into a socket that closes is gone, as it is in life."""
        if self.state is State.CONNECTING:
            self._when_open.append((frame, sent))
        elif self.state is State.OPEN:
            await self._put(frame, sent)

    async def _put(self, frame: Frame, sent: Sent | None) -> None:
        assert self._connection is not None
        if sent is not None:
            self._unanswered.append(sent)
        with suppress(ConnectionClosed):  # the reader says so
            await self._connection.send(json.dumps(frame, ensure_ascii=False))

    def unanswered(self) -> list[Sent]:
        return list(self._unanswered)

    def drop(self) -> None:
        """The network is gone: no close frame, in neither direction."""
        if self._connection is not None:
            self._connection.transport.abort()
        elif self.state is State.CONNECTING:
            self._task.cancel()
            self.state = State.CLOSED
            self._on_close(self, ABNORMAL)

    def forget(self) -> None:
        """The client is gone, and nobody is there to hear of the close."""
        self._on_frame = self._on_close = _nobody
        self.drop()

    async def ended(self) -> None:
        await asyncio.wait([self._task])


def _nobody(*_: Any) -> None:
    pass
