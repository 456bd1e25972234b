"""A socket that follows a log: who may open it, what is sent through it, and how it is closed."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from chat_app import protocol
from chat_app.database import in_database
from chat_app.exceptions import BadFrame
from chat_app.protocol import Record, encode
from chat_app.runs.process import process
from chatjuicer.accounts.authentication import (
    SUBPROTOCOL,
    Credentials,
    SocketRejected,
    authenticate_scope,
    authenticate_token,
    scope_headers,
)
from chatjuicer.accounts.models import Scope
from chatjuicer.api import limits, peer
from chatjuicer.api.exceptions import ApiError, Unavailable
from chatjuicer.observability.context import acting_user, client_address
from chatjuicer.observability.counters import counts
from chatjuicer.observability.seldom import SeldomLine
from sessions_app.models import ChatSession

from .connections import Socket
from .dialect import Dialect
from .hub import Channel
from .logs import Log
from .outbox import Outbox
from .wire import WIRE, Wire

logger = logging.getLogger(__name__)
_unserved = SeldomLine(logger, "sockets that could not be served without the database", with_stack=True)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a socket finds when it is opened."""

    log: Log
    after: int
    """The number after which the stream begins; one that cannot be served leads to a `resync`."""
    opening: Sequence[str]
    dialect: Dialect


