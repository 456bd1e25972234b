"""What stands before a server: it passes bytes on, and answers with a page of its own where there is none."""

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.harness.silence import pass_on, shut

LONGEST_S = 10.0


class Gateway:
    """Before a port of this machine; by `with`. Its page has the status `away`, when nobody listens there."""

    def __init__(self, target_port: int, away: int = 502) -> None:
        self.away = away
        self.answered = 0  # by its page
        self._target_port = target_port
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._take, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in [self._listener, *self._ends]:
            shut(end)
            end.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                self._ends.append(near)
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target_port))
        except OSError:
            self._answer(near)
            return
        self._ends.append(far)
        never = threading.Event()
        back = threading.Thread(target=pass_on, args=(far, near, never), daemon=True)
        back.start()
        pass_on(near, far, never)

    def _answer(self, near: socket.socket) -> None:
        page = f"<html><body><h1>{self.away} Bad Gateway</h1></body></html>".encode()
        head = f"HTTP/1.1 {self.away} Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
        with suppress(OSError):
            near.settimeout(LONGEST_S)
            near.recv(65536)
            near.sendall(head.encode() + b"Connection: close\r\n\r\n" + page)
            self.answered += 1
            near.shutdown(socket.SHUT_WR)
            while near.recv(65536):  # a body that is still on its way
                pass
        near.close()
