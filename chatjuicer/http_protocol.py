"""uvicorn's HTTP protocol with bounds on the size of a request's head, on the time until it is complete, on the time
that a reader takes for an answer, and on connections; and with the user id of the process at the other end, where it is
on this machine.

uvicorn's fast parser accepts a path or headers of any size and waits for their end for ever: one client could fill the
memory, and block the event loop while the pieces are put together.
"""

import asyncio
import struct
import sys
from collections import Counter
from contextlib import suppress
from functools import cache
from typing import Any, cast

from django.conf import settings
from django.http import HttpResponse
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from chatjuicer.api import limits, peer
from chatjuicer.api.errors import answer
from chatjuicer.api.loopback import is_loopback
from chatjuicer.socket_protocol import SharedFrames

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 30.0
HEALTH_HEAD_TIMEOUT_S = 2.0
HEALTH_CONNECTIONS = 32
"""Beyond the bound, for health alone."""

HEALTH = b"/api/health"
OTHER_FILES = 256
"""That the process opens: the database's, the storage's, those of models."""

READING_STILL_S = 30.0
LEAST_BYTES_READ = 30 * 1024
"""Of what waits for the reader, in READING_STILL_S."""

WHOLE = "chatjuicer.write_whole"
"""Of a scope: `BoundedHTTP.write_whole`."""


class Seat:
    """A connection's place in the count of the network that it comes from."""

    taken: Counter[str] = Counter()

    def __init__(self, network: str) -> None:
        self._network = network
        self.taken[network] += 1

    @property
    def is_one_of(self) -> int:
        return self.taken[self._network]

    def leave(self) -> None:
        """Done again, it changes nothing."""
        if self._network:
            self.taken[self._network] -= 1
            if self.taken[self._network] <= 0:
                del self.taken[self._network]
            self._network = ""


