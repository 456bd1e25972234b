"""The Python client against real servers that are cut off, killed and restarted."""

import asyncio
import dataclasses
import json
import math
import os
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from websockets.asyncio.server import ServerConnection, serve

from chatjuicer_client import (
    ApprovalRequest,
    AsyncClient,
    AsyncExchange,
    AsyncSession,
    AwaitingApproval,
    ChatJuicerError,
    Client,
    Ended,
    FileStore,
    MemoryStore,
    MessageCreated,
    Reasoning,
    RunFailed,
    Started,
    Text,
    Tokens,
    ToolCall,
    UnsentMessages,
    Usage,
)
from tests.clients.relay import Relay
from tests.harness.client import signed_in, socket
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site

pytestmark = pytest.mark.only("sqlite", reason="what the databases do, other tests ask; one is enough for the client")


async def through(relay: Relay, client: AsyncClient, unsent: UnsentMessages | None = None) -> AsyncClient:
    """The same person by another way."""
    other = AsyncClient(relay.url, trust_env=False, unsent=unsent)
    await other.sign_in(EMAIL, PASSWORD)
    return other


async def until_text(exchange: AsyncExchange, text: str) -> None:
    async for event in exchange:
        if isinstance(event, Text) and text in exchange.text:
            return
    raise AssertionError(f"it ended with {exchange.text}")


def modes_in(directory: Path) -> list[int]:
    return [path.stat().st_mode & 0o777 for path in directory.iterdir()]


async def said(session: AsyncSession, role: str) -> list[str]:
    return [message.content async for message in session.messages() if message.role == role]


async def test_an_answer_is_typed_events_that_add_up_to_the_message(client: AsyncClient) -> None:
    session = await client.create_session(title="Typed")
    exchange = session.chat('reasoning 3; tool current_time {"timezone": "UTC"}; say 40 words')
    events = [event async for event in exchange]
    kinds = [type(event) for event in events]
    assert kinds[:2] == [MessageCreated, Started] and kinds[-1] is Ended
    assert {Reasoning, ToolCall, Text, Usage} <= set(kinds)
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert (calls[-1].status, calls[-1].name, calls[-1].success) == ("completed", "current_time", True)
    assert exchange.text == " ".join(f"word{number}" for number in range(1, 41))
    assert await said(session, "assistant") == [exchange.text]
    numbers = [event.seq or 0 for event in events]
    assert numbers == sorted(set(numbers))
    assert (await session.ask("echo again")).text == "again"


async def test_what_is_accepted_once_is_not_said_twice_however_often_the_word_of_it_is_lost(
    client: AsyncClient, site: Site, tmp_path: Path
) -> None:
    session = await client.create_session()
    async with Relay(site.url) as relay:
        unsent = UnsentMessages(tmp_path)
        async with await through(relay, client, unsent) as far:
            relay.swallow('"type":"accepted"', times=2)
            exchange = far.session(session.id).chat("say 30 words")
            answer = await exchange.answer()
            assert list(unsent) == []
            assert relay.connections >= 3
    assert answer.text == " ".join(f"word{number}" for number in range(1, 31))
    assert await said(session, "user") == ["say 30 words"]
    assert await said(session, "assistant") == [answer.text]


async def test_an_answer_goes_on_behind_each_lost_connection(
    client: AsyncClient, site: Site, provider: Provider
) -> None:
    session = await client.create_session()
    async with Relay(site.url) as relay, await through(relay, client) as far:
        exchange = far.session(session.id).chat("say 60 words; gate first after 10; gate second after 30")
        for gate, word in (("first", "word10"), ("second", "word30")):
            await until_text(exchange, word)
            relay.cut()
            provider.open_gate(gate)
        assert (await exchange.answer()).text == " ".join(f"word{number}" for number in range(1, 61))
    assert await said(session, "user") == ["say 60 words; gate first after 10; gate second after 30"]


