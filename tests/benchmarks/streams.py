"""Tokens through the whole path: how many, how dear, how late."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field

import orjson

from tests.benchmarks.fast_socket import FastSocket
from tests.benchmarks.stand import Process, Stand
from tests.benchmarks.table import Row, Table
from tests.harness.server import Server

PACE = 50
BURST = 12_000


@dataclass
class Stream:
    """One socket and what it was told, with the times."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    deltas: list[tuple[int, str]] = field(default_factory=list)
    socket: FastSocket = field(init=False)

    def on_text(self, now: int, payload: bytes) -> None:
        frame = orjson.loads(payload)
        if frame["type"] == "delta":
            self.deltas.append((now, frame["content"]))
        elif frame["type"] == "stream_end":
            self.ended.set()

    async def open(self, url: str, token: str = "") -> "Stream":
        self.socket = await FastSocket.open(url, self.on_text, token)
        return self

    def say(self, text: str) -> None:
        self.ended.clear()
        self.deltas.clear()
        self.socket.send(orjson.dumps({"type": "message", "messages": [{"content": text}]}))

    @property
    def text(self) -> str:
        return "".join(content for _, content in self.deltas)

    def delays_ms(self) -> list[float]:
        return [(now - int(stamp)) / 1e6 for now, content in self.deltas for stamp in content.split()]


THROUGH = ("relay", "first design", "server")


async def opened(stand: Stand, through: str, count: int) -> tuple[list[Stream], list[str]]:
    """The streams, and of the server their sessions."""
    if through == "relay":
        url = f"ws://127.0.0.1:{stand.relay.port}/"
        return [await Stream().open(url) for _ in range(count)], []
    if through == "first design":
        return [await Stream().open(await stand.first_design_socket()) for _ in range(count)], []
    sessions = [await stand.create_session() for _ in range(count)]
    return [await Stream().open(stand.socket_url(session), stand.token) for session in sessions], sessions


def measured(stand: Stand, through: str) -> Process | Server:
    return {"relay": stand.relay, "first design": stand.first_design}.get(through, stand.server)


async def paced(stand: Stand) -> Table:
    table = Table(
        f"Paced streams, {PACE} tokens a second each, their starts included",
        ["streams", "tokens each", "through", "tokens/s", "CPU µs per token", "× relay", "p50 ms", "p99 ms", "lost"],
    )
    shapes = [(1, 200), (50, 200), (200, 200)] if stand.quick else [(1, 500), (50, 200), (50, 1000), (200, 500)]
    for count, words in shapes:
        base = relayed = 0.0
        for through in THROUGH:
            streams, sessions = await opened(stand, through, count)
            target = measured(stand, through)
            if through != "relay":  # the first message of a session names it, which is no part of a stream
                await asyncio.gather(*(_warm(stream) for stream in streams))
            before, since = target.cpu_s(), time.monotonic()
            for stream in streams:
                stream.say(f"stamp {words}; pace {PACE}")
                await asyncio.sleep(1 / count)
            await asyncio.wait_for(asyncio.gather(*(s.ended.wait() for s in streams)), words / PACE * 4 + 20)
            took, cpu = time.monotonic() - since, target.cpu_s() - before
            tokens = sum(len(stream.text.split()) for stream in streams)
            lost = count * words - tokens
            for stream, session in zip(streams, sessions, strict=False):
                lost += (await stand.detail(session))["messages"][-1]["content"] != stream.text
            delays = sorted(delay for stream in streams for delay in stream.delays_ms())
            p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
            per_token = cpu / tokens * 1e6
            base, relayed = base or per_token, relayed or tokens / took
            cells = [str(count), str(words), through, f"{tokens / took:,.0f}", f"{per_token:.0f}"]
            cells += [f"{per_token / base:.1f}", f"{p50:.1f}", f"{p99:.1f}", str(lost)]
            row = Row(cells)
            if through == "server":
                row.expect("no text lost", lost == 0)
                if count == 50:
                    most = 150 if words == 200 else 110
                    row.expect(f"CPU ≤ {most} µs", per_token <= most)
                    row.expect("p50 ≤ 4 ms, p99 ≤ 20 ms", p50 <= 4 and p99 <= 20)
                if count == 200:
                    share = tokens / took / relayed
                    row.expect(f"≥ 0.95 of the relay's tokens/s (it is {share:.2f})", share >= 0.95)
            table.rows.append(row)
            for stream in streams:
                stream.socket.close()
    return table


async def _warm(stream: Stream) -> None:
    stream.say("say 1 word")
    await asyncio.wait_for(stream.ended.wait(), 60)


async def burst(stand: Stand) -> Table:
    table = Table(
        f"One burst of {BURST:,} tokens", ["through", "tokens/s", "CPU ms per 1,000", "× relay", "frames", "lost"]
    )
    base = 0.0
    for through in THROUGH:
        (stream,), sessions = await opened(stand, through, 1)
        await _warm(stream)
        target, rates, costs = measured(stand, through), [], []
        lost = frames = 0
        for _ in range(3 if stand.quick else 5):
            before, since = target.cpu_s(), time.monotonic()
            stream.say(f"say {BURST} words")
            await asyncio.wait_for(stream.ended.wait(), 60)
            rates.append(BURST / (time.monotonic() - since))
            costs.append((target.cpu_s() - before) / BURST * 1e6)
            lost += BURST - len(stream.text.split())
            frames = len(stream.deltas)
            for session in sessions:
                lost += (await stand.detail(session))["messages"][-1]["content"] != stream.text
        rate, cost = statistics.median(rates), statistics.median(costs)
        base = base or max(cost, 0.1)
        row = Row([through, f"{rate:,.0f}", f"{cost:.1f}", f"{cost / base:.1f}", str(frames), str(lost)])
        if through == "server":
            row.expect("no text lost", lost == 0)
            row.expect("≥ 20,000 tokens/s", rate >= 20_000)
        table.rows.append(row)
        stream.socket.close()
    return table


async def first_token(stand: Stand) -> Table:
    """From the client's send to the first delta, less the same straight from the provider."""
    table = Table("Time to the first token", ["through", "", "ms", "added ms"])
    direct = statistics.median([await _direct(stand) for _ in range(20)])
    table.rows.append(Row(["provider alone", "warm", f"{direct:.1f}", ""]))
    for through in THROUGH:
        if through == "server":
            await stand.restart()
        (stream,), _ = await opened(stand, through, 1)
        times = [await _first(stream) for _ in range(21)]
        warm = statistics.median(times[1:])
        if through == "server":
            table.rows.append(Row([through, "first after a start", f"{times[0]:.1f}", f"{times[0] - direct:.1f}"]))
        row = Row([through, "warm", f"{warm:.1f}", f"{warm - direct:.1f}"])
        if through == "server":
            row.expect("added ≤ 6 ms (PostgreSQL: 8)", warm - direct <= (6 if stand.profile == "sqlite" else 8))
        table.rows.append(row)
        stream.socket.close()
    return table


async def _first(stream: Stream) -> float:
    since = time.monotonic_ns()
    stream.say("say 3 words")
    await asyncio.wait_for(stream.ended.wait(), 60)
    return (stream.deltas[0][0] - since) / 1e6


async def _direct(stand: Stand) -> float:
    body = {"model": "gpt-5.2", "stream": True, "input": [{"role": "user", "content": "say 3 words"}]}
    since = time.monotonic_ns()
    async with stand.http.post(f"{stand.provider_url}/responses", json=body) as answer:
        async for chunk in answer.content.iter_any():
            if b"output_text.delta" in chunk:
                break
    return (time.monotonic_ns() - since) / 1e6