class BoundedHTTP(HttpToolsProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Bytes since the last part of a body or end of a request: of a head, or of a chunked body's trailers.
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None
        self._peer_uid: int | None = None
        self._seat: Seat | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._unread_bytes = 0  # when the reader was last looked at
        self._read_on = False  # since then, and took what had filled the buffer
        self._for_health = False
        self._head_begun = False  # and not yet ended
        self._is_answered = False  # at once, which leaves no cycle

    def known_answer(self, scheme: str, url: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes] | None:
        """The head, whole lines after the status, and the body of what the application would answer 200; None: it is to
        be asked."""
        return None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer_uid = self._look_at_peer()
        room = self._find_room()
        # Also where others hold all connections, whoever watches over the server is told how it is.
        over = len(self.connections) - most_connections()
        self._for_health = over > 0
        self._wait_for_head()
        if not room or over > HEALTH_CONNECTIONS:
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_watching()
        if self._seat is not None:
            self._seat.leave()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._watch is None:
            self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_on = True

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_reader()  # the connection closes once all is sent, which may be never

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431)
        if self._head_begun and self._patience is None:  # most heads come whole, and need no timer
            self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._tell_peer(self.scope)
        cast(dict[str, Any], self.scope)[WHOLE] = self.write_whole
        self._stop_waiting()
        self._head_begun = True

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._head_begun = False
        self._is_answered = self._answer_at_once()
        if self._is_answered:
            return
        if self._for_health and not self.url.partition(b"?")[0].startswith(HEALTH):
            self.app = full
        super().on_headers_complete()
        if self._for_health and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        if not self._is_answered:
            super().on_message_complete()

    def _answer_at_once(self) -> bool:
        """What is known, unless another answer has to be sent first, or the connection ends with this one."""
        is_next = self.cycle is None or self.cycle.response_complete
        if not is_next or self._for_health or self.flow.write_paused or self.transport.is_closing():
            return False
        parser = self.parser
        if parser.get_method() != b"GET" or parser.get_http_version() != "1.1" or not parser.should_keep_alive():
            return False
        if parser.should_upgrade() or (known := self.known_answer(self.scheme or "", self.url, self.headers)) is None:
            return False
        head, body = known
        self.transport.write(b"".join([STATUS_LINE[200], head, *self._always(), b"\r\n", body]))
        self.on_response_complete()
        return True

    def _always(self) -> list[bytes]:
        """The lines of every answer."""
        return [b"%b: %b\r\n" % header for header in self.server_state.default_headers]

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
        ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join([STATUS_LINE[status], head, *self._always(), ending, body]))
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
        if self._for_health:
            self._refuse(503)
            return
        self._stop_watching()  # sockets have bounds of their own
        super().handle_websocket_upgrade()
        self._hand_over(self.transport.get_protocol())
        self.parser = None  # type: ignore[assignment]  # which holds this object, that nobody needs any more

    def _find_room(self) -> bool:
        """Whether its address may have another connection: no more than half of all. Behind a proxy all have one."""
        peer_address = self.client[0] if self.client else ""
        most = min(settings.MAX_CONNECTIONS_PER_ADDRESS, most_connections() // 2)
        if not most or settings.TRUSTED_PROXIES or not limits.counts(peer_address, {}):
            return True
        self._seat = Seat(limits.address(peer_address, {}))
        return self._seat.is_one_of <= most

    def _hand_over(self, protocol: Any) -> None:
        """To the socket's own. Once its client is known it counts for its user, and until then for its address."""
        scope = getattr(protocol, "scope", None)
        self._tell_peer(scope)
        if self._seat is not None and isinstance(protocol, SharedFrames):
            protocol.leave_seat = self._seat.leave
            if scope is not None:
                scope[peer.IS_KNOWN] = self._seat.leave

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
        patience_s = HEALTH_HEAD_TIMEOUT_S if self._for_health else HEAD_TIMEOUT_S
        self._patience = self.loop.call_later(patience_s, self._refuse, 408)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _watch_reader(self) -> None:
        """Looks at it in a while."""
        self._stop_watching()
        self._unread_bytes, self._read_on = unread_bytes(self.transport), False
        self._watch = self.loop.call_later(READING_STILL_S, self._look_at_reader)

    def _look_at_reader(self) -> None:
        """Gives up a connection whose reader does not take what waits for it: an answer would stay in memory."""
        self._stop_watching()
        if not self.transport.get_write_buffer_size():
            return
        if not self.flow.write_paused and not self.transport.is_closing():
            return  # whatever is written next may fill the buffer, which begins another watch
        if not self._read_on and self._unread_bytes - unread_bytes(self.transport) < LEAST_BYTES_READ:
            self.transport.abort()
        else:
            self._watch_reader()

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _refuse(self, status: int) -> None:
        """Answers `status` unless another answer is under way, and closes the connection."""
        self._stop_waiting()
        cycle = self.cycle
        if cycle is None or cycle.response_complete or self._is_reading_body():
            if cycle is not None:
                cycle.disconnected = True  # whatever else is answered to it is sent to nobody
            said = answer(status)
            lines = [b"%b: %b\r\n" % header for header in headers_of(said)]
            ending = b"connection: close\r\n\r\n"
            self.transport.write(b"".join([STATUS_LINE[status], *self._always(), *lines, ending, said.content]))
        self.transport.close()

    def _is_reading_body(self) -> bool:
        """Of the only request that has no answer yet."""
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_started and not self.pipeline

    def send_400_response(self, msg: str) -> None:
        """Of what is no HTTP."""
        self._refuse(400)


async def full(scope: Any, receive: Any, send: Any) -> None:
    said = answer(503)
    await send({"type": "http.response.start", "status": 503, "headers": headers_of(said)})
    await send({"type": "http.response.body", "body": said.content})


def headers_of(said: HttpResponse) -> list[tuple[bytes, bytes]]:
    headers = [(name.lower().encode(), value.encode()) for name, value in said.headers.items()]
    return [*headers, (b"content-length", b"%d" % len(said.content))]


@cache
def most_connections() -> int:
    """Of this process, sockets included: as many as it may have files open, less those that it needs itself."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:
        return 2**31
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if files == resource.RLIM_INFINITY else max(files - OTHER_FILES, files // 2)


def unread_bytes(transport: asyncio.Transport) -> int:
    """What was written and is not known to have arrived; where the system tells (Linux), with what it holds itself. It
    holds megabytes, and takes more only once much of them is gone."""
    waiting = transport.get_write_buffer_size()
    if sys.platform == "linux" and waiting:
        import fcntl  # noqa: PLC0415  # other systems have none, or no such request
        import termios  # noqa: PLC0415

        with suppress(OSError):
            descriptor = transport.get_extra_info("socket").fileno()
            waiting += struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4))[0]
    return waiting
