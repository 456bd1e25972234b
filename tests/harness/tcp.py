"""A server below HTTP, for faults of what lies between two machines."""

import socket
import threading
from contextlib import suppress
from typing import Self


class TcpServer:
    """On loopback, by `with`, at a free port unless one is named: takes each connection, and ends all that it holds."""

    def __init__(self, port: int = 0) -> None:
        self.ends: list[socket.socket] = []
        self._ending = threading.Lock()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept_all, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._ending:
            self._ended = True
        for end in [self._listener, *self.ends]:
            shut(end)
            end.close()

    def hold(self, end: socket.socket) -> None:
        """Is closed with the server, or at once where that has ended meanwhile."""
        with self._ending:
            if not self._ended:
                self.ends.append(end)
                return
        end.close()

    def take(self, near: socket.socket) -> None:
        """A connection, which is one of the ends already. Others wait meanwhile."""

    def _accept_all(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                self.hold(near)
                self.take(near)


def shut(end: socket.socket) -> None:
    """Whoever waits for it in another thread wakes up."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
