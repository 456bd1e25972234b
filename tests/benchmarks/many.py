"""Ten thousand sockets, each of a session of its own, over four processes with PostgreSQL and Redis, while five hundred
of the sessions are answered."""

import asyncio
import time

import aiohttp

from tests.benchmarks.processes import Used, token_of
from tests.benchmarks.stand import SERVER_CORES, Stand, on
from tests.benchmarks.streams import Stream
from tests.benchmarks.table import Row, Table
from tests.harness.server import EMAIL, Site

PROCESSES, SOCKETS, STREAMS = 4, 10_000, 500
EACH = SOCKETS // STREAMS  # of so many sessions one is answered
AT_ONCE = 40  # that are being opened
PACE, WORDS = 4, 120  # tokens a second and tokens of a stream: as much as one core for four processes carries
BEGIN_S = 10.0  # over which the streams begin
SESSIONS = """
from django.contrib.auth import get_user_model
from sessions_app.models import ChatSession, SessionTally
from sessions_app.search.shelves import scheme
owner = get_user_model().objects.get(email="{email}")
names = [f"many_{{n}}" for n in range({count})]
same = {{"owner": owner, "model": "gpt-5.2", "search_scheme": scheme()}}
sessions = [ChatSession(public_id=name, title=name, **same) for name in names]
ChatSession.objects.bulk_create(sessions, batch_size=1000)
SessionTally.objects.change(owner.pk, "default", {count})
"""


async def many(stand: Stand) -> Table:
    count = SOCKETS // 10 if stand.quick else SOCKETS
    table = Table(
        f"{count:,} sockets and {count * STREAMS // SOCKETS} streams over {PROCESSES} processes on one core",
        ["what", "figure"],
    )
    if stand.profile != "postgres":
        table.rows.append(Row(["needs --profile postgres", ""]))
        return table
    with on(SERVER_CORES):
        site = Site(
            "postgres",
            stand.provider_url,
            processes=PROCESSES,
            MAX_SOCKETS=str(SOCKETS),
            MAX_SOCKETS_PER_USER=str(SOCKETS),
        )
        await asyncio.to_thread(site.__enter__)
    try:
        await asyncio.to_thread(site.manage, "shell", "-c", SESSIONS.format(email=EMAIL, count=count))
        await _measure(site, count, table)
    finally:
        await asyncio.to_thread(site.__exit__)
    return table


async def _measure(site: Site, count: int, table: Table) -> None:
    def tell(what: str, figure: str) -> Row:
        table.rows.append(Row([what, figure]))
        return table.rows[-1]

    async with aiohttp.ClientSession() as http:
        token = await token_of(http, site)
    empty_bytes = _memory(site)
    before, since = Used.by(site), time.monotonic()
    streams = await _open_all(site, count, token)
    took_s, used = time.monotonic() - since, Used.by(site).since(before)
    tell("sockets opened a second", f"{count / took_s:,.0f}")
    tell("an open: servers, PostgreSQL, Redis", _each_ms(used, count))
    tell("memory of a socket", f"{(_memory(site) - empty_bytes) / count / 1000:.1f} kB")

    before, since = Used.by(site), time.monotonic()
    await asyncio.sleep(10)
    used = Used.by(site).since(before)
    tell("all idle: servers, PostgreSQL, Redis", f"{_shares(used, time.monotonic() - since)} of a core")

    speaking = streams[::EACH]
    before, since = Used.by(site), time.monotonic()
    for stream in speaking:
        stream.say(f"stamp {WORDS}; pace {PACE}")
        await asyncio.sleep(BEGIN_S / len(speaking))
    waiting = [asyncio.create_task(stream.ended.wait()) for stream in speaking]
    ended, late = await asyncio.wait(waiting, timeout=300)
    took_s, used = time.monotonic() - since, Used.by(site).since(before)
    delays = sorted(delay for stream in speaking for delay in stream.delays_ms())
    tokens = sum(len(stream.text.split()) for stream in speaking)
    tell("tokens a second", f"{tokens / took_s:,.0f}")
    tell("a token, starts and idle sockets included", _each_us(used, tokens))
    tell("meanwhile: servers, PostgreSQL, Redis", f"{_shares(used, took_s)} of a core")
    tell("delay p50, p99", f"{delays[len(delays) // 2]:.1f}, {delays[int(len(delays) * 0.99)]:.0f} ms")
    closed = sum(stream.socket.closed for stream in streams)
    tell("sockets closed by the server", str(closed)).expect("none", closed == 0)
    for task in late:  # of a message that was refused, there is no answer
        task.cancel()
    tell("answers that ended", str(len(ended))).expect("all", not late)
    lost = len(speaking) * WORDS - tokens
    tell("tokens lost", str(lost)).expect("none", lost == 0)
    for stream in streams:
        stream.socket.close()


async def _open_all(site: Site, count: int, token: str) -> list[Stream]:
    room = asyncio.Semaphore(AT_ONCE)

    async def opened(number: int) -> Stream:
        # The sessions that are answered are spread over all processes, too.
        url = site.servers[number // EACH % PROCESSES].url.replace("http", "ws", 1)
        async with room:
            return await Stream().open(f"{url}/ws/chat/many_{number}?after=0", token)

    return list(await asyncio.gather(*map(opened, range(count))))


def _memory(site: Site) -> int:
    return sum(server.rss_bytes() for server in site.servers)


def _each_ms(used: Used, count: int) -> str:
    return ", ".join(f"{seconds / count * 1e3:.2f}" for seconds in _seconds(used)) + " ms of a core"


def _each_us(used: Used, count: int) -> str:
    return ", ".join(f"{seconds / count * 1e6:.0f}" for seconds in _seconds(used)) + " µs of a core"


def _shares(used: Used, took_s: float) -> str:
    return ", ".join(f"{seconds / took_s:.3f}" for seconds in _seconds(used))


def _seconds(used: Used) -> tuple[float, float, float]:
    return used.servers_s, used.postgres_s, used.redis_s