class FollowingConsumer(AsyncWebsocketConsumer):
    # The hub is the process's one member of a log's group; a consumer needs no channel of its own.
    channel_layer_alias = "none"

    address: str  # of the client, as far as it can be known
    is_counted: bool  # whether its frames count for its user's rate
    dialect: Dialect
    socket: Socket | None = None
    channel: Channel | None = None
    wire: Wire | None = None  # a server may have none
    writer: asyncio.Task[None] | None = None  # while there is something to be sent

    @abstractmethod
    def look_up(self, credentials: Credentials) -> Opened:
        """In a database thread. Raises ChatSession.DoesNotExist."""

    @abstractmethod
    async def carry_out(self, command: protocol.AnyCommand) -> None:
        """One of those that mean something here alone."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As the parent, without a task for each message that is waited for."""
        self.scope, self.base_send = scope, send
        with suppress(StopConsumer):
            while True:
                await self.dispatch(await receive())

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the parent, less its look for old database connections: no connection is used on this thread."""
        await getattr(self, get_handler_name(message))(message)

    # -- opening and closing

    async def connect(self) -> None:
        """Accepts, then closes with a code: a browser cannot see why a handshake was refused."""
        try:
            credentials = await in_database(authenticate_scope, self.scope)
            opened = await in_database(self.look_up, credentials)
        except SocketRejected as rejected:
            await self._refuse(rejected.close_code)
            return
        except ChatSession.DoesNotExist:
            await self._refuse(4404)
            return
        except Unavailable as error:  # the database is gone, and so thousands of clients come again and again
            _unserved.tell(error.__cause__ or error)
            await self._refuse(1011)
            return
        except Exception:
            logger.exception("a socket could not be opened")
            await self._refuse(1011)
            return
        if not process.sockets.has_room(credentials.user.pk):
            await self._refuse(4429)
            return
        if is_known := self.scope.pop(peer.IS_KNOWN, None):
            is_known()
        self.wire = self.scope.pop(WIRE, None)
        await self.accept(subprotocol=self._subprotocol)
        outbox = Outbox()
        self.dialect = opened.dialect
        self.socket = process.sockets.add(
            credentials,
            outbox,
            opened.log.key,
            closes_last=self.dialect.closes_last,
            device=self._browser() if self.dialect.gives_way else "",
        )
        counts.socket_opened(resumed=self.after is not None)
        self.writer = asyncio.create_task(self._begin(outbox, opened))
        self._forget_head()
        acting_user.set(credentials.user.pk)
        client_address.set(self.address)

    def _forget_head(self) -> None:
        """The server and the routers hold the scope for as long as the socket is open; its headers, credentials among
        them, are not needed any more."""
        headers = scope_headers(self.scope)
        self.address, self.is_counted = limits.address(self._peer, headers), limits.counts(self._peer, headers)
        self.scope["headers"].clear()

    async def _refuse(self, code: int) -> None:
        await self.accept(subprotocol=self._subprotocol)
        await self.close(code=code)

    @property
    def _subprotocol(self) -> str | None:
        """A browser that offered some and is given none drops the socket, and sees no code."""
        return SUBPROTOCOL if SUBPROTOCOL in (self.scope.get("subprotocols") or []) else None

    @property
    def after(self) -> str | None:
        """As it was given; None where there is none."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        return query["after"][0] if "after" in query else None

    def _browser(self) -> str:
        """Tells browsers of one user apart, by address and User-Agent, as for refresh tokens; empty: the client is no
        browser."""
        headers = scope_headers(self.scope)
        if "origin" not in headers:
            return ""
        return f"{limits.address(self._peer, headers)} {headers.get('user-agent', '')}"

    @property
    def _peer(self) -> str:
        return str((self.scope.get("client") or [""])[0])

    async def disconnect(self, code: int) -> None:
        """Runs go on: they belong to the session, not to the socket."""
        if self.socket is not None:
            self.socket.outbox.on_filled = self.socket.outbox.send_now = None
            self.socket.outbox.close()
            process.sockets.remove(self.socket, code, self.dialect.last_end)
        if self.writer is not None:
            self.writer.cancel()
        await self._leave()

    async def _leave(self) -> None:
        channel, self.channel = self.channel, None
        if channel is not None and self.socket is not None:
            channel.listeners.discard(self.socket.outbox)
            await process.hub.leave(channel)

    async def _begin(self, outbox: Outbox, opened: Opened) -> None:
        """Send what the client is told first, all that the log has, and what has come meanwhile."""
        try:
            self.channel = await process.hub.enter(opened.log)
            after = opened.after
            if self.socket is not None:
                # An answer that was live at the look may have ended through the socket that gives way to this one.
                after = max(after, await self.socket.wait_for_predecessors())
            for text in opened.opening:
                await self.send(text)
            async with aclosing(process.hub.replay(self.channel, outbox, after)) as frames:
                async for frame in frames:
                    await self._send_frame(frame)
            outbox.on_filled = self._write_soon
            if self.wire is not None:
                outbox.send_now = self._send_now
            await self._write_all(outbox)
        except Exception as error:
            await self._give_up(error)

    def _send_now(self, frame: Record | str) -> bool:
        """Without a task, which costs more than all else of a delivery. A writer that is not done may hold a frame that
        comes before this one. A dialect remembers what it was given, so that it is asked once."""
        assert self.wire is not None
        assert self.socket is not None
        if self.writer is None or not self.writer.done() or not self.wire.takes_frames():
            return False
        try:
            for text in self.dialect.texts(frame):
                self.wire.write_text(text)
                counts.frames_out += 1
        except Exception:  # the hub goes on to the other clients
            logger.exception("a frame could not be sent")
            self.socket.outbox.close(1011)
        return True

    def _write_soon(self) -> None:
        """An idle socket has no task that waits for something to send."""
        if self.writer is not None and self.writer.done() and self.socket is not None:
            self.writer = asyncio.create_task(self._write(self.socket.outbox))

    async def _write(self, outbox: Outbox) -> None:
        try:
            await self._write_all(outbox)
        except Exception as error:
            await self._give_up(error)

    async def _write_all(self, outbox: Outbox) -> None:
        """Until there is nothing more. Nothing is awaited between that look and the end of the writer's task, so that
        what is put afterwards finds it done, and begins another."""
        while (frame := outbox.take()) is not None:
            await self._send_frame(frame)
        if self.socket is not None and self.socket.superseded and not outbox.closed:
            for text in self.dialect.farewell():
                await self.send(text)
            outbox.close(1000, "a newer socket took its place")
        if outbox.closed:
            await self._leave()
            if outbox.close_code is not None:
                code = self.dialect.close_codes.get(outbox.close_code, outbox.close_code)
                await self.close(code=code, reason=outbox.close_reason)

    async def _send_frame(self, frame: Record | str) -> None:
        for text in self.dialect.texts(frame):
            await self.send(text)
            counts.frames_out += 1

    async def _give_up(self, error: Exception) -> None:
        await self._leave()
        if not isinstance(error, (OSError, RuntimeError)):  # else the client is gone, and the server's send says so
            if isinstance(error, Unavailable):
                _unserved.tell(error.__cause__ or error)
            else:
                logger.error("the socket's writer failed", exc_info=error)
            with suppress(OSError, RuntimeError):
                await self.close(code=1011)

    # -- commands

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.socket is None or self.socket.outbox.closed:
            return
        client_id = None
        try:
            try:
                if text_data is None:
                    raise BadFrame("Frames are text.")
                command = protocol.parse_command(text_data)
                client_id = getattr(command, "client_id", None)
            finally:
                await self._count_frame()  # those that are no command, too
            await self._receive_command(command)
        except limits.TooManyRequests as error:
            limited = protocol.Error("rate_limited", error.message, True, retry_after=error.retry_after or 1)
            self.answer(limited, client_id)
        except ApiError as error:
            self.answer(protocol.Error(error.code, error.message, error.status_code in (429, 503)), client_id)
        except ChatSession.DoesNotExist:
            self.answer(protocol.Error("not_found", "The session does not exist."), client_id)
        except Exception:
            logger.exception("a command failed")
            self.answer(protocol.INTERNAL, client_id)

    async def _receive_command(self, command: protocol.AnyCommand) -> None:
        assert self.socket is not None
        match command:
            case protocol.PingCommand():
                self.answer(protocol.Pong())
            case protocol.PongCommand():
                pass
            case protocol.Auth(token=token):
                fresh = await in_database(authenticate_token, token)
                if fresh.user.pk != self.socket.credentials.user.pk:
                    raise BadFrame("The token is another user's.", code="invalid_token")
                fresh.require(Scope.READ)
                self.socket.credentials = fresh
                self.answer(protocol.Authenticated())
            case _:
                self.socket.credentials.require(Scope.CHAT)
                await self.carry_out(command)

    async def _count_frame(self) -> None:
        if self.socket is not None and self.is_counted:
            await in_database(limits.spend_user, self.socket.credentials.user.pk)

    def answer(self, frame: protocol.Event, client_id: str | None = None) -> None:
        """To this client alone, and not in the log."""
        if isinstance(frame, protocol.Error) and client_id is not None:
            frame = msgspec.structs.replace(frame, client_id=client_id)
        if self.socket is not None:
            self.socket.outbox.put(encode(frame))