@pytest.mark.timing(reason="a killed server is started again meanwhile")
async def test_a_server_that_is_killed_with_the_word_of_it_has_accepted_once(
    client: AsyncClient, site: Site, tmp_path: Path
) -> None:
    session = await client.create_session()
    await session.ask("echo before")
    server = site.servers[0]

    def kill() -> None:
        server.kill()
        server.start()

    async with Relay(site.url) as relay:
        unsent = UnsentMessages(tmp_path)
        async with await through(relay, client, unsent) as far:
            relay.swallow('"type":"accepted"', then=kill)
            exchange = far.session(session.id).chat("say 3000 words; pace 300")
            events = [event async for event in exchange]
    end = events[-1]
    assert isinstance(end, Ended) and end.finish_reason == "error"
    assert any(isinstance(event, RunFailed) and event.code == "process_lost" for event in events)
    assert list(unsent) == []
    assert await said(session, "user") == ["echo before", "say 3000 words; pace 300"]
    assert (await said(session, "assistant"))[1] == exchange.text
    assert (await session.ask("echo after")).text == "after"


async def test_what_a_killed_program_left_is_sent_by_the_next_one_and_its_answer_told_from_the_beginning(
    client: AsyncClient, site: Site, provider: Provider, tmp_path: Path
) -> None:
    unsent = UnsentMessages(tmp_path)
    session = await client.create_session()
    async with Relay(site.url) as relay, await through(relay, client, unsent) as far:
        relay.swallow('"type":"accepted"', times=100)
        doomed = asyncio.create_task(far.session(session.id).chat("say 50 words; gate next after 20").answer())
        while not relay.connections > 3:  # it has arrived by now
            await asyncio.sleep(0.01)
        doomed.cancel()
    assert [oct(mode) for mode in modes_in(tmp_path)] == ["0o600"]
    (left,) = unsent
    while (await session.detail())["session"]["state"] != "running" or not (await session.detail())["live"]:
        await asyncio.sleep(0.01)
    exchange = client.session(left.session_id).send_again(left.command)
    assert await exchange.accepted()
    provider.open_gate("next")
    whole = " ".join(f"word{number}" for number in range(1, 51))
    assert (await exchange.answer()).text == whole
    # Once more, by a program that does not know: what has ended is told from the history.
    assert (await client.session(left.session_id).send_again(left.command).answer()).text == whole
    assert len(await said(session, "user")) == 1


async def test_tokens_are_renewed_once_for_all_who_wait_while_an_answer_goes_on(
    site: Site, provider: Provider, tmp_path: Path
) -> None:
    store, other_store = FileStore(tmp_path / "tokens"), FileStore(tmp_path / "tokens")
    async with (
        AsyncClient(site.url, store=store, trust_env=False) as client,
        AsyncClient(site.url, store=other_store, trust_env=False) as other_program,
    ):
        await client.sign_in(EMAIL, PASSWORD)
        assert [oct(mode) for mode in modes_in(tmp_path)] == ["0o600"]
        session = await client.create_session()
        exchange = session.chat("say 20 words; gate renewed after 10")
        await until_text(exchange, "word10")
        first = store.load()
        assert first is not None
        store.save(dataclasses.replace(first, expires_at=time.time() - 1))
        everybody = [one.me() for one in (client, client, client, other_program, other_program)]
        assert {me["email"] for me in await asyncio.gather(*everybody)} == {EMAIL}
        second = store.load()
        assert second is not None and second.refresh_token != first.refresh_token
        # What the server refuses is renewed, too, by REST and by a socket.
        store.save(dataclasses.replace(second, access_token=f"{second.access_token}x"))
        await client.me()
        third = store.load()
        assert third is not None and third.access_token != second.access_token
        store.save(dataclasses.replace(third, access_token=f"{third.access_token}x"))
        assert (await (await other_program.create_session()).ask("echo heard")).text == "heard"
        provider.open_gate("renewed")
        assert (await exchange.answer()).text.endswith("word20")
        await client.sign_out()
        assert store.load() is None
        assert (await other_program.me())["email"] == EMAIL  # a server on this machine needs no sign-in


