"""What comes after `seq`: from the log, from the commit, from another process, whatever is lost in between."""

import asyncio
import tracemalloc
from contextlib import suppress
from json import loads

import pytest
from django.db import transaction

from chat_app.database import in_database
from chat_app.delivery import hub as hubs
from chat_app.delivery import logs
from chat_app.delivery import outbox as outboxes
from chat_app.delivery.hub import Hub
from chat_app.delivery.logs import SessionLog
from chat_app.delivery.outbox import Outbox
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.journal import Journal
from chat_app.log.record import record
from chat_app.log.run_writer import RunWriter
from chat_app.models import Event
from chat_app.protocol import Delta, Record, SessionUpdated, StreamEnd
from sessions_app.models import ChatSession
from tests.chat_app.conftest import until


class Reader:
    """A client of the hub that keeps what it is handed."""

    def __init__(self, hub: Hub, session: ChatSession, after: int) -> None:
        self.outbox, self.records, self.controls = Outbox(), list[Record](), list[str]()
        self._task = asyncio.create_task(self._read(hub, session, after))

    async def _read(self, hub: Hub, session: ChatSession, after: int) -> None:
        async with hub.channel(SessionLog(session.pk, session.public_id)) as channel:
            async for frame in hub.follow(channel, self.outbox, after):
                (self.records if isinstance(frame, Record) else self.controls).append(frame)  # type: ignore[arg-type]

    async def has(self, seq: int) -> None:
        await until(lambda: bool(self.records) and self.records[-1].seq >= seq)

    async def leave(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def write(session: ChatSession, count: int = 1) -> int:
    """Some events of no run; the number of the last."""
    with transaction.atomic():
        return record(session, [SessionUpdated({}, f"title {n}") for n in range(count)])[-1].seq


async def test_what_is_committed_is_handed_out_at_once(hub: Hub, session: ChatSession) -> None:
    reader = Reader(hub, session, 0)
    await until(lambda: bool(hub._channels))
    last = await in_database(write, session, 3)
    await reader.has(last)
    assert [r.seq for r in reader.records] == [1, 2, 3]
    await reader.leave()


async def test_a_lost_ring_is_recovered_from_the_log(hub: Hub, session: ChatSession) -> None:
    reader = Reader(hub, session, 0)
    await in_database(write, session)
    await reader.has(1)
    ring, commit_hooks.on_events_committed = commit_hooks.on_events_committed, None
    await in_database(write, session, 2)
    commit_hooks.on_events_committed = ring
    await in_database(write, session)
    await reader.has(4)
    assert [r.seq for r in reader.records] == [1, 2, 3, 4]
    await reader.leave()


async def test_a_lost_last_ring_is_healed_by_the_poll(
    hub: Hub, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "POLL_S", 0.1)
    reader = Reader(hub, session, 0)
    await in_database(write, session)
    await reader.has(1)
    commit_hooks.on_events_committed = None
    await in_database(write, session, 2)
    await reader.has(3)
    assert [r.seq for r in reader.records] == [1, 2, 3]
    await reader.leave()


async def test_rings_that_repeat_or_come_in_disorder_change_nothing(hub: Hub, session: ChatSession) -> None:
    reader = Reader(hub, session, 0)
    await in_database(write, session)
    await reader.has(1)
    commit_hooks.on_events_committed, ring = None, commit_hooks.on_events_committed
    await in_database(write, session, 3)
    records = await in_database(lambda: list(Event.objects.after(0).records(session.pk, session.public_id)))
    assert ring
    for letter in ([records[3]], [records[1]], records, [records[2], records[2]]):
        ring(letter)
    await reader.has(4)
    await asyncio.sleep(0.05)
    assert [r.seq for r in reader.records] == [1, 2, 3, 4]
    await reader.leave()


async def test_whoever_joins_while_others_write_gets_each_event_once(hub: Hub, session: ChatSession) -> None:
    async def writing() -> int:
        last = 0
        for _ in range(60):
            last = await in_database(write, session)
        return last

    writer = asyncio.create_task(writing())
    readers = []
    for _ in range(30):
        session_now = await in_database(ChatSession.objects.get, pk=session.pk)
        readers.append((Reader(hub, session, session_now.last_seq), session_now.last_seq))
    last = await writer
    for reader, after in readers:
        await reader.has(last) if after < last else None
        assert [r.seq for r in reader.records] == list(range(after + 1, last + 1))
        await reader.leave()


@pytest.mark.parametrize("after", [99, 2**63 - 1])
async def test_a_cursor_that_cannot_be_served_leads_to_a_resync_and_the_live_stream(
    hub: Hub, session: ChatSession, after: int
) -> None:
    await in_database(write, session, 2)
    reader = Reader(hub, session, after)
    await until(lambda: bool(reader.controls))
    assert '"resync"' in reader.controls[0]
    assert '"last_seq":2' in reader.controls[0]
    await in_database(write, session)
    await reader.has(3)
    assert [r.seq for r in reader.records] == [3]
    await reader.leave()


async def test_a_forgotten_cursor_leads_to_a_resync(hub: Hub, session: ChatSession) -> None:
    await in_database(write, session, 3)
    session = await in_database(ChatSession.objects.get, pk=session.pk)
    await in_database(session.clear)
    reader = Reader(hub, session, 1)
    await until(lambda: bool(reader.controls))
    assert '"resync"' in reader.controls[0]
    await reader.leave()


async def test_from_any_cursor_the_text_is_the_same(
    hub: Hub, journal: Journal, run_writer: RunWriter, session: ChatSession
) -> None:
    words = [f"word{n} " for n in range(40)]
    for word in words:
        await run_writer.text(word)
        await run_writer.flush()
    records = await in_database(lambda: list(Event.objects.after(0).records(session.pk, session.public_id)))
    texts = {r.seq: word for r, word in zip((r for r in records if r.type == "delta"), words, strict=True)}
    for after in range(records[-1].seq + 1):
        reader = Reader(hub, session, after)
        if after < records[-1].seq:
            await reader.has(records[-1].seq)
        said = "".join(hubs_text(r) for r in reader.records if r.type == "delta")
        assert said == "".join(word for seq, word in texts.items() if seq > after)
        await reader.leave()


def hubs_text(record: Record) -> str:
    from chat_app.protocol import delta_content

    return delta_content(record.payload)


async def test_a_slow_reader_is_closed_and_a_fast_one_hears_all(
    hub: Hub, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "MAX_BACKLOG_BYTES", 20_000)
    fast = Reader(hub, session, 0)
    await until(lambda: bool(hub._channels))
    slow = Outbox()

    async def read_one_and_stall() -> None:
        async with hub.channel(SessionLog(session.pk, session.public_id)) as channel:
            async for _ in hub.follow(channel, slow, 0):
                await asyncio.sleep(60)

    stalled = asyncio.create_task(read_one_and_stall())
    await until(lambda: all(len(channel.listeners) == 2 for channel in hub._channels.values()))
    last = 0
    for _ in range(20):
        last = await in_database(write, session, 10)
    await fast.has(last)
    assert [r.seq for r in fast.records] == list(range(1, last + 1))
    assert slow.close_code == 4408
    stalled.cancel()
    await fast.leave()


@pytest.mark.parametrize("text", ["x" * 64 * 1024, "\U0001f34a" * 16 * 1024, "word "], ids=["64 KiB", "emoji", "words"])
async def test_a_slow_reader_takes_a_mebibyte_at_most(session: ChatSession, run_writer: RunWriter, text: str) -> None:
    outbox, seq = Outbox(), 0
    tracemalloc.start()
    try:
        while not outbox.closed:
            seq += 1
            # Nobody else has the text, but each frame has been sent to somebody.
            record = record_of(session, seq, Delta(f"{seq} {text}", run_writer.run_id))
            assert record.wire
            outbox.put(record)
            taken, _ = tracemalloc.get_traced_memory()
            assert taken < 1.1 * 1024 * 1024 + len(record.wire.encode())
    finally:
        tracemalloc.stop()
    assert outbox.close_code == 4408 and seq > 4


async def test_words_wait_as_one_frame_while_a_send_is_pending(session: ChatSession, run_writer: RunWriter) -> None:
    outbox = Outbox()
    message_id = run_writer.run_id
    for n in range(5):
        outbox.put(record_of(session, n + 1, Delta(f"{n} ", message_id)))
    outbox.put(record_of(session, 6, SessionUpdated({}, "x")))
    outbox.close()
    frames = [frame async for frame in outbox.frames()]
    assert [frame.seq for frame in frames if isinstance(frame, Record)] == [5, 6]
    assert '"content":"0 1 2 3 4 "' in frames[0].wire  # type: ignore[union-attr]


def record_of(session: ChatSession, seq: int, event: Delta | SessionUpdated) -> Record:
    from chat_app.log.record import tag
    from chat_app.protocol import encode

    return Record(session.pk, session.public_id, seq, None, tag(event), encode(event), "2026-01-01T00:00:00.000000Z")


async def test_a_deleted_session_closes_its_readers(hub: Hub, session: ChatSession) -> None:
    reader = Reader(hub, session, 0)
    await until(lambda: any(channel.listeners for channel in hub._channels.values()))
    await in_database(session.remove)
    await until(lambda: reader.outbox.close_code == 4404)
    await reader.leave()


async def test_readers_of_a_deleted_session_are_told_its_end_first(hub: Hub, session: ChatSession) -> None:
    """Which another process has announced, behind an event that has not been heard of here."""
    reader = Reader(hub, session, 0)
    await in_database(write, session)
    await reader.has(1)
    commit_hooks.on_events_committed = None
    await in_database(write, session, 2)
    last = await in_database(lambda: list(Event.objects.after(2).records(session.pk, session.public_id)))
    hub.receive_records(last)
    hub.receive_deleted(session.pk)
    await until(lambda: reader.outbox.closed)
    await reader.has(3)
    assert [r.seq for r in reader.records] == [1, 2, 3]
    assert reader.outbox.close_code == 4404
    await reader.leave()


async def test_a_clear_whose_ring_is_lost_is_told_by_the_poll(
    hub: Hub, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "POLL_S", 0.1)
    reader = Reader(hub, session, 0)
    await in_database(write, session, 3)
    await reader.has(3)
    commit_hooks.on_events_committed = commit_hooks.on_log_forgotten = None
    await in_database(session.clear)
    await reader.has(4)
    assert [loads(frame)["last_seq"] for frame in reader.controls] == [3]
    await reader.leave()


async def test_a_clear_is_told_once(hub: Hub, session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "POLL_S", 0.1)
    reader = Reader(hub, session, 0)
    await in_database(write, session, 3)
    await reader.has(3)
    await in_database(session.clear)
    await reader.has(4)
    await asyncio.sleep(0.5)
    assert len(reader.controls) == 1
    await reader.leave()


@pytest.mark.parametrize("ring", [True, False])
async def test_a_replay_that_meets_a_clear_leads_to_a_resync(
    hub: Hub, session: ChatSession, monkeypatch: pytest.MonkeyPatch, ring: bool
) -> None:
    monkeypatch.setattr(logs, "PAGE", 2)
    monkeypatch.setattr(hubs, "POLL_S", 0.1)
    await in_database(write, session, 6)
    if not ring:
        commit_hooks.on_log_forgotten = None
    kinds: list[int | str] = []
    async with hub.channel(SessionLog(session.pk, session.public_id)) as channel:
        outbox = Outbox()
        async with asyncio.timeout(8):
            async for frame in hub.follow(channel, outbox, 0):
                kinds.append(frame.seq if isinstance(frame, Record) else str(loads(frame)["type"]))
                if kinds == [1]:
                    await in_database(session.clear)
                if kinds[-1] == "resync":
                    await in_database(write, session)
                if 8 in kinds:
                    outbox.close()
    assert kinds[0] == 1
    assert kinds.count("resync") == 1
    assert 3 not in kinds


async def test_a_control_frame_that_comes_during_a_replay_follows_it_unless_its_run_has_ended(
    hub: Hub, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAGE", 2)

    def end() -> None:
        with transaction.atomic():
            record(session, [StreamEnd("stop")])

    await in_database(write, session, 4)
    kinds: list[int | str] = []
    async with hub.channel(SessionLog(session.pk, session.public_id)) as channel:
        outbox = Outbox()
        async with asyncio.timeout(8):
            async for frame in hub.follow(channel, outbox, 0):
                kinds.append(frame.seq if isinstance(frame, Record) else frame)
                if kinds == [1]:
                    hub.send_control(session.pk, "of a run that ends")
                    await in_database(end)
                    await until(lambda: channel.head == 5)
                    hub.send_control(session.pk, "of the next run")
                if kinds[-1] == "of the next run":
                    hub.send_control(session.pk, "live")
                if kinds[-1] == "live":
                    outbox.close()
    assert kinds == [1, 2, 3, 4, 5, "of the next run", "live"]
    assert not channel.replaying


async def test_a_clear_at_the_very_end_of_a_replay_leads_to_a_resync(hub: Hub, session: ChatSession) -> None:
    await in_database(write, session, 2)
    kinds: list[int | str] = []
    async with hub.channel(SessionLog(session.pk, session.public_id)) as channel:
        outbox = Outbox()
        async with asyncio.timeout(8):
            async for frame in hub.follow(channel, outbox, 0):
                kinds.append(frame.seq if isinstance(frame, Record) else str(loads(frame)["type"]))
                if kinds == [1, 2]:
                    await in_database(session.clear)
                    await until(lambda: channel.head == 3)
                if "resync" in kinds:
                    outbox.close()
    assert "resync" in kinds
