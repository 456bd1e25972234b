"""What a fault between two machines looks like: nothing is refused, nothing is closed, and nothing is answered."""

import socket
import threading
from contextlib import suppress

from tests.harness.tcp import TcpServer, shut


class SilentServer(TcpServer):
    """Takes every connection and whatever is sent, and never says a word."""

    @property
    def taken(self) -> list[socket.socket]:
        return self.ends


class Proxy(TcpServer):
    """Passes bytes on to a port of this machine. While it is `silent` it takes them and passes on none; the connections
    that it had then stay dead."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._silent = threading.Event()
        super().__init__()

    def silence(self) -> None:
        self._silent.set()

    def speak(self) -> None:
        """New connections work again."""
        self._silent = threading.Event()

    def take(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._target_port))
        self.hold(far)
        for here, there in ((near, far), (far, near)):
            threading.Thread(target=pass_on, args=(here, there, self._silent), daemon=True).start()


def pass_on(here: socket.socket, there: socket.socket, silent: threading.Event) -> None:
    with suppress(OSError):
        while data := here.recv(65536):
            if not silent.is_set():
                there.sendall(data)
    # The end is news as well.
    if not silent.is_set():
        shut(there)
