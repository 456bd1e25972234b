"""kill -9 in the middle of an answer, and SIGTERM: nothing accepted is lost, each run has one end."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.harness.client import Client, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider
from tests.harness.server import Site

pytestmark = pytest.mark.slow(reason="servers are killed, and their leases run out")

ORPHAN_S = 30


@pytest.fixture(autouse=True)
def mended(site: Site) -> Iterator[None]:
    """Whatever a test did to the processes, the next one finds them all."""
    yield
    for server in site.servers:
        if server.process is None or server.process.poll() is not None:
            server.restart()


async def consistent(client: Client, session: str) -> None:
    """The history is what the log says; each run has one beginning and one end."""
    detail, events = await client.detail(session), await client.events(session)
    assert_gapless(events)
    types = Counter((event["run_id"], event["type"]) for event in events)
    for run, kind in types:
        if kind == "stream_start":
            assert (types[run, "stream_start"], types[run, "stream_end"]) == (1, 1)
    for message in detail["messages"]:
        assert message["status"] != "pending"
        if message["role"] == "assistant" and (said := text_of(events, message["id"])):
            assert message["content"] == said


@pytest.mark.parametrize(
    "script", ["say 60 words; gate {} after 25", 'tool current_time {{"timezone": "UTC"}}; gate {} in call']
)
@pytest.mark.timing(reason="a lease of a killed process runs out while others start")
async def test_a_killed_server_ends_its_run_once_and_loses_nothing(
    alice: Client, elsewhere: Client, site: Site, provider: Provider, script: str
) -> None:
    session = await alice.create_session()
    gate = f"kill{session[-8:]}"
    async with alice.chat(session) as chat:
        await chat.ask("echo before the crash")
        await chat.say(script.format(gate))
        await chat.expect("delta", "tool_call", "tool_call_arguments_delta")
        await chat.say("echo queued", client_id="queued")
        await chat.expect("accepted", client_id="queued")
        survivors = site.servers[1:]
        site.servers[0].kill()
    provider.open_gate(gate)
    if not survivors:
        site.servers[0].start()
        await asyncio.to_thread(site.servers[0].wait)
    last = chat.log[-1]["seq"]
    async with elsewhere.chat(session, after=last) as again:
        end = await again.expect("stream_end", timeout=ORPHAN_S)
        assert end["finish_reason"] in ("error", "interrupted")
        await again.expect("stream_end", finish_reason="stop", timeout=ORPHAN_S)
        assert_gapless(again.log, after=last)
        assert_whole_run(await again.ask("say 3 words"))
        said = text_of([f for f in chat.frames + again.frames if f.get("run_id") == end["run_id"]])
    await consistent(elsewhere, session)
    contents = [message["content"] for message in (await elsewhere.detail(session))["messages"]]
    assert contents.count("echo queued") == contents.count("queued") == 1
    if said:
        assert said in contents
        assert ("assistant", said) in provider.requests[-1].texts


@pytest.mark.timing(reason="the kill must fall into a moment")
async def test_what_was_accepted_a_moment_before_the_kill_is_answered(
    alice: Client, elsewhere: Client, site: Site
) -> None:
    sessions = [await alice.create_session() for _ in range(6)]
    accepted = []

    async def send(session: str) -> None:
        async with alice.chat(session) as chat:
            await chat.say(f"echo to {session}")
            await chat.expect("accepted")
            accepted.append(session)

    sending = [asyncio.create_task(send(session)) for session in sessions]
    while not accepted:
        await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    site.servers[0].kill()
    await asyncio.gather(*sending, return_exceptions=True)
    site.servers[0].start()
    await asyncio.to_thread(site.servers[0].wait)
    for session in accepted:
        async with elsewhere.chat(session, after=0) as chat:
            await chat.expect("stream_end", timeout=ORPHAN_S)
        detail = await elsewhere.detail(session)
        assert detail["messages"][0]["content"] == f"echo to {session}"
        await consistent(elsewhere, session)


@pytest.mark.timing(reason="the grace of a second is measured")
async def test_a_server_that_is_told_to_stop_says_goodbye_and_ends_its_runs(
    alice: Client, elsewhere: Client, session: str, site: Site
) -> None:
    async with alice.chat(session) as chat:
        await chat.say("say 3000 words; pace 50")
        await chat.wait_text("word5")
        stopping = asyncio.create_task(asyncio.to_thread(site.servers[0].stop, signal.SIGTERM))
        assert await chat.wait_closed(30) == 1001
        assert await stopping in (0, -signal.SIGTERM)
    site.servers[0].start()
    await asyncio.to_thread(site.servers[0].wait)
    async with elsewhere.chat(session, after=chat.log[-1]["seq"]) as again:
        if not any(frame["type"] == "stream_end" for frame in chat.frames):
            await again.expect("stream_end", timeout=ORPHAN_S)
        assert_whole_run(await again.ask("say 3 words"))
    await consistent(elsewhere, session)
