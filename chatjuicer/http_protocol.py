"""uvicorn's HTTP protocol with bounds on the size of a request's head, on the time until it is complete, and on the
connections of one address; and with the user id of the process at the other end, where it is on this machine.

uvicorn's fast parser accepts a path or headers of any size and waits for their end for ever: one client could fill the
memory, and block the event loop while the pieces are put together.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any, cast

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from chatjuicer.api import limits, peer
from chatjuicer.api.loopback import is_loopback

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 30.0
WHOLE = "chatjuicer.write_whole"
"""Of a scope: `BoundedHTTP.write_whole`."""


class BoundedHTTP(HttpToolsProtocol):
    open_of: Counter[str] = Counter()  # connections that speak HTTP, by the network that they come from

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Bytes since the last part of a body or end of a request: of a head, or of a chunked body's trailers.
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None
        self._peer_uid: int | None = None
        self._counted_as = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer_uid = self._look_at_peer()
        self._wait_for_head()
        if not self._find_room():
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._leave_room()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._tell_peer(self.scope)
        cast(dict[str, Any], self.scope)[WHOLE] = self.write_whole
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        super().on_message_complete()

    def write_whole(self, scope: Any, status: int, head: bytes, body: bytes) -> bool:
        """Answers at once, where nothing is in the way; False: the answer is to be sent as any other. `head` is whole
        lines, and nothing in it is a client's own.

        uvicorn looks at each header, and writes head and body one after the other: that takes as long as all else of
        an answer that the event loop gives.
        """
        cycle = self.cycle
        is_next = cycle is not None and cycle.scope is scope and not cycle.response_started
        if not is_next or cycle.disconnected or self.flow.write_paused or self.transport.is_closing():
            return False
        always = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join([STATUS_LINE[status], head, *always, ending, body]))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def handle_websocket_upgrade(self) -> None:
        self._head_bytes = 0  # what comes from now on is another protocol's
        # Else the other protocol fails on the words of its own refusal, and answers nothing.
        if any(name.startswith(b"sec-websocket-") and not value.isascii() for name, value in self.headers):
            self._refuse(400)
            return
        self._leave_room()  # sockets are counted by their users
        super().handle_websocket_upgrade()
        self._tell_peer(getattr(self.transport.get_protocol(), "scope", None))
        self.parser = None  # type: ignore[assignment]  # which holds this object, that nobody needs any more

    def _find_room(self) -> bool:
        """Whether its address may have another connection. Behind a proxy all have one address."""
        peer_address, most = self.client[0] if self.client else "", settings.MAX_CONNECTIONS_PER_ADDRESS
        if not most or settings.TRUSTED_PROXIES or not limits.counts(peer_address, {}):
            return True
        self._counted_as = limits.address(peer_address, {})
        self.open_of[self._counted_as] += 1
        return self.open_of[self._counted_as] <= most

    def _leave_room(self) -> None:
        if self._counted_as:
            self.open_of[self._counted_as] -= 1
            if self.open_of[self._counted_as] <= 0:
                del self.open_of[self._counted_as]
            self._counted_as = ""

    def _look_at_peer(self) -> int | None:
        """Looked up with the connection, not with the request: by then another process may have the same port."""
        if not settings.ALLOW_LOCALHOST_NOAUTH or not peer.SYSTEM_TELLS:
            return None
        if not self.client or not self.server or not is_loopback(self.client[0]):
            return None
        uid = peer.uid_of(self.client, (self.server[0], self.server[1] or 0))
        with suppress(OSError):
            self.transport.get_extra_info("socket").getpeername()  # the connection is still the one that was looked at
            return uid
        return None

    def _tell_peer(self, scope: Any) -> None:
        if scope is not None:
            scope[peer.KEY] = self._peer_uid

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(HEAD_TIMEOUT_S, self._refuse, 408)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _refuse(self, status: int) -> None:
        """Answers `status` unless another answer is under way, and closes the connection."""
        self._stop_waiting()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
