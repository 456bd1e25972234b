"""What the server stands on goes away and comes back, in mid-stream.

    python -m tests.faults.outages --profile postgres -n 20

With PostgreSQL and Redis: Redis killed and started again, flushed, paused; PostgreSQL restarted, and crashed; every
connection of the pool held. With SQLite: the database locked by another program, and no room on the disk. Meanwhile
requests may be refused with 503 or 429, which say when to come again, and with nothing else. Besides those who talk,
each session has a client at each process that only reads, and has not missed anything when all is quiet again.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import resource
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psycopg

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.listeners import listening
from tests.faults.site import FaultySite, faulty_site, note_refusals
from tests.faults.talkers import GONE, sign_in, talking
from tests.harness.client import Client

SESSIONS = 8
PAUSE_S = 3.0
LOCKED_S = 10.0
FULL_S = 4.0
CRASHED_S = 1.0
POOL = 16  # connections of one process: fewer than its threads would take, were they all busy
DISK_BYTES = 160 * 1024 * 1024  # SQLite's log alone may take 64 MiB

Outage = Callable[[FaultySite], Awaitable[None]]


async def run(options: Options, which: tuple[Outage, ...] = ()) -> Figures:
    with small_disk() as disk:
        environment = {"DATA_DIR": str(disk)} if disk and options.profile == "sqlite" else {}
        with faulty_site(options.profile, options.processes, DATABASE_POOL_MAX=str(POOL), **environment) as site:
            return await attack(site, options.n, options.seed, which=which)


async def run_without_redis(options: Options) -> Figures:
    return await run(options, LOSSES_OF_REDIS)


async def attack(
    site: FaultySite, outages: int, seed: int, sessions: int = SESSIONS, which: tuple[Outage, ...] = ()
) -> Figures:
    figures = Figures("outages", site.profile, seed)
    dice = random.Random(seed)
    chosen = itertools.cycle(which or (OF_SEVERAL if site.several else OF_ONE))
    async with (
        listening(site, figures) as listen,
        talking(site, figures, sessions) as talkers,
        asked(site, figures),
    ):
        listen(talker.session_id for talker in talkers)
        for outage in itertools.islice(chosen, outages):
            await asyncio.sleep(dice.random() * 2)
            await outage(site)
            figures.done[outage.__name__.replace("_", " ")] += 1
    figures.found("stuck", f"servers died: {site.dead()}", len(site.dead()))
    if not site.several:
        # Nobody died, so no run is lost. (PostgreSQL may have committed a claim whose answer it could not give.)
        figures.found("cut for nothing", "a run", len(figures.took_s.get("orphan ended", [])))
    note_refusals(site, figures)
    return figures


@asynccontextmanager
async def asked(site: FaultySite, figures: Figures) -> AsyncIterator[None]:
    """Somebody asks each server for this and that all the while."""
    signed_in = await sign_in(site)
    clients = [signed_in.at(server.url) for server in site.servers]

    async def ask(client: Client) -> None:
        for number in itertools.count():
            with suppress(*GONE):
                answer = await (
                    client.http.get("/api/sessions")
                    if number % 2
                    else client.http.post("/api/sessions", json={"title": "made in need"})
                )
                figures.done["requests"] += 1
                figures.done["refused"] += answer.status_code in (429, 503)
                refused_well = answer.status_code in (429, 503) and "retry-after" in answer.headers
                if not (answer.is_success or refused_well):
                    figures.found("other errors", f"{answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(ask(client)) for client in clients]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in (signed_in, *clients):
            await client.close()


# -- PostgreSQL and Redis


async def redis_killed(site: FaultySite) -> None:
    await asyncio.to_thread(site.redis.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(site.redis.start)


async def redis_restarted(site: FaultySite) -> None:
    await asyncio.to_thread(site.redis.kill)
    await asyncio.to_thread(site.redis.start)


async def redis_flushed(site: FaultySite) -> None:
    """And whoever listens is cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.redis.port)
    for line in (b"FLUSHALL\r\n", b"CLIENT KILL TYPE pubsub\r\n", b"CLIENT KILL TYPE normal SKIPME yes\r\n"):
        writer.write(line)
        await reader.readline()
    writer.close()


async def redis_paused(site: FaultySite) -> None:
    site.redis.pause()
    await asyncio.sleep(PAUSE_S)
    site.redis.resume()


async def postgres_restarted(site: FaultySite) -> None:
    await asyncio.to_thread(site.postgres.stop)
    await asyncio.to_thread(site.postgres.start)


async def postgres_crashed(site: FaultySite) -> None:
    await asyncio.to_thread(site.postgres.stop, signal.SIGQUIT)
    await asyncio.sleep(CRASHED_S)
    await asyncio.to_thread(site.postgres.start)


async def pool_exhausted(site: FaultySite) -> None:
    """Another program holds a row that many requests want, so that these hold the connections, for a while."""
    client = await sign_in(site)
    session = await client.create_session()

    async def rename() -> None:
        with suppress(*GONE):
            await client.http.patch(f"/api/sessions/{session}", json={"title": "waits"}, timeout=PAUSE_S * 3)

    async with await psycopg.AsyncConnection.connect(site.environment["DATABASE_URL"]) as other:
        await other.execute("SELECT * FROM sessions_app_chatsession WHERE session_id = %s FOR UPDATE", [session])
        waiting = [asyncio.create_task(rename()) for _ in range(2 * POOL)]
        await asyncio.sleep(PAUSE_S)
        await other.rollback()
    await asyncio.gather(*waiting)
    await client.close()


# -- SQLite


async def database_locked(site: FaultySite) -> None:
    other = sqlite3.connect(Path(site.environment["DATA_DIR"]) / "app.db", timeout=30, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await asyncio.sleep(LOCKED_S)
    other.execute("ROLLBACK")
    other.close()


async def disk_full(site: FaultySite) -> None:
    """All that is left of a small mount is filled; where none can be mounted, the server may make no file longer."""
    with no_room(site):
        await asyncio.sleep(FULL_S)


@contextmanager
def no_room(site: FaultySite) -> Iterator[None]:
    disk = Path(site.environment["DATA_DIR"])
    if disk.is_mount():
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (1024 * 1024, 4096):
                with suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass
        yield
        ballast.unlink()
        return
    limits = {server.pid: resource.prlimit(server.pid, resource.RLIMIT_FSIZE) for server in site.servers}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (16 * 1024, hard))
    yield
    for pid, limit in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A mount of its own for the data, or None where none may be made."""
    directory = Path(tempfile.mkdtemp(prefix="small-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(directory)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield directory if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(directory)], check=False)
        directory.rmdir()


LOSSES_OF_REDIS: tuple[Outage, ...] = (redis_killed, redis_flushed, redis_paused, redis_restarted)
OF_SEVERAL: tuple[Outage, ...] = (*LOSSES_OF_REDIS, postgres_restarted, pool_exhausted, postgres_crashed)
OF_ONE: tuple[Outage, ...] = (database_locked, disk_full)


if __name__ == "__main__":
    command.main(run, "outages", 7)
