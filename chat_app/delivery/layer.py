"""What tells the other processes: the channel layer, which is at-most-once by specification.

A log's group has processes as members, not sockets. Per log at most one message is under way; what is committed
meanwhile goes into the next one. Where no other process has the log open, which is so most often, a message a second is
sent, to which who has it open answers. Nothing here is needed for correctness: a process that receives nothing finds
the log by its poll, so every failure of the layer is logged and passed over.
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

from chat_app.protocol import Record
from chatjuicer.observability.seldom import SeldomLine

from .audience import Audience

logger = logging.getLogger(__name__)

MAX_MESSAGE_CHARS = 128 * 1024  # above it, at most the last record is sent; other processes read the log
LAYER_TIMEOUT_S = 3.0
REJOIN_S = 1.0
ASK_S = 0.7  # for other processes to say that they have a client of a log
QUEUE_GROUP = "queued-runs"


class Listener(Protocol):
    def receive_records(self, records: list[Record]) -> None: ...

    def receive_deleted(self, session_pk: UUID) -> None: ...

    def receive_forgotten(self, session_pk: UUID, up_to: int) -> None: ...

    def receive_control(self, session_pk: UUID, text: str) -> None: ...

    def has_listeners(self, session_pk: UUID) -> bool: ...


class Layer:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._channel_layer = get_channel_layer() if settings.REDIS_URL else None
        self._name = ""
        self._wanted: set[str] = set()
        self._joined: set[str] = set()
        self._unsent: dict[UUID, list[Record]] = {}
        self._audiences: dict[UUID, Audience] = {}  # of the logs that are open here
        self._delivering: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[bool]] = set()
        self._asked: dict[UUID, asyncio.Future[None]] = {}
        self.on_queue: Callable[[], None] | None = None
        self._failed = SeldomLine(logger, "layer: requests to the channel layer that failed")

    async def start(self) -> None:
        if self._channel_layer is not None:
            self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._rejoin())]
            await self._join_group(QUEUE_GROUP)

    async def stop(self) -> None:
        if self._delivering is not None:
            await asyncio.wait([self._delivering], timeout=LAYER_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()

    # -- out

    def announce(self, records: list[Record]) -> None:
        if self._channel_layer is None:
            return
        now = asyncio.get_running_loop().time()
        for record in records:
            audience = self._audiences.get(record.session_pk)
            if audience is not None and audience.is_missing(now):
                audience.unsent = record
            else:
                self._unsent.setdefault(record.session_pk, []).append(record)
        if self._unsent and self._delivering is None:
            self._delivering = asyncio.create_task(self._deliver())

    def announce_deleted(self, session_pk: UUID) -> None:
        self._send_soon(group_of(session_pk), {"type": "hub.gone", "session_pk": session_pk.hex})

    def announce_forgotten(self, session_pk: UUID, up_to: int) -> None:
        message = {"type": "hub.forgotten", "session_pk": session_pk.hex, "up_to": up_to}
        self._send_soon(group_of(session_pk), message)

    def announce_control(self, session_pk: UUID, text: str) -> None:
        self._send_soon(group_of(session_pk), {"type": "hub.control", "session_pk": session_pk.hex, "text": text})

    def announce_queued(self) -> None:
        self._send_soon(QUEUE_GROUP, {"type": "hub.queue"})

    async def is_watched(self, session_pk: UUID) -> bool:
        """Whether another process has a client of the log: the group is asked, and who has one answers."""
        if self._channel_layer is None:
            return False
        answered = self._asked.setdefault(session_pk, asyncio.get_running_loop().create_future())
        self._send_soon(group_of(session_pk), {"type": "hub.watched?", "session_pk": session_pk.hex})
        await asyncio.wait([answered], timeout=ASK_S)
        self._asked.pop(session_pk, None)
        return answered.done()

    def _say_watched(self, asker: str, session_pk: UUID) -> None:
        assert self._channel_layer is not None
        message = {"type": "hub.watched", "session_pk": session_pk.hex, "from": self._name}
        self._keep(asyncio.create_task(self._try(self._channel_layer.send(asker, message))))

    def _say_here(self, asker: str, session_pk: UUID) -> None:
        if session_pk in self._audiences:
            assert self._channel_layer is not None
            message = {"type": "hub.here", "session_pk": session_pk.hex, "from": self._name}
            self._keep(asyncio.create_task(self._try(self._channel_layer.send(asker, message))))

    def _hear(self, session_pk: UUID) -> None:
        if audience := self._audiences.get(session_pk):
            audience.hear(asyncio.get_running_loop().time())
            unsent, audience.unsent = audience.unsent, None
            if unsent is not None:
                self.announce([unsent])

    def _receive_watched(self, session_pk: UUID) -> None:
        answered = self._asked.get(session_pk)
        if answered is not None and not answered.done():
            answered.set_result(None)

    async def _deliver(self) -> None:
        try:
            while self._unsent:
                session_pk = next(iter(self._unsent))
                records = self._unsent.pop(session_pk)
                if sum(len(record.payload) for record in records) > MAX_MESSAGE_CHARS:
                    records = records[-1:] if len(records[-1].payload) < MAX_MESSAGE_CHARS else []
                message = {
                    "type": "hub.records",
                    "session_pk": session_pk.hex,
                    "records": _encoder.encode(records),
                    "asks": self._asks(session_pk),
                }
                await self._try(self._send(group_of(session_pk), message))
        finally:
            self._delivering = None

    def _asks(self, session_pk: UUID) -> bool:
        audience = self._audiences.get(session_pk)
        return audience is not None and audience.asks(asyncio.get_running_loop().time())

    def _send_soon(self, group: str, message: dict[str, Any]) -> None:
        if self._channel_layer is not None:
            self._keep(asyncio.create_task(self._try(self._send(group, message))))

    def _keep(self, task: asyncio.Task[bool]) -> None:
        """Holds the task until it is done: the event loop itself would not."""
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        assert self._channel_layer is not None
        await self._channel_layer.group_send(group, {**message, "from": self._name})

    # -- in

    async def join(self, session_pk: UUID) -> None:
        if self._channel_layer is None:
            return
        self._audiences[session_pk] = Audience()
        group = group_of(session_pk)
        await self._join_group(group)
        if group in self._joined:
            self._send_soon(group, {"type": "hub.here", "session_pk": session_pk.hex})

    async def leave(self, session_pk: UUID) -> None:
        self._audiences.pop(session_pk, None)
        group = group_of(session_pk)
        self._wanted.discard(group)
        if self._channel_layer is not None and group in self._joined:
            self._joined.discard(group)
            await self._try(self._channel_layer.group_discard(group, self._name))

    async def _join_group(self, group: str) -> None:
        if self._channel_layer is None:
            return
        self._wanted.add(group)
        if not self._name:
            await self._try(self._open())
        if self._name and await self._try(self._channel_layer.group_add(group, self._name)):
            self._joined.add(group)

    async def _open(self) -> None:
        assert self._channel_layer is not None
        self._name = self._name or await self._channel_layer.new_channel()

    async def _rejoin(self) -> None:
        """Ask again for the groups that could not be joined."""
        while True:
            await asyncio.sleep(REJOIN_S)
            for group in self._wanted - self._joined:
                await self._join_group(group)

    async def _receive(self) -> None:
        assert self._channel_layer is not None
        while True:
            if not self._name:
                await asyncio.sleep(0.05)
                continue
            try:
                self._dispatch(await self._channel_layer.receive(self._name))
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.warning("layer: the channel layer failed while receiving", exc_info=True)
                await asyncio.sleep(REJOIN_S)

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message.get("from") == self._name:
            return
        match message["type"]:
            case "hub.records":
                self._listener.receive_records(_decoder.decode(message["records"]))
                if message.get("asks"):
                    self._say_here(message["from"], UUID(message["session_pk"]))
            case "hub.here":
                self._hear(UUID(message["session_pk"]))
            case "hub.gone":
                self._listener.receive_deleted(UUID(message["session_pk"]))
            case "hub.forgotten":
                # A process of an older version does not say the number; the poll finds it.
                self._listener.receive_forgotten(UUID(message["session_pk"]), message.get("up_to", 0))
            case "hub.control":
                self._listener.receive_control(UUID(message["session_pk"]), message["text"])
            case "hub.watched?":
                if self._listener.has_listeners(UUID(message["session_pk"])):
                    self._say_watched(message["from"], UUID(message["session_pk"]))
            case "hub.watched":
                self._receive_watched(UUID(message["session_pk"]))
            case "hub.queue" if self.on_queue:
                self.on_queue()

    async def _try(self, request: Awaitable[None]) -> bool:
        try:
            await asyncio.wait_for(request, LAYER_TIMEOUT_S)
        except Exception as error:
            self._failed.tell(error)
            return False
        return True


def group_of(session_pk: UUID) -> str:
    """Of a session's log, or of an account's, by its key."""
    return f"session.{session_pk.hex}"


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Record]] = msgspec.msgpack.Decoder(list[Record])
