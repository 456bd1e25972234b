"""Lists and details per second, with five hundred sessions and with a hundred thousand."""

from tests.benchmarks.fast_http import rate
from tests.benchmarks.stand import Process, Stand
from tests.benchmarks.table import Row, Table
from tests.harness.server import EMAIL, PASSWORD, Server

SESSIONS, FEW = 100_000, 500
FEW_EMAIL = "few@example.org"
LOAD = """
import datetime, itertools
from django.contrib.auth import get_user_model
from django.utils import timezone
from sessions_app.models import ChatSession, Message, SessionTally
owner = get_user_model().objects.get(email="{email}")
now = timezone.now() - datetime.timedelta(days=1)
count = {count}
for start in range(0, count, 10_000):
    numbers = range(start, min(start + 10_000, count))
    moments = [now - datetime.timedelta(seconds=number) for number in numbers]
    ChatSession.objects.bulk_create([
        ChatSession(
            owner=owner, public_id=f"bench_{{start + number}}", title=f"Conversation {{start + number}}",
            model="gpt-5.2", message_count=50, last_position=50, last_message_preview="word " * 20,
            created_at=moment, updated_at=moment, last_used_at=moment,
        )
        for number, moment in enumerate(moments)
    ], batch_size=2000)
SessionTally.objects.change(owner.pk, "default", count)
detailed = ChatSession.objects.filter(owner=owner, public_id__in=[f"bench_{{n}}" for n in range(100)])
messages = [
    Message(session=session, position=position, role="user" if position % 2 else "assistant",
            content="word " * 60, created_at=now)
    for session in detailed for position in range(1, 51)
]
for before, message in itertools.pairwise(messages):
    if message.position > 1:
        message.parent_id = before.pk
Message.objects.bulk_create(messages, batch_size=1000)
"""


async def lists_and_details(stand: Stand) -> Table:
    table = Table(
        "REST (kB are of one answer)",
        ["what", "sessions", "through", "kB", "a second", "CPU µs each", "p99 ms", "× relay"],
    )
    few_token = await _few_sessions(stand)

    def load() -> None:
        stand.site.manage("shell", "-c", LOAD.format(email=FEW_EMAIL, count=FEW))
        stand.site.manage("shell", "-c", LOAD.format(email=EMAIL, count=SESSIONS))

    await stand.restart(load)
    base = f"{stand.server.url}/api"
    details = [f"{base}/sessions/bench_{number}" for number in range(100)]
    await _measure(table, stand, "list of 50", few_token, FEW, [f"{base}/sessions?limit=50"], 1200)
    await _measure(table, stand, "list of 50", stand.token, SESSIONS, [f"{base}/sessions?limit=50"], 1100)
    for what, urls, most in (
        ("list of 50 at 50,000", [f"{base}/sessions?limit=50&offset=50000"], 0),
        ("list of 50, the long way", [f"{base}/sessions?limit=50&archived=false"], 0),
        ("detail of 50 messages", details, 0),
        ("config", [f"{base}/config"], 0),
        ("health", [f"{base}/health"], 6_000),
    ):
        await _measure(table, stand, what, stand.token, SESSIONS, urls, most)
    token = await stand.first_design_token()
    for _ in range(FEW):
        await stand.first_design_socket()
    for what, path in (("list of 50", "sessions?limit=50"), ("health", "health")):
        urls = [f"{stand.first_design_url}/api/{path}"]
        _, row, _ = await _row(stand.first_design, [what, f"{FEW:,}", "first design"], urls, token, stand.quick)
        row.cells.append("")
        table.rows.append(row)
    return table


async def _few_sessions(stand: Stand) -> str:
    """The token of somebody who will have FEW."""
    who = {"email": FEW_EMAIL, "password": PASSWORD}
    async with stand.http.post(f"{stand.server.url}/api/auth/register", json=who) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["access_token"])


async def _measure(
    table: Table, stand: Stand, what: str, token: str, sessions: int, urls: list[str], least: int
) -> None:
    """`least` answers a second are the target; 0: there is none."""
    a_second, row, size = await _row(stand.server, [what, f"{sessions:,}", "server"], urls, token, stand.quick)
    relayed, relay_row, _ = await _row(
        stand.relay, [what, "", "relay"], [f"{stand.relay_url}/list?bytes={size}"], "", stand.quick
    )
    row.cells.append(f"{a_second / relayed:.2f}")
    if least:
        row.expect(f"≥ {least:,} a second", a_second >= least)
    relay_row.cells.append("")
    table.rows += [relay_row, row]


async def _row(
    target: Server | Process, cells: list[str], urls: list[str], token: str, quick: bool
) -> tuple[float, Row, int]:
    """Answers a second, the row that says so, and the size of an answer in bytes."""
    before = target.cpu_s()
    a_second, p99_ms, size, count = await rate(urls, token, 2 if quick else 5)
    each_us = (target.cpu_s() - before) / count * 1e6
    return a_second, Row([*cells, f"{size / 1000:.1f}", f"{a_second:,.0f}", f"{each_us:.0f}", f"{p99_ms:.1f}"]), size
