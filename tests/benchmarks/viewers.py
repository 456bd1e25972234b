"""Many sockets: what a delivery costs, and what an idle one weighs."""

import asyncio
import os

from tests.benchmarks.fast_socket import FastSocket
from tests.benchmarks.stand import Stand
from tests.benchmarks.streams import THROUGH, Stream, measured
from tests.benchmarks.table import Row, Table

FAN_PACE = 10


async def fan_out(stand: Stand) -> Table:
    table = Table(
        f"Fan-out of one stream of {FAN_PACE} tokens a second",
        ["sockets", "through", "deliveries", "CPU µs per delivery", "p99 ms", "sockets with a gap"],
    )
    words = 30 if stand.quick else 80
    for count in (100, 1000):
        for through in ("relay", "server"):
            target = measured(stand, through)
            if through == "relay":
                url = f"ws://127.0.0.1:{stand.relay.port}/fan"
            else:
                url = stand.socket_url(await stand.create_session())
            streams = [await Stream().open(url, stand.token) for _ in range(count)]
            # One word to all first: opening is not delivering.
            streams[0].say("say 1 word")
            await asyncio.wait_for(asyncio.gather(*(stream.ended.wait() for stream in streams)), 60)
            for stream in streams:
                stream.ended.clear()
                stream.deltas.clear()
            before = target.cpu_s()
            streams[0].say(f"stamp {words}; pace {FAN_PACE}")
            await asyncio.wait_for(asyncio.gather(*(stream.ended.wait() for stream in streams)), 120)
            cpu = target.cpu_s() - before
            deliveries = sum(len(stream.deltas) for stream in streams)
            gaps = sum(len(stream.text.split()) != words for stream in streams)
            delays = sorted(delay for stream in streams for delay in stream.delays_ms())
            each = cpu / deliveries * 1e6
            p99 = delays[int(len(delays) * 0.99)]
            row = Row([str(count), through, f"{deliveries:,}", f"{each:.1f}", f"{p99:.1f}", str(gaps)])
            if through == "server":
                row.expect("no gap", gaps == 0)
                if count == 1000:
                    row.expect("≤ 10 µs a delivery", each <= 10)
            table.rows.append(row)
            for stream in streams:
                stream.socket.close()
    return table


async def idle(stand: Stand) -> Table:
    table = Table("Memory of an idle socket, each of a session of its own", ["sockets", "through", "kB each"])
    count = 300 if stand.quick else 1000
    await stand.restart()
    for through in THROUGH:
        target = measured(stand, through)
        urls = await _socket_urls(stand, through, count)
        warm = await _open_all(urls[:20], stand.token)
        await settled(target.rss_bytes)
        before = target.rss_bytes()
        sockets = await _open_all(urls[20:], stand.token)
        await settled(target.rss_bytes)
        each = (target.rss_bytes() - before) / len(sockets) / 1000
        row = Row([str(len(sockets)), through, f"{each:.1f}"])
        if through == "server":
            row.expect("≤ 25 kB", each <= 25)
        table.rows.append(row)
        for socket in warm + sockets:
            socket.close()
    return table


async def _socket_urls(stand: Stand, through: str, count: int) -> list[str]:
    if through == "relay":
        return [f"ws://127.0.0.1:{stand.relay.port}/"] * count
    if through == "first design":
        return [await stand.first_design_socket() for _ in range(count)]
    return [stand.socket_url(await stand.create_session()) for _ in range(count)]


async def _open_all(urls: list[str], token: str) -> list[FastSocket]:
    return [await FastSocket.open(url, lambda _now, _text: None, token) for url in urls]


async def settled(read: object) -> None:
    """Until the figure stands still for half a second."""
    assert callable(read)
    last, still = read(), 0
    page = os.sysconf("SC_PAGE_SIZE")
    for _ in range(100):
        await asyncio.sleep(0.1)
        now = read()
        still = still + 1 if abs(now - last) <= 16 * page else 0
        last = now
        if still >= 5:
            return
