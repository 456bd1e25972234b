"""What one message costs, from its start to its end, while its conversation grows; and what a start costs."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from tests.benchmarks.stand import SERVER_CORES, Stand, on
from tests.benchmarks.streams import THROUGH, Stream, measured, opened
from tests.benchmarks.table import Row, Table

AT_ONCE = 40  # messages of one figure
MESSAGES = 280
ITEMS = 2  # that one message adds to the context
FIRST_TOKEN_MS = {"sqlite": 6, "postgres": 8}


@dataclass
class Figures:
    cpu_ms: float
    first_ms: float


async def growing(stand: Stand) -> Table:
    """One session, one short answer after another."""
    table = Table("Messages of one token, in one session that grows", ["through", "messages", "CPU ms each", "p50 ms"])
    count = 120 if stand.quick else MESSAGES
    for through in THROUGH:
        (stream,), _ = await opened(stand, through, 1)
        await _say(stream, 5)
        young = await _figures(stand, through, stream)
        await _say(stream, count - 2 * AT_ONCE)
        old = await _figures(stand, through, stream)
        rows = [
            Row([through, label, f"{figures.cpu_ms:.1f}", f"{figures.first_ms:.1f}"])
            for label, figures in ((f"first {AT_ONCE}", young), (f"after {count - AT_ONCE}", old))
        ]
        if through == "server":
            each_us = (old.cpu_ms - young.cpu_ms) * 1000 / (ITEMS * (count - AT_ONCE))
            most_ms = FIRST_TOKEN_MS[stand.profile]
            rows[0].expect(f"first token ≤ {most_ms} ms", young.first_ms <= most_ms)
            rows[0].expect("≤ 6 ms of CPU", young.cpu_ms <= 6)
            rows[1].expect(f"≤ 3 µs more for each item (it is {each_us:.1f})", each_us <= 3)
            rows[1].expect("first token ≤ 1.2 × the young one", old.first_ms <= 1.2 * young.first_ms)
        table.rows += rows
        stream.socket.close()
    return table


async def _figures(stand: Stand, through: str, stream: Stream) -> Figures:
    target = measured(stand, through)
    before = target.cpu_s()
    times = await _say(stream, AT_ONCE)
    await asyncio.sleep(0.2)  # what is done after an end was told
    return Figures((target.cpu_s() - before) / AT_ONCE * 1000, statistics.median(times))


async def _say(stream: Stream, count: int) -> list[float]:
    times = []
    for _ in range(count):
        since = time.monotonic_ns()
        stream.say("say 1 words")
        await asyncio.wait_for(stream.ended.wait(), 60)
        times.append((stream.deltas[0][0] - since) / 1e6)
    return times


async def agent(stand: Stand) -> Table:
    table = Table("One message in the agent alone, by the items before it", ["items", "CPU ms"])
    code = "from tests.benchmarks.agent_alone import main; main()"
    told = await asyncio.to_thread(stand.site.manage, "shell", "-v", "0", "-c", code)
    figures = {int(length): each_ms for length, each_ms in orjson.loads(told.splitlines()[-1]).items()}
    table.rows = [Row([f"{length:,}", f"{each_ms:.2f}"]) for length, each_ms in figures.items()]
    shortest, longest = min(figures), max(figures)
    each_us = (figures[longest] - figures[shortest]) * 1000 / (longest - shortest)
    table.rows[-1].expect(f"≤ 3 µs more for each item (it is {each_us:.2f})", each_us <= 3)
    return table


async def start(stand: Stand) -> Table:
    """Until it serves, and until it could answer a message: the agent is loaded meanwhile."""
    table = Table("A start, the fastest of three", ["until", "s", "CPU s", "MB"])
    began = [await asyncio.to_thread(_begin, stand) for _ in range(3)]
    serving, answering = (min(moments) for moments in zip(*began, strict=True))
    for until, moment in (("it serves", serving), ("it has its agent", answering)):
        table.rows.append(Row([until, f"{moment.took_s:.2f}", f"{moment.cpu_s:.2f}", f"{moment.size_mb:.0f}"]))
    table.rows[0].expect("≤ 1.5 s", serving.took_s <= 1.5)
    table.rows[0].expect("≤ 120 MB", serving.size_mb <= 120)
    return table


class Moment(NamedTuple):
    took_s: float
    cpu_s: float
    size_mb: float


def _begin(stand: Stand) -> tuple[Moment, Moment]:
    server = stand.server
    server.kill()
    since = time.monotonic()

    def moment() -> Moment:
        return Moment(time.monotonic() - since, server.cpu_s(), server.rss_bytes() / 1e6)

    with on(SERVER_CORES):
        server.start()
    server.wait(for_agent=False)
    serving = moment()
    server.wait()
    return serving, moment()
