"""One client's socket: it parses a command, calls one verb, and answers. It never waits for the agent."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer

from chat_app import protocol
from chat_app.database import in_database
from chat_app.exceptions import BadFrame
from chat_app.models import Approval, Run
from chat_app.models.status import ACTIVE
from chat_app.protocol import encode
from chat_app.runs.commands import decide, start_run, stop_run
from chat_app.runs.process import process
from chatjuicer.accounts.authentication import (
    SUBPROTOCOL,
    Credentials,
    SocketRejected,
    authenticate_scope,
    authenticate_token,
    scope_headers,
)
from chatjuicer.accounts.models import Act, AuditEntry, Scope
from chatjuicer.api import limits
from chatjuicer.api.exceptions import ApiError
from chatjuicer.api.snapshot import snapshot
from chatjuicer.observability.counters import counts
from sessions_app.models import ChatSession

from .connections import Socket
from .dialect import Dialect, NumberedDialect, PlainDialectOf
from .outbox import Outbox

logger = logging.getLogger(__name__)

MAX_SEQ = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Opened:
    """What a socket finds when it is opened."""

    session: ChatSession
    active: Run | None
    live: Run | None  # the active run, or else the next one that waits
    dialect: Dialect


class ChatConsumer(AsyncWebsocketConsumer):
    # The hub is the process's one member of a session's group; a consumer needs no channel of its own.
    channel_layer_alias = "none"

    session_pk: UUID
    public_id: str
    socket: Socket | None = None
    writer: asyncio.Task[None] | None = None

    def __init__(self, plain_dialect_of: PlainDialectOf) -> None:
        super().__init__()
        self.plain_dialect_of = plain_dialect_of

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the parent, less its look for old database connections: no connection is used on this thread."""
        await getattr(self, get_handler_name(message))(message)

    # -- opening and closing

    async def connect(self) -> None:
        """Accepts, then closes with a code: a browser cannot see why a handshake was refused."""
        try:
            credentials = await in_database(authenticate_scope, self.scope)
            opened = await in_database(self._look_up, credentials)
        except SocketRejected as rejected:
            await self._refuse(rejected.close_code)
            return
        except ChatSession.DoesNotExist:
            await self._refuse(4404)
            return
        if not process.sockets.has_room(credentials.user.pk):
            await self._refuse(4429)
            return
        session = opened.session
        self.session_pk, self.public_id = session.pk, session.public_id
        await self.accept(subprotocol=self._subprotocol)
        outbox = Outbox()
        self.socket = process.sockets.add(credentials, outbox, session.pk, closes_last=opened.dialect.closes_last)
        counts.socket_opened(resumed=self._after is not None)
        self.writer = asyncio.create_task(self._write(outbox, opened))

    def _look_up(self, credentials: Credentials) -> Opened:
        """In a database thread. Raises ChatSession.DoesNotExist."""
        # In one moment: a run that ended in between would be taken for none, and its end be sent after `idle`.
        with snapshot():
            session = credentials.user.chat_sessions.named(self.scope["url_route"]["kwargs"]["session_id"])
            live = list(Run.objects.filter(session=session).live().order_by("first_position"))
        active = next((run for run in live if run.status in ACTIVE), None)
        dialect = self.plain_dialect_of(session) if self._after is None else NumberedDialect()
        return Opened(session, active, active or next(iter(live), None), dialect)

    async def _refuse(self, code: int) -> None:
        await self.accept(subprotocol=self._subprotocol)
        await self.close(code=code)

    @property
    def _subprotocol(self) -> str | None:
        """A browser that offered some and is given none drops the socket, and sees no code."""
        return SUBPROTOCOL if SUBPROTOCOL in (self.scope.get("subprotocols") or []) else None

    async def disconnect(self, code: int) -> None:
        """The run goes on: it belongs to the session."""
        if self.socket is not None:
            self.socket.outbox.close()
            process.sockets.remove(self.socket)
        if self.writer is not None:
            self.writer.cancel()

    async def _write(self, outbox: Outbox, opened: Opened) -> None:
        """Everything that the client is sent goes through here, in order."""
        close_code: int | None = 1011
        session, run, dialect = opened.session, opened.active, opened.dialect
        try:
            async with process.hub.channel(session.pk, session.public_id) as channel:
                shown = run.representation() if run else None
                connected = protocol.Connected(session.public_id, session.last_seq, shown)
                for text in dialect.opening(connected, opened.live):
                    await self.send(text)
                async with aclosing(process.hub.follow(channel, outbox, self._cursor(session, run))) as frames:
                    async for frame in frames:
                        for text in dialect.texts(frame):
                            await self.send(text)
                            counts.frames_out += 1
            close_code = outbox.close_code
        except asyncio.CancelledError:
            return
        except (OSError, RuntimeError):  # the client is gone, and the server's send says so
            return
        except Exception:
            logger.exception("the socket's writer failed")
        if close_code is not None:
            await self.close(code=close_code, reason=outbox.close_reason)

    def _cursor(self, session: ChatSession, run: Run | None) -> int:
        """The number after which the stream begins; one that cannot be served leads to a `resync`."""
        given = self._after
        if given is not None:
            return int(given) if given.isascii() and given.isdigit() and len(given) <= 19 else MAX_SEQ
        if run is not None and run.first_seq:
            return run.first_seq - 1
        return session.last_seq

    @property
    def _after(self) -> str | None:
        """As it was given; None where the client knows no numbers."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        return query["after"][0] if "after" in query else None

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
            await self._carry_out(command)
        except limits.TooManyRequests as error:
            limited = protocol.Error("rate_limited", error.message, True, retry_after=error.retry_after or 1)
            self._answer(limited, client_id)
        except ApiError as error:
            self._answer(protocol.Error(error.code, error.message, error.status_code in (429, 503)), client_id)
        except ChatSession.DoesNotExist:
            self._answer(protocol.Error("not_found", "The session does not exist."), client_id)
        except Exception:
            logger.exception("a command failed")
            self._answer(protocol.Error("internal", "Something went wrong on the server.", retryable=True), client_id)

    async def _carry_out(self, command: protocol.AnyCommand) -> None:
        assert self.socket is not None
        if not isinstance(command, (protocol.PingCommand, protocol.PongCommand, protocol.Auth)):
            self.socket.credentials.require(Scope.CHAT)
        match command:
            case protocol.SendMessage():
                started = await start_run(self.session_pk, self.socket.credentials.user.pk, command)
                self._answer(protocol.Accepted(command.client_id, started.run.pk, started.message_ids))
            case protocol.Interrupt(run_id=run_id):
                await stop_run(self.session_pk, run_id)
            case protocol.ApprovalCommand():
                approval = await decide(self.session_pk, command)
                await in_database(self._note_decision, approval)
            case protocol.PingCommand():
                self._answer(protocol.Pong())
            case protocol.Auth(token=token):
                fresh = await in_database(authenticate_token, token)
                if fresh.user.pk != self.socket.credentials.user.pk:
                    raise BadFrame("The token is another user's.", code="invalid_token")
                fresh.require(Scope.READ)
                self.socket.credentials = fresh
                self._answer(protocol.Authenticated())
            case protocol.PongCommand():
                pass

    def _note_decision(self, approval: Approval) -> None:
        if self.socket is not None:
            AuditEntry.objects.record(
                Act.APPROVAL_DECIDED,
                approval,
                actor=self.socket.credentials.user.pk,
                address=limits.address((self.scope.get("client") or [""])[0], scope_headers(self.scope)),
                tool=approval.name,
                decision=approval.status,
            )

    async def _count_frame(self) -> None:
        peer, headers = (self.scope.get("client") or [""])[0], scope_headers(self.scope)
        if self.socket is not None and limits.counts(peer, headers):
            await in_database(limits.spend_user, self.socket.credentials.user.pk)

    def _answer(self, frame: protocol.Event, client_id: str | None = None) -> None:
        """To this client alone, and not in the log."""
        if isinstance(frame, protocol.Error) and client_id is not None:
            frame = msgspec.structs.replace(frame, client_id=client_id)
        if self.socket is not None:
            self.socket.outbox.put(encode(frame))
