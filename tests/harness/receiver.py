"""Who is told: a server that keeps what is posted to it, and answers as a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Self

from tests.harness.services import until
from tests.harness.threaded_http import HttpServer, Quiet

SILENCE_S = 60.0


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


class Receiver:
    """By `with`. Each path answers the statuses of `answers[path]`, one after the other, then 201; 0 is silence."""

    def __init__(self, port: int = 0) -> None:
        self.posted: list[Posted] = []
        self.answers: dict[str, list[int]] = {}
        self.stopped = threading.Event()
        self._server = HttpServer(self._handler(), port)

    @property
    def url(self) -> str:
        return self._server.url

    def at(self, path: str) -> list[Posted]:
        return [posted for posted in self.posted if posted.path == path]

    def wait(self, path: str, count: int = 1, timeout: float = 30) -> list[Posted]:
        until(lambda: len(self.at(path)) >= count, f"{count} at {path}, not {self.posted}", timeout)
        return self.at(path)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.__exit__()

    def _handler(receiver: Self) -> Callable[..., BaseHTTPRequestHandler]:  # noqa: N805
        class Told(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                waiting = receiver.answers.get(self.path)
                status = waiting.pop(0) if waiting else 201
                receiver.posted.append(Posted(self.path, headers, body))
                if not status:
                    receiver.stopped.wait(SILENCE_S)
                    return
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Told
