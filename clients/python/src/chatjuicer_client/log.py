"""A numbered log over as many connections as it takes: each event once, in order."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from chatjuicer_client.agent import USER_AGENT
from chatjuicer_client.errors import GATEWAY, NOT_FOUND, ChatJuicerError
from chatjuicer_client.events import Frame
from chatjuicer_client.rest import Credentials
from chatjuicer_client.retry import BackOff
from chatjuicer_client.texts import sendable

SILENCE_S = 50  # the server pings every 20 s
CROWDED_WAIT_S = 5  # after 4429
NO_ANSWER = 1006


class Log:
    """The log of a session, or of an account.

    `after` is the number up to which it is known: the stream begins after it, and at its present end where it is None.
    To be used by one task at a time.
    """

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        *,
        after: int | None,
        patience_s: float,
        trust_env: bool,
        connected: set[Log],
    ) -> None:
        """`address` begins with http. It is among `connected` while it has a connection that is to be closed."""
        self.after = after
        self._address = address.replace("http", "ws", 1)
        self._credentials = credentials
        self._trust_env = trust_env
        self._connected = connected
        self._back_off = BackOff(patience_s)
        self._socket: ClientConnection | None = None
        self._token: str | None = None
        self._refused = False

    async def receive(self) -> Frame:
        """The next frame: an event that was not there before, or a control, of which `connected` begins each
        connection.

        Waits, and connects anew, for as long as the patience lasts. Raises ChatJuicerError.
        """
        while True:
            if self._socket is None:
                self._socket = await self._connect()
                self._connected.add(self)
            try:
                async with asyncio.timeout(SILENCE_S):
                    text = await self._socket.recv()
            except ConnectionClosed as closed:
                await self._lost(closed.rcvd.code if closed.rcvd else NO_ANSWER)
                continue
            except TimeoutError:
                await self._lost(NO_ANSWER)
                continue
            frame: Frame = json.loads(text)
            if frame["type"] == "ping":
                await self._renew()
            elif self._is_new(frame):
                return frame

    async def send(self, command: Frame) -> None:
        """On the connection that there is. Whether it arrived only the server's answer tells."""
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(sendable(json.dumps(command, ensure_ascii=False)))

    async def wait(self, error: ChatJuicerError) -> None:
        """Before a command that was refused for now is sent again. Raises `error` when the patience is over."""
        await self._back_off.wait(error, error.retry_after or 0.0)

    async def close(self) -> None:
        self._connected.discard(self)
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _is_new(self, frame: Frame) -> bool:
        if frame["type"] == "connected":
            self._back_off.succeeded()
            self._refused = False
            if self.after is None:
                self.after = frame["last_seq"]
        elif frame["type"] == "resync":
            self.after = frame["last_seq"]
        elif (seq := frame.get("seq")) is not None:
            if seq <= (self.after or 0):
                return False
            self.after = seq
        return True

    async def _renew(self) -> None:
        """A connection lives as long as its sign-in, which ends by itself if its tokens are never renewed."""
        token = await self._credentials.token()
        if token is not None and token != self._token:
            self._token = token
            await self.send({"type": "auth", "token": token})

    async def _connect(self) -> ClientConnection:
        while True:
            self._token = await self._credentials.token()
            options: dict[str, Any] = {} if self._trust_env else {"proxy": None}
            if self._token:
                options["additional_headers"] = {"Authorization": f"Bearer {self._token}"}
            query = "" if self.after is None else f"?after={self.after}"
            try:
                return await connect(
                    self._address + query,
                    max_size=None,
                    ping_interval=None,
                    compression=None,  # frames are many and small
                    close_timeout=1,
                    user_agent_header=USER_AGENT,
                    **options,
                )
            except InvalidStatus as error:
                status = error.response.status_code
                failure = ChatJuicerError(f"http_{status}", f"The socket was answered by {status}.", status=status)
                if status in (401, 403):
                    raise failure from error
                if status == NOT_FOUND:  # the server takes the socket, and closes it with 4404
                    failure = ChatJuicerError.bad_answer()
                if status in GATEWAY:
                    failure = ChatJuicerError.of_gateway(status)
            except (OSError, WebSocketException) as error:
                failure = ChatJuicerError.unreachable(error)
            await self._back_off.wait(failure)

    async def _lost(self, code: int) -> None:
        """Returns when it is time to connect again."""
        await self.close()
        match code:
            case 4404:
                raise ChatJuicerError("not_found", "There is no such session.", status=404)
            case 4403:
                raise ChatJuicerError("insufficient_scope", "These credentials do not allow to listen.", status=403)
            case 4401:
                if self._refused or not await self._credentials.renew(self._token):
                    raise ChatJuicerError("not_signed_in", "Signing in is needed.", status=401)
                self._refused = True
            case 4408:
                pass
            case 4429:
                await self._back_off.wait(ChatJuicerError.unreachable("too many connections"), CROWDED_WAIT_S)
            case _:
                await self._back_off.wait(ChatJuicerError.unreachable(f"the connection was lost ({code})"))
