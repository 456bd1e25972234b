"""The list of conversations on several devices: how soon they agree, and what one costs that only watches it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import aiohttp
import orjson

from tests.benchmarks.fast_socket import FastSocket
from tests.benchmarks.processes import token_of
from tests.benchmarks.stand import SERVER_CORES, Stand, on
from tests.benchmarks.table import Row, Table
from tests.benchmarks.viewers import settled
from tests.harness.server import Site

WITHIN_MS = 200
TIMEOUT_S = 20
IDLE_S = 21  # in which each socket is pinged once
DEARER = 1.05  # which is no more than two measurements of one thing differ

PEOPLE = """
import orjson
from chatjuicer.accounts.models import ApiKey, User
people = [User.objects.create_user(f"watcher-{number}@example.org") for number in range(COUNT)]
print(orjson.dumps([ApiKey.objects.issue(person, "bench", ["read", "chat"])[1] for person in people]).decode())
"""


class Device:
    """Hears of the account's sessions, over its own process."""

    def __init__(self) -> None:
        self._awaited: dict[tuple[str, str], asyncio.Future[int]] = {}
        self._socket: FastSocket

    async def open(self, url: str, token: str) -> "Device":
        self._socket = await FastSocket.open(f"{url.replace('http', 'ws', 1)}/ws/account", self._hear, token)
        return self

    def will_hear(self, type: str, session_id: str) -> asyncio.Future[int]:
        """When it does, in nanoseconds of time.monotonic_ns."""
        heard = self._awaited[type, session_id] = asyncio.get_running_loop().create_future()
        return heard

    def close(self) -> None:
        self._socket.close()

    def _hear(self, now: int, text: bytes) -> None:
        frame = orjson.loads(text)
        if frame["type"] == "ping":
            self._socket.send(b'{"type":"pong"}')
        heard = self._awaited.pop((frame["type"], frame.get("session_id", "")), None)
        if heard is not None:
            heard.set_result(now)


async def devices(stand: Stand) -> Table:
    table = Table(
        "Two devices of an account, from the request of a third until both were told", ["what", "p50 ms", "most ms"]
    )
    took_ms: dict[str, list[float]] = {}
    with on(SERVER_CORES):
        site = Site(stand.profile, stand.provider_url)
        await asyncio.to_thread(site.__enter__)
    try:
        async with aiohttp.ClientSession(base_url=site.url) as http:
            token = await token_of(http, site)
            http.headers["Authorization"] = f"Bearer {token}"
            both = [await Device().open(server.url, token) for server in (site.servers[0], site.servers[-1])]
            for _ in range(10 if stand.quick else 40):
                await _live(http, both, took_ms)
            for device in both:
                device.close()
    finally:
        await asyncio.to_thread(site.__exit__)
    for what, times in took_ms.items():
        row = Row([what, f"{statistics.median(times):.1f}", f"{max(times):.1f}"])
        row.expect(f"≤ {WITHIN_MS} ms", max(times) <= WITHIN_MS)
        table.rows.append(row)
    return table


