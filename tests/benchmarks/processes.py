"""Streams over several processes with PostgreSQL and Redis: what a token costs each of them; and very many sockets."""

import asyncio
import time
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import aiohttp
import psycopg
import redis

from tests.benchmarks.stand import SERVER_CORES, Stand, on
from tests.benchmarks.streams import Stream
from tests.benchmarks.table import Row, Table
from tests.harness.server import EMAIL, PASSWORD, Site, cpu_s
from tests.harness.services import postgres

PACE = 50
STREAMS = 40
MOST = 1.05  # times what it costs with one process


@dataclass
class Used:
    """Since they were started."""

    servers_s: float
    postgres_s: float
    redis_s: float
    transactions: int
    redis_commands: int

    @classmethod
    def by(cls, site: Site) -> "Used":
        with psycopg.connect(site.database_url, autocommit=True) as database:
            database.execute("SELECT pg_stat_force_next_flush()")
            name = database.info.dbname
            row = database.execute(
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", [name]
            ).fetchone()
        with redis.Redis.from_url(site.environment["REDIS_URL"]) as client:
            said = client.info()
        assert isinstance(said, dict) and row is not None
        servers_s = sum(server.cpu_s() for server in site.servers)
        redis_s = said["used_cpu_user"] + said["used_cpu_sys"]
        return cls(servers_s, postgres_cpu_s(), redis_s, int(row[0]), int(said["total_commands_processed"]))

    def since(self, before: "Used") -> "Used":
        return Used(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))


def postgres_cpu_s() -> float:
    """Of all its processes, those that have ended among them; asked again where one ends meanwhile."""
    process = postgres().process
    assert process is not None, "name no TEST_DATABASE_URL: its processes are measured"
    while True:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ended_s = (int(fields[13]) + int(fields[14])) / 100
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        with suppress(FileNotFoundError):
            return cpu_s(process.pid) + ended_s + sum(cpu_s(int(child)) for child in children)


async def processes(stand: Stand) -> Table:
    table = Table(
        f"{STREAMS} streams of {PACE} tokens a second over several processes, all on one core",
        ["processes", "tokens/s", "servers", "PostgreSQL", "Redis", "transactions/s", "Redis commands/s", "p99 ms"],
    )
    table.heads[2:5] = [f"{name} µs per token" for name in table.heads[2:5]]
    if stand.profile != "postgres":
        table.rows.append(Row(["needs --profile postgres", *[""] * 7]))
        return table
    alone = 0.0
    for count in (1, 2, 4):
        with on(SERVER_CORES):
            site = Site("postgres", stand.provider_url, processes=count, MAX_SOCKETS_PER_USER="5000")
            await asyncio.to_thread(site.__enter__)
        try:
            row, each = await _measure(site, count, 100 if stand.quick else 400)
        finally:
            await asyncio.to_thread(site.__exit__)
        alone = alone or each
        row.expect(f"≤ {MOST} × one process (it is {each / alone:.2f})", each <= MOST * alone)
        table.rows.append(row)
    return table


async def token_of(http: aiohttp.ClientSession, site: Site) -> str:
    async with http.post(f"{site.url}/api/auth/login", json={"email": EMAIL, "password": PASSWORD}) as answer:
        return str((await answer.json())["access_token"])


async def _measure(site: Site, count: int, words: int) -> tuple[Row, float]:
    """And the servers' processor time for a token."""
    async with aiohttp.ClientSession() as http:
        token = await token_of(http, site)
        http.headers["Authorization"] = f"Bearer {token}"
        streams = []
        for number in range(STREAMS):
            url = site.servers[number % count].url
            async with http.post(f"{url}/api/sessions", json={"mcp_config": []}) as answer:
                session = (await answer.json())["session_id"]
            address = f"{url.replace('http', 'ws', 1)}/ws/chat/{session}?after=0"
            streams.append(await Stream().open(address, token))
    await _all_say(streams, "say 1 word")
    before, since = Used.by(site), time.monotonic()
    await _all_say(streams, f"stamp {words}; pace {PACE}")
    took_s, used = time.monotonic() - since, Used.by(site).since(before)
    tokens = sum(len(stream.text.split()) for stream in streams)
    delays = sorted(delay for stream in streams for delay in stream.delays_ms())
    for stream in streams:
        stream.socket.close()
    each = used.servers_s / tokens * 1e6
    row = Row([str(count), f"{tokens / took_s:,.0f}", f"{each:.0f}"])
    row.cells += [f"{seconds / tokens * 1e6:.0f}" for seconds in (used.postgres_s, used.redis_s)]
    row.cells += [f"{number / took_s:,.0f}" for number in (used.transactions, used.redis_commands)]
    row.cells.append(f"{delays[int(len(delays) * 0.99)]:.0f}")
    row.expect("no text lost", tokens == STREAMS * words)
    return row, each


async def _all_say(streams: list[Stream], text: str) -> None:
    for stream in streams:
        stream.say(text)
        await asyncio.sleep(1 / STREAMS)
    await asyncio.wait_for(asyncio.gather(*(stream.ended.wait() for stream in streams)), 120)
