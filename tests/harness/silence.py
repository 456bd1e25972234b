"""What a fault between two machines looks like: nothing is refused, nothing is closed, and nothing is answered."""

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.harness.services import free_port


class SilentServer:
    """Takes every connection and whatever is sent, and never says a word."""

    def __init__(self) -> None:
        self.taken: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._take, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for taken in [self._listener, *self.taken]:
            shut(taken)
            taken.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self.taken.append(self._listener.accept()[0])


class Proxy:
    """Passes bytes on to a port of this machine. While it is `silent` it takes them and passes on none; the connections
    that it had then stay dead."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._silent = threading.Event()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._take, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for end in [self._listener, *self._ends]:
            shut(end)
            end.close()

    def silence(self) -> None:
        self._silent.set()

    def speak(self) -> None:
        """New connections work again."""
        self._silent = threading.Event()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target_port))
                self._ends += [near, far]
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


def shut(end: socket.socket) -> None:
    """Whoever waits for it in another thread wakes up."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
