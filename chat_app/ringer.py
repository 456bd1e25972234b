"""The hub's line to the other processes: the channel layer, used as a doorbell that carries the letter.

A session's group has processes as members, not sockets. Per session at most one letter is under way; what is committed
meanwhile goes into the next one. Nothing here is needed for correctness: a process that hears nothing finds the log by
its poll, so every failure of the layer is logged and passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from uuid import UUID

import msgspec
from channels.layers import get_channel_layer
from django.conf import settings

from .protocol import Record

logger = logging.getLogger(__name__)

MAX_LETTER_CHARS = 128 * 1024  # above it, the bell rings without the letter
LAYER_TIMEOUT_S = 3.0
REJOIN_S = 1.0
QUEUE_GROUP = "queued-runs"


class Listener(Protocol):
    def hear(self, records: list[Record]) -> None: ...

    def hear_gone(self, session_pk: UUID) -> None: ...

    def hear_forgotten(self, session_pk: UUID) -> None: ...


class Ringer:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._layer = get_channel_layer() if settings.REDIS_URL else None
        self._name = ""
        self._wanted: set[str] = set()
        self._joined: set[str] = set()
        self._letters: dict[UUID, list[Record]] = {}
        self._delivering: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[bool]] = set()
        self.on_queue: Callable[[], None] | None = None

    async def start(self) -> None:
        if self._layer is not None:
            self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._rejoin())]
            await self._join_group(QUEUE_GROUP)

    async def stop(self) -> None:
        if self._delivering is not None:
            await asyncio.wait([self._delivering], timeout=LAYER_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()

    # -- out

    def ring(self, records: list[Record]) -> None:
        if self._layer is None:
            return
        for record in records:
            self._letters.setdefault(record.session_pk, []).append(record)
        if self._delivering is None:
            self._delivering = asyncio.create_task(self._deliver())

    def ring_gone(self, session_pk: UUID) -> None:
        self._send_soon(group_of(session_pk), {"type": "hub.gone", "session_pk": session_pk.hex})

    def ring_forgotten(self, session_pk: UUID) -> None:
        self._send_soon(group_of(session_pk), {"type": "hub.forgotten", "session_pk": session_pk.hex})

    def ring_queue(self) -> None:
        self._send_soon(QUEUE_GROUP, {"type": "hub.queue"})

    async def _deliver(self) -> None:
        try:
            while self._letters:
                session_pk = next(iter(self._letters))
                records = self._letters.pop(session_pk)
                if sum(len(record.payload) for record in records) > MAX_LETTER_CHARS:
                    records = records[-1:] if len(records[-1].payload) < MAX_LETTER_CHARS else []
                letter = {
                    "type": "hub.records",
                    "session_pk": session_pk.hex,
                    "records": _letters.encode(records),
                }
                await self._try(self._send(group_of(session_pk), letter))
        finally:
            self._delivering = None

    def _send_soon(self, group: str, message: dict[str, Any]) -> None:
        if self._layer is not None:
            task = asyncio.create_task(self._try(self._send(group, message)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        assert self._layer is not None
        await self._layer.group_send(group, {**message, "from": self._name})

    # -- in

    async def join(self, session_pk: UUID) -> None:
        await self._join_group(group_of(session_pk))

    async def leave(self, session_pk: UUID) -> None:
        group = group_of(session_pk)
        self._wanted.discard(group)
        if self._layer is not None and group in self._joined:
            self._joined.discard(group)
            await self._try(self._layer.group_discard(group, self._name))

    async def _join_group(self, group: str) -> None:
        if self._layer is None:
            return
        self._wanted.add(group)
        if not self._name:
            await self._try(self._open())
        if self._name and await self._try(self._layer.group_add(group, self._name)):
            self._joined.add(group)

    async def _open(self) -> None:
        assert self._layer is not None
        self._name = self._name or await self._layer.new_channel()

    async def _rejoin(self) -> None:
        """Ask again for the groups that could not be joined."""
        while True:
            await asyncio.sleep(REJOIN_S)
            for group in self._wanted - self._joined:
                await self._join_group(group)

    async def _receive(self) -> None:
        assert self._layer is not None
        while True:
            if not self._name:
                await asyncio.sleep(0.05)
                continue
            try:
                self._hear(await self._layer.receive(self._name))
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.warning("ringer: the channel layer failed while receiving", exc_info=True)
                await asyncio.sleep(REJOIN_S)

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("from") == self._name:
            return
        match message["type"]:
            case "hub.records":
                self._listener.hear(_letters_in.decode(message["records"]))
            case "hub.gone":
                self._listener.hear_gone(UUID(message["session_pk"]))
            case "hub.forgotten":
                self._listener.hear_forgotten(UUID(message["session_pk"]))
            case "hub.queue" if self.on_queue:
                self.on_queue()

    async def _try(self, request: Awaitable[None]) -> bool:
        try:
            await asyncio.wait_for(request, LAYER_TIMEOUT_S)
        except Exception as error:
            logger.warning("ringer: the channel layer did not answer (%s)", type(error).__name__)
            return False
        return True


def group_of(session_pk: UUID) -> str:
    return f"session.{session_pk.hex}"


_letters = msgspec.msgpack.Encoder()
_letters_in: msgspec.msgpack.Decoder[list[Record]] = msgspec.msgpack.Decoder(list[Record])
