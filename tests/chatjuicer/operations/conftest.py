"""Commands of an operator, run as one would: as processes of their own, on a database of their own."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests.harness import programs
from tests.harness.client import Client
from tests.harness.programs import Program
from tests.harness.server import Site
from tests.harness.services import until

Start: TypeAlias = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `manage.py …` in a site's environment and waits until it says that it works."""
    started: list[Program] = []

    def start(site: Site, *arguments: str, says: str) -> Program:
        path = tmp_path / f"{len(started)}.log"
        process = programs.start(["manage.py", *arguments], site.environment, path)
        started.append(process)
        until(lambda: says in path.read_text() or process.poll() is not None, f"{arguments} says {says!r}")
        assert process.poll() is None, path.read_text()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


async def frozen(program: Program, client: Client) -> str:
    """A new session, once the program stands where it holds up nobody: SQLite has one writer at a time."""
    for _ in range(20):
        program.send_signal(signal.SIGSTOP)
        with suppress(httpx.TimeoutException):
            made = await client.http.post("/api/sessions", json={}, timeout=3)
            return str(made.json()["session_id"])
        program.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.2)
    raise AssertionError("it writes all the time")
