"""Runs that are executed by processes which serve nobody."""

import asyncio
import signal

import pytest

from tests.chatjuicer.operations.conftest import Start, frozen
from tests.harness.client import Client, assert_whole_run, signed_in, text_of
from tests.harness.server import Site
from tests.harness.sites import Sites

WAIT_S = 20
COUNTED = "Counting as the offline demo model: {}."
LEASE_S = 2


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    """A web server that leaves the runs to others."""
    return sites.get({"SUPERVISE_RUNS": "false", "LEASE_S": str(LEASE_S)}, processes=1, demo=True)


def counted(top: int) -> str:
    return COUNTED.format(", ".join(map(str, range(1, top + 1))))


async def test_a_message_waits_until_somebody_executes_runs(site: Site, start: Start) -> None:
    async with signed_in(site.url) as alice:
        session = await alice.create_session()
        async with alice.chat(session) as chat:
            await chat.say("count to 5")
            await chat.expect("accepted")
            await asyncio.sleep(0.5)
            assert not any(frame["type"] == "stream_start" for frame in chat.frames)
            start(site, "execute_runs", says="Executing runs")
            end = await chat.expect("stream_end", timeout=WAIT_S)
            assert end["finish_reason"] == "stop"
            assert text_of(chat.frames) == counted(5)


async def test_a_stop_reaches_the_executing_process(site: Site, start: Start) -> None:
    start(site, "execute_runs", says="Executing runs")
    async with signed_in(site.url) as alice:
        session = await alice.create_session()
        async with alice.chat(session) as chat:
            await chat.say("count to 1000")
            await chat.expect("delta", timeout=WAIT_S)
            await chat.send({"type": "interrupt"})
            end = await chat.expect("stream_end")
            assert end["finish_reason"] == "interrupted"
            frames = await chat.ask("count to 3")
            assert text_of(frames) == counted(3)


@pytest.mark.timing(reason="an answer must outlast a lease, and end within the grace")
async def test_an_answer_is_finished_before_the_process_ends(site: Site, start: Start) -> None:
    """Longer than a lease, while another process looks for runs whose lease has run out."""
    staying = start(site, "execute_runs", says="Executing runs")
    async with signed_in(site.url) as alice:
        session = await frozen(staying, alice)  # so that the other one claims the run
        leaving = start(site, "execute_runs", says="Executing runs")
        async with alice.chat(session) as chat:
            await chat.say("count to 250")
            await chat.expect("delta", timeout=WAIT_S)
            staying.send_signal(signal.SIGCONT)
            leaving.send_signal(signal.SIGTERM)
            end = await chat.expect("stream_end", timeout=WAIT_S)
            assert end["finish_reason"] == "stop"
            assert text_of(chat.frames) == counted(250)
    assert await asyncio.to_thread(leaving.wait, WAIT_S) == 0


@pytest.mark.timing(reason="a grace of half a second is measured")
async def test_an_answer_that_takes_longer_is_ended_with_what_it_said(site: Site, start: Start) -> None:
    leaving = start(site, "execute_runs", "--grace", "0.5", says="Executing runs")
    async with signed_in(site.url) as alice:
        session = await alice.create_session()
        async with alice.chat(session) as chat:
            await chat.say("count to 1000")
            await chat.expect("delta", timeout=WAIT_S)
            leaving.send_signal(signal.SIGTERM)
            end = await chat.expect("stream_end", timeout=WAIT_S)
            assert end["finish_reason"] == "error"
            assert_whole_run(chat.of_run(end["run_id"], up_to=end["seq"]))
            assert any(frame["type"] == "error" and frame["code"] == "shutdown" for frame in chat.frames)
        await assert_kept(alice, session, text_of(chat.frames))
    assert await asyncio.to_thread(leaving.wait, WAIT_S) == 0


async def assert_kept(client: Client, session: str, said: str) -> None:
    detail = await client.detail(session)
    last = detail["messages"][-1]
    assert (last["content"], last["status"], last["partial"]) == (said, "failed", True)
    assert detail["run"] is None