async def test_a_renewed_token_is_brought_to_a_connection_that_is_open() -> None:
    """Against a server of a few lines: a real one pings every 20 seconds."""
    brought: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handle(connection: ServerConnection) -> None:
        await connection.send('{"type":"connected","last_seq":0}')
        await connection.send('{"type":"session_state","seq":1,"session_id":"s","at":"2026-01-01T00:00:00Z"}')
        await connection.send('{"type":"ping"}')
        async for text in connection:
            if json.loads(text)["type"] == "auth":
                brought.set_result(json.loads(text)["token"])
                await connection.send('{"type":"session_state","seq":2,"session_id":"s","at":"2026-01-01T00:00:00Z"}')

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        store = MemoryStore()
        store.save(Tokens("old", "refresh", time.time() + 900, {}))
        async with AsyncClient(f"http://127.0.0.1:{port}", store=store, trust_env=False) as client:
            events = client.watch()
            assert (await anext(events)).seq == 1
            store.save(Tokens("new", "refresh", time.time() + 900, {}))  # as another program does
            assert (await anext(events)).seq == 2
            assert await brought == "new"
            await events.aclose()  # type: ignore[attr-defined]


async def test_a_stop_ends_the_answer_with_what_was_said(client: AsyncClient) -> None:
    session = await client.create_session()
    exchange = session.chat("say 3000 words; pace 100")
    await until_text(exchange, "word3")
    await exchange.stop()
    rest = [event async for event in exchange]
    assert isinstance(rest[-1], Ended) and rest[-1].finish_reason == "interrupted"
    assert await said(session, "assistant") == [exchange.text]
    early = session.chat("hang")
    stopping = asyncio.create_task(early.stop())  # before it is even sent
    assert (await early.answer()).finish_reason == "interrupted"
    await stopping


async def test_who_looks_at_a_session_leaves_a_desktop_client_its_words(client: AsyncClient, site: Site) -> None:
    session = await client.create_session()
    async with signed_in(site.url) as desktop:
        await desktop.get(f"/api/v1/sessions/{session.id}")
        await session.detail()
        async with socket(site.url, session.id, f"?token={desktop.token}") as chat:
            await chat.expect("assistant_end", finish_reason="idle")


async def test_a_call_that_needs_approval_waits_for_a_word_and_goes_on(client: AsyncClient) -> None:
    session = await client.create_session()
    call = 'tool generate_document {"content": "made", "filename": "a.md"}; say 3 words'
    with pytest.raises(ChatJuicerError) as refused:
        await session.ask(call)
    assert refused.value.code == "awaiting_approval"
    await session.stop()
    exchange = session.chat(call)
    kinds = []
    async for event in exchange:
        kinds.append(type(event))
        if isinstance(event, ApprovalRequest):
            assert event.approval_id in [waiting["approval_id"] for waiting in await client.approvals()]
            await exchange.approve(event)
    assert kinds.index(ApprovalRequest) < kinds.index(AwaitingApproval) < kinds.index(Ended)
    assert exchange.text == "word1 word2 word3"
    assert [entry.name for entry in await session.files("output")] == ["a.md"]


