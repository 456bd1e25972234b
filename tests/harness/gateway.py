"""What stands before a server: it passes bytes on, and answers with a page of its own where there is none."""

import socket
import threading
from contextlib import suppress

from tests.harness.silence import pass_on
from tests.harness.tcp import TcpServer

LONGEST_S = 10.0


class Gateway(TcpServer):
    """Before a port of this machine, or before none, at a free port unless one is named. Its page has the status
    `away`, when nobody listens there."""

    def __init__(self, target_port: int | None, away: int = 502, port: int = 0) -> None:
        self.away = away
        self.answered = 0  # by its page
        self._target_port = target_port
        super().__init__(port)

    def take(self, near: socket.socket) -> None:
        threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            if self._target_port is None:
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self._target_port))
        except OSError:
            self._answer(near)
            return
        self.hold(far)
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
