"""What is measured, each in a process of its own: the server, and what it is compared to, on one core, everything else
on the others."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.server import EMAIL, PASSWORD, ROOT, Server, Site, cpu_s, rss_bytes
from tests.harness.services import POSTGRES_OPTIONS, free_port, postgres, until

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SERVER_CORES = {CORES[0]}
OTHER_CORES = set(CORES[1:]) or {CORES[0]}


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """What is started inside runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class Process:
    """Something of this package in a process of its own, measured as a Server is."""

    def __init__(self, module: str, cores: set[int], *arguments: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", module, "--port", str(self.port), *arguments]
        with on(cores):
            self.process: subprocess.Popen[bytes] | None = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.DEVNULL
            )
        until(self._listens, f"{module} listens")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def rss_bytes(self) -> int:
        return rss_bytes(self.pid)

    def _listens(self) -> bool:
        wanted = f":{self.port:04X} "
        return any(wanted in line and " 0A " in line for line in Path("/proc/net/tcp").read_text().splitlines())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@dataclass
class Stand:
    profile: str
    quick: bool
    site: Site
    relay: Process
    first_design: Process
    provider_url: str
    messages: int = 100_000  # that are searched
    others: int = 0  # what others have said beside them
    flame_file: Path | None = None  # where the server writes its stacks; see flame.py
    token: str = ""
    http: aiohttp.ClientSession = field(init=False)

    @property
    def server(self) -> Server:
        return self.site.servers[0]

    @property
    def relay_url(self) -> str:
        return f"http://127.0.0.1:{self.relay.port}"

    @property
    def first_design_url(self) -> str:
        return f"http://127.0.0.1:{self.first_design.port}"

    def socket_url(self, session_id: str) -> str:
        """Of a session that is new: the socket is told all that was ever said in it."""
        return f"ws://127.0.0.1:{self.server.port}/ws/chat/{session_id}?after=0"

    async def login(self) -> None:
        body = {"email": EMAIL, "password": PASSWORD}
        async with self.http.post(f"{self.server.url}/api/auth/login", json=body) as answer:
            self.token = (await answer.json())["access_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    async def first_design_token(self) -> str:
        async with self.http.post(f"{self.first_design_url}/api/auth/login", json={"email": EMAIL}) as answer:
            return str((await answer.json())["access_token"])

    async def first_design_socket(self) -> str:
        """The address of a socket of the first design, of a session that is new."""
        headers = {"Authorization": f"Bearer {await self.first_design_token()}"}
        async with self.http.post(f"{self.first_design_url}/api/sessions", headers=headers) as answer:
            session = (await answer.json())["session_id"]
        return f"{self.first_design_url.replace('http', 'ws', 1)}/ws/chat/{session}"

    async def create_session(self) -> str:
        async with self.http.post(f"{self.server.url}/api/sessions", json={"mcp_config": []}) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["session_id"])

    async def detail(self, session_id: str) -> dict[str, Any]:
        async with self.http.get(f"{self.server.url}/api/sessions/{session_id}") as answer:
            return dict(await answer.json())

    async def restart(self, between: Callable[[], object] = lambda: None) -> None:
        """In a thread, so that the client sees its old connections end."""

        def again() -> None:
            self.server.kill()
            between()
            with on(SERVER_CORES):
                self.server.restart()

        await asyncio.to_thread(again)


@asynccontextmanager
async def standing(
    profile: str, quick: bool, messages: int = 100_000, others: int = 0, flame: Path | None = None
) -> AsyncIterator[Stand]:
    os.sched_setaffinity(0, OTHER_CORES)
    with contextlib.ExitStack() as stack:
        provider = Process("tests.harness.provider", OTHER_CORES)
        stack.callback(provider.kill)
        url = f"http://127.0.0.1:{provider.port}/v1"
        relay = Process("tests.benchmarks.relay", SERVER_CORES, "--provider", url)
        stack.callback(relay.kill)
        # As its manual advises; its own 128 MB are for any machine.
        POSTGRES_OPTIONS["shared_buffers"] = f"{memory_bytes() // 4 // 2**20}MB"
        database = postgres().create_database()
        stack.callback(postgres().drop_database, database)
        arguments = ("--provider", url, "--database", database)
        first_design = Process("tests.benchmarks.first_design", SERVER_CORES, *arguments)
        stack.callback(first_design.kill)
        site = Site(profile, url, processes=1, MAX_SOCKETS_PER_USER="5000")
        flame_file = flame / "stacks.txt" if flame else None
        if flame_file is not None:
            site.servers[0].run_by = ["-m", "tests.benchmarks.flame", str(flame_file)]
        with on(SERVER_CORES):
            stack.enter_context(site)
        stand = Stand(profile, quick, site, relay, first_design, url, messages, others, flame_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as stand.http:
            await stand.login()
            yield stand