async def test_files_arrive_whole_also_where_the_connection_is_lost(
    client: AsyncClient, site: Site, tmp_path: Path
) -> None:
    session = await client.create_session()
    source, target = tmp_path / "große Datei.bin", tmp_path / "back.bin"
    source.write_bytes(os.urandom(3_000_000))
    async with Relay(site.url) as relay, await through(relay, client) as far:
        cuts: list[int] = []
        progress: list[int] = []

        def cut_once(done: int, of: int | None) -> None:
            assert of == 3_000_000
            progress.append(done)
            if done > 1_000_000 and not cuts:
                cuts.append(done)
                relay.cut()

        there = far.session(session.id)
        entry = await there.upload(source, folder="sources/deep", progress=cut_once)
        assert (entry.size, len(cuts)) == (3_000_000, 1)
        cuts.clear()
        progress.clear()
        await there.download(
            source.name,
            target,
            folder="sources/deep",
            progress=cut_once,
        )
        assert len(cuts) == 1
        assert progress == sorted(set(progress)), "what had come was fetched again"
    assert target.read_bytes() == source.read_bytes()
    await session.delete_file(source.name, folder="sources/deep")
    with pytest.raises(ChatJuicerError) as gone:
        await session.download(source.name, target, folder="sources/deep")
    assert (gone.value.status, gone.value.code) == (404, "not_found")
    assert gone.value.request_id
    assert len(modes_in(tmp_path)) == 2  # and no part of a file is left


