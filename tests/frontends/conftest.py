import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections


@pytest.fixture
def side_by_side() -> Iterator[Callable[..., list[Any]]]:
    """Runs a function for each argument, all at the same moment, each on a connection of its own."""

    def run(function: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
        start = threading.Barrier(len(arguments))

        def one(argument: Any) -> Any:
            try:
                start.wait(10)
                return function(argument)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(one, arguments))

    yield run
    connections.close_all()


def refused(answer: Any, status: int, code: str) -> None:
    """In the one shape."""
    assert answer.status_code == status, answer.content[:300]
    body = answer.json()
    assert body["detail"] == body["message"] == body["error"]["message"] != ""
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == answer.headers["X-Request-ID"]