async def _live(http: aiohttp.ClientSession, both: list[Device], took_ms: dict[str, list[float]]) -> None:
    """The life of a session, of which each step is timed."""
    name = f"chat_{uuid4().hex}"
    path = f"/api/sessions/{name}"

    async def step(what: str, type: str, act: Callable[[], Awaitable[object]]) -> None:
        heard = [device.will_hear(type, name) for device in both]
        began = time.monotonic_ns()
        await act()
        times = await asyncio.wait_for(asyncio.gather(*heard), TIMEOUT_S)
        took_ms.setdefault(what, []).append((max(times) - began) / 1e6)

    def ask(method: str, path: str, **body: object) -> Callable[[], Awaitable[object]]:
        async def asked() -> None:
            async with http.request(method, path, json=body) as answer:
                assert answer.status < 300, await answer.text()
                await answer.read()

        return asked

    await step("a new one", "session_created", ask("POST", "/api/sessions", session_id=name, mcp_config=[]))
    await step("another title", "session_updated", ask("PATCH", path, title="Rome"))
    await step("pinned", "session_updated", ask("PATCH", path, pinned=True))
    await step("a draft", "draft", ask("PUT", f"{path}/draft", content="And Naples"))
    answer: list[asyncio.Task[object]] = []

    async def say() -> None:
        said = [{"role": "user", "content": "say 2 words"}]
        answer.append(asyncio.ensure_future(ask("POST", "/api/chat", session_id=name, messages=said)()))

    await step("running", "session_state", say)
    await answer[0]
    await step("read", "read", ask("PUT", f"{path}/read", position=2))
    await step("deleted", "session_deleted", ask("DELETE", path))
    await step("restored", "session_restored", ask("POST", f"{path}/restore"))


async def watching(stand: Stand) -> Table:
    table = Table(
        "A client that only watches its list, beside an idle socket of a session, each of an account of its own",
        ["what", "sockets", "kB each", "CPU ms a second, of all"],
    )
    count = 200 if stand.quick else 600
    keys: list[str] = []

    def prepare() -> None:
        printed = stand.site.manage("shell", "-v", "0", "-c", PEOPLE.replace("COUNT", str(count)))
        keys.extend(orjson.loads(printed.strip().splitlines()[-1]))

    await stand.restart(prepare)
    sessions = [await _session_of(stand, key) for key in keys]
    address = f"ws://127.0.0.1:{stand.server.port}"
    idle = await _weigh(stand, [f"{address}/ws/chat/{session}" for session in sessions], keys)
    watcher = await _weigh(stand, [f"{address}/ws/account"] * count, keys)
    for what, (size_kb, cpu_ms) in (("an idle session", idle), ("a list", watcher)):
        table.rows.append(Row([what, str(count - WARM), f"{size_kb:.1f}", f"{cpu_ms:.2f}"]))
    table.rows[-1].expect("≤ an idle socket's memory", watcher[0] <= DEARER * idle[0])
    table.rows[-1].expect("≤ its time", watcher[1] <= DEARER * idle[1])
    return table


WARM = 20


async def _weigh(stand: Stand, urls: list[str], keys: list[str]) -> tuple[float, float]:
    """kB of each socket, and milliseconds of processor time that all of them take in a second."""
    await stand.restart()
    opened = [await _quiet(url, key) for url, key in zip(urls[:WARM], keys[:WARM], strict=True)]
    await settled(stand.server.rss_bytes)
    before = stand.server.rss_bytes()
    opened += [await _quiet(url, key) for url, key in zip(urls[WARM:], keys[WARM:], strict=True)]
    await settled(stand.server.rss_bytes)
    size_kb = (stand.server.rss_bytes() - before) / (len(opened) - WARM) / 1000
    cpu_s, since = _cpu_s(stand.server.pid), time.monotonic()
    await asyncio.sleep(IDLE_S)
    cpu_ms = (_cpu_s(stand.server.pid) - cpu_s) / (time.monotonic() - since) * 1000
    assert not any(socket.closed for socket in opened)
    for socket in opened:
        socket.close()
    return size_kb, cpu_ms


async def _quiet(url: str, key: str) -> FastSocket:
    """It answers what the server asks, and nothing else."""

    def hear(_now: int, text: bytes) -> None:
        if b'"ping"' in text:
            socket.send(b'{"type":"pong"}')

    socket = await FastSocket.open(url, hear, key)
    return socket


async def _session_of(stand: Stand, key: str) -> str:
    headers = {"Authorization": f"Bearer {key}"}
    async with stand.http.post(f"{stand.server.url}/api/sessions", json={"mcp_config": []}, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["session_id"])


def _cpu_s(pid: int) -> float:
    """Of all threads, finer than the ticks in which a process is told its own."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
