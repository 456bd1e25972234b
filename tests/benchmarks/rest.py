"""Lists and details per second, with a hundred thousand sessions."""

import asyncio
import time

import aiohttp

from tests.benchmarks.stand import Stand
from tests.benchmarks.table import Row, Table
from tests.harness.server import EMAIL

SESSIONS = 100_000
LOAD = f"""
import datetime, uuid
from django.contrib.auth import get_user_model
from django.utils import timezone
from sessions_app.models import ChatSession, Message, SessionTally
alice = get_user_model().objects.get(email="{EMAIL}")
now = timezone.now() - datetime.timedelta(days=1)
count = {SESSIONS}
for start in range(0, count, 10_000):
    moments = [now - datetime.timedelta(seconds=number) for number in range(start, start + 10_000)]
    ChatSession.objects.bulk_create([
        ChatSession(
            owner=alice, session_id=f"bench_{{start + number}}", title=f"Conversation {{start + number}}",
            model="gpt-5.2", message_count=50, last_position=50, last_message_preview="word " * 20,
            created_at=moment, updated_at=moment, last_used_at=moment,
        )
        for number, moment in enumerate(moments)
    ], batch_size=2000)
SessionTally.objects.change(alice.pk, "default", count)
detailed = ChatSession.objects.filter(owner=alice, session_id__in=[f"bench_{{n}}" for n in range(100)])
Message.objects.bulk_create([
    Message(session=session, position=position, role="user" if position % 2 else "assistant",
            content="word " * 60, created_at=now)
    for session in detailed for position in range(1, 51)
], batch_size=1000)
"""


async def lists_and_details(stand: Stand) -> Table:
    table = Table(
        f"REST with {SESSIONS:,} sessions (kB are of one answer)", ["what", "through", "kB", "a second", "p99 ms"]
    )
    await stand.restart(lambda: stand.site.manage("shell", "-c", LOAD))
    base = stand.server.url
    whats = [
        ("list of 50", [f"{base}/api/sessions?limit=50"]),
        ("list of 50 at 50,000", [f"{base}/api/sessions?limit=50&offset=50000"]),
        ("health", [f"{base}/api/health"]),
        ("config", [f"{base}/api/config"]),
        ("detail of 50 messages", [f"{base}/api/sessions/bench_{number}" for number in range(100)]),
    ]
    for what, urls in whats:
        async with stand.http.get(urls[0]) as answer:
            assert answer.status == 200, await answer.text()
            size = len(await answer.read())
        for through in ("relay", "server"):
            asked = [f"{stand.relay_url}/list?bytes={size}"] if through == "relay" else urls
            rate, p99 = await _rate(stand.http, asked, 2 if stand.quick else 5)
            row = Row([what, through, f"{size / 1000:.1f}", f"{rate:,.0f}", f"{p99:.1f}"])
            if through == "server" and what == "list of 50":
                row.expect("≥ 1,100 a second", rate >= 1100)
            if through == "server" and what == "health":
                row.expect("≥ 6,000 a second", rate >= 6_000)
            table.rows.append(row)
    return table


async def _rate(http: aiohttp.ClientSession, urls: list[str], seconds: float) -> tuple[float, float]:
    times: list[float] = []
    end = time.monotonic() + seconds

    async def ask(worker: int) -> None:
        number = worker
        while (since := time.monotonic()) < end:
            async with http.get(urls[number % len(urls)]) as answer:
                await answer.read()
                assert answer.status == 200
            times.append(time.monotonic() - since)
            number += 8

    since = time.monotonic()
    await asyncio.gather(*(ask(worker) for worker in range(8)))
    took = time.monotonic() - since
    times.sort()
    return len(times) / took, times[int(len(times) * 0.99)] * 1000
