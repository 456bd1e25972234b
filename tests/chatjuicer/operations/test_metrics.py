"""What an operator reads at /metrics is what happened."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.chatjuicer.operations.conftest import Start, frozen
from tests.harness.client import Client, signed_in
from tests.harness.server import ROOT, Site
from tests.harness.services import free_port
from tests.harness.sites import Sites

TOKEN = "a token for those who watch"


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get({"METRICS_TOKEN": TOKEN}, processes=1, demo=True)


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Client]:
    async with signed_in(site.url) as client:
        yield client


Samples = dict[str, float]


def samples(text: str) -> Samples:
    """By name and labels, such as `chatjuicer_runs_ended_total{status=completed}`."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def read(url: str) -> Samples:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{url}/metrics")
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


async def test_what_happens_is_counted(site: Site, alice: Client) -> None:
    before = await read(site.url)
    session = await alice.create_session()
    async with alice.chat(session) as chat:
        await chat.ask("count to 5")
        await chat.say("count to 1000")
        await chat.expect("delta")
        during = await read(site.url)
        await chat.send({"type": "interrupt"})
        await chat.expect("stream_end")
        frames = len(chat.frames)
        deltas = sum(frame["type"] == "delta" for frame in chat.frames)
    async with alice.chat(session, after=1) as chat:
        await chat.expect("stream_end")
    for _ in range(100):
        after = await read(site.url)
        if not after["chatjuicer_sockets"] and not after["chatjuicer_runs_active"]:
            break
        await asyncio.sleep(0.02)

    def grown(name: str) -> float:
        return after[f"chatjuicer_{name}"] - before[f"chatjuicer_{name}"]

    assert during["chatjuicer_runs_active"] == 1
    assert during["chatjuicer_sockets"] == 1
    assert after["chatjuicer_runs_active"] == after["chatjuicer_sockets"] == 0
    assert grown("runs_started_total") == 2
    assert grown("runs_ended_total{status=completed}") == 1
    assert grown("runs_ended_total{status=interrupted}") == 1
    assert grown("runs_ended_total{status=failed}") == 0
    assert grown("frames_out_total") > frames
    assert grown("sockets_opened_total{resumed=false}") == 1
    assert grown("sockets_opened_total{resumed=true}") == 1
    assert grown("commit_seconds_count") == grown("batch_events_count") > 10
    assert grown("batch_events_sum") >= deltas
    assert grown("loop_lag_seconds_count") > 0
    assert grown("leases_lost_total") == grown("orphans_ended_total") == grown("commit_failures_total") == 0
    assert after["process_resident_memory_bytes"] > 0


async def test_others_need_the_token(site: Site) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.7"}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as http:
        assert (await http.get("/metrics", headers=elsewhere)).status_code == 401
        wrong = await http.get("/metrics", headers={"Authorization": "Bearer another"})
        assert wrong.status_code == 401
        assert wrong.json()["error"]["code"] == "invalid_token"
        right = await http.get("/metrics", headers=elsewhere | {"Authorization": f"Bearer {TOKEN}"})
        assert right.status_code == 200


@pytest.mark.timing(reason="a process is stopped at a moment that nobody chooses, for longer than its lease")
async def test_a_lease_that_ran_out_is_counted_by_both_sides(start: Start, sites: Sites) -> None:
    """A process stands still for longer than its lease, and another ends its runs."""
    with sites.own({"SUPERVISE_RUNS": "false", "LEASE_S": "1.5"}, processes=1, demo=True) as site:
        ports = free_port(), free_port()
        watching = start(site, "execute_runs", "--metrics", f"127.0.0.1:{ports[0]}", says="Executing runs")
        async with signed_in(site.url) as alice, alice.chat(await frozen(watching, alice)) as chat:
            # So that this one claims the run.
            owner = start(site, "execute_runs", "--metrics", f"127.0.0.1:{ports[1]}", says="Executing runs")
            await chat.say("count to 1000")
            await chat.expect("delta")
            watching.send_signal(signal.SIGCONT)
            end = None
            while end is None:
                owner.send_signal(signal.SIGSTOP)
                # Where it stands still inside a transaction, nobody can end its run: again.
                with suppress(AssertionError):
                    end = await chat.expect("stream_end", timeout=5)
                if end is None:
                    owner.send_signal(signal.SIGCONT)
            assert end["finish_reason"] == "error"
            assert any(frame["type"] == "error" and frame["code"] == "process_lost" for frame in chat.frames)
            owner.send_signal(signal.SIGCONT)
            assert (await read(f"http://127.0.0.1:{ports[0]}"))["chatjuicer_orphans_ended_total"] == 1
            lost = f"http://127.0.0.1:{ports[1]}"
            for _ in range(100):
                if (await read(lost))["chatjuicer_leases_lost_total"]:
                    break
                await asyncio.sleep(0.05)
            assert (await read(lost))["chatjuicer_leases_lost_total"] == 1
            assert (await read(lost))["chatjuicer_runs_active"] == 0


def test_every_metric_is_explained() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    code = (ROOT / "chatjuicer" / "metrics.py").read_text()
    names = re.findall(r'(?:counter|gauge|histogram)\("(\w+)"|PREFIX \+ "(\w+)"', code)
    assert len(names) >= 12
    assert [name for pair in names for name in pair if name and f"chatjuicer_{name}" not in operations] == []