async def test_a_download_is_not_given_up_where_the_connection_is_lost_again_much_later(
    client: AsyncClient, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("chatjuicer_client.retry.time", SimpleNamespace(monotonic=lambda: now))
    session = await client.create_session()
    source, target = tmp_path / "a.bin", tmp_path / "back.bin"
    source.write_bytes(os.urandom(20_000_000))
    await session.upload(source)
    async with Relay(site.url) as relay, await through(relay, client) as far:
        cuts: list[int] = []

        def cut_twice(done: int, _: int | None) -> None:
            nonlocal now
            if done > (1_000_000, 8_000_000, math.inf)[len(cuts)]:
                cuts.append(done)
                now += far.rest.patience_s + 1
                relay.cut()

        await far.session(session.id).download(source.name, target, progress=cut_twice)
        assert len(cuts) == 2
    assert target.read_bytes() == source.read_bytes()


async def newcomer(url: str) -> AsyncClient:
    client = AsyncClient(url, trust_env=False)
    email = f"newcomer-{uuid4().hex[:8]}@example.org"
    await client.rest.call("POST", "/api/auth/register", json={"email": email, "password": PASSWORD})
    await client.sign_in(email, PASSWORD)
    return client


async def test_an_export_goes_on_where_the_connection_was_lost_and_its_server_killed(
    site: Site, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.bin", tmp_path / "all.zip"
    source.write_bytes(os.urandom(2_500_000))
    async with Relay(site.url) as relay, await newcomer(relay.url) as client:
        session = await client.create_session("exported")
        await session.ask("echo taken along")
        await session.upload(source)
        progress: list[int] = []

        def cut_once(done: int, of: int | None) -> None:
            assert of is not None and of > 2_500_000
            if done > 1_000_000 and (not progress or progress[-1] <= 1_000_000):
                site.servers[0].kill()
                site.servers[0].start()
                relay.target = site.url
                relay.cut()
            progress.append(done)

        await client.export(target, progress=cut_once)
        assert progress == sorted(set(progress)), "what had come was fetched again"
    with zipfile.ZipFile(target) as zipped:
        assert zipped.testzip() is None
        assert source.read_bytes() in [zipped.read(name) for name in zipped.namelist() if name.startswith("files/")]
        assert b"taken along" in zipped.read("conversations.jsonl")


async def test_drafts_read_marks_and_other_answers(site: Site, provider: Provider) -> None:
    async with await newcomer(site.url) as client:
        session = await client.create_session("again")
        await session.ask("echo one")
        assert (await session.keep_draft("to be said")).draft == "to be said"
        assert (await session.mark_read(0)).unread
        assert not (await session.mark_read()).unread
        answer = await session.last("assistant")
        other = session.regenerate(answer.id)
        assert (await other.answer()).text == "one"
        assert (await session.last("assistant")).id != answer.id
        exchange = session.edit((await session.last("user")).id, "say 4 words; gate rest after 2")
        await until_text(exchange, "word2")
        await exchange.stop()
        assert (await exchange.answer()).finish_reason == "interrupted"
        provider.open_gate("rest")
        assert (await session.go_on().answer()).finish_reason == "stop"
        assert (await said(session, "user")) == ["say 4 words; gate rest after 2"]
        (whole,) = await said(session, "assistant")
        assert whole.startswith("word1 word2") and len(whole) > len("word1 word2")
        with pytest.raises(ChatJuicerError) as refused:
            await session.go_on().answer()
        assert refused.value.code == "nothing_to_continue"
        with pytest.raises(ChatJuicerError) as missing:
            await session.last("system")
        assert missing.value.code == "not_found"


async def test_sessions_are_listed_whole_renamed_pinned_deleted_and_restored(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatjuicer_client.client.PAGE", 5)
    async with await newcomer(site.url) as client:
        watching = client.watch(after=0)
        made = [await client.create_session(f"s{number}", title=f"Number {number}") for number in range(12)]
        assert (await anext(watching)).frame["session_id"] == "s0"
        assert [session.id async for session in client.sessions()] == [f"s{n}" for n in reversed(range(12))]
        await made[0].rename("A better name")
        await made[1].pin()
        assert (await anext(client.sessions())).id == "s1"
        assert [s.info and s.info.title async for s in client.sessions("better")] == ["A better name"]
        await made[2].delete()
        assert [session.id async for session in client.sessions(deleted=True)] == ["s2"]
        with pytest.raises(ChatJuicerError) as gone:
            await made[2].ask("is anybody there")
        assert gone.value.code == "not_found"
        assert (await made[2].restore()).session_id == "s2"
        await made[2].ask("echo the purple elephant")
        found = [result async for result in client.search('"purple elephant"')]
        assert {"user", "assistant"} <= {result.role for result in found}
        begin, end = found[0].marks[0]
        assert found[0].snippet[begin:end].lower() == "purple elephant"
        await watching.aclose()  # type: ignore[attr-defined]


def test_the_same_without_async(site: Site, tmp_path: Path) -> None:
    with Client(site.url, trust_env=False) as client:
        with pytest.raises(ChatJuicerError) as refused:
            client.sign_in(EMAIL, "not the password")
        assert (refused.value.code, refused.value.status) == ("invalid_credentials", 401)
        assert client.sign_in(EMAIL, PASSWORD)["email"] == EMAIL
        session = client.create_session(title="Blocking")
        with session.chat("say 500 words; pace 100") as exchange:
            for event in exchange:
                if isinstance(event, Text) and "word3" in exchange.text:
                    break
            exchange.stop()
            *_, end = exchange
        assert isinstance(end, Ended) and end.finish_reason == "interrupted"
        assert session.ask("echo plain").text == "plain"
        assert session.id in {one.id for one in client.sessions()}
        assert [message.role for message in session.messages()] == ["user", "assistant"] * 2
        archive = client.export(tmp_path / "all.zip")
        report = client.import_(archive)
        assert (report.imported, report.failed) == (0, [])
        follower = session.follow(after=0)
        assert next(follower).seq == 1
        follower.close()  # type: ignore[attr-defined]
        left_open = session.chat("say 500 words; pace 100")
        assert next(iter(left_open))  # closing the client closes its connection


async def test_a_server_that_stays_away_is_an_error_once_the_patience_is_over() -> None:
    async with AsyncClient("http://127.0.0.1:9", patience_s=0.5, trust_env=False) as client:
        with pytest.raises(ChatJuicerError) as refused:
            await client.me()
        assert refused.value.code == "unreachable"
        exchange = client.session("any")
        exchange.seen(0)
        with pytest.raises(ChatJuicerError) as unheard:
            await exchange.ask("hello")
        assert unheard.value.code == "unreachable"
    with pytest.raises(ValueError, match="http"):
        AsyncClient("ftp://example.org")
