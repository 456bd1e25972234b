"""The run_writer of the log, when all goes well and when it does not."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from chat_app.database import in_database
from chat_app.exceptions import LeaseLost
from chat_app.log import journal as journal_module
from chat_app.log import record as log
from chat_app.log.journal import Journal
from chat_app.log.run_writer import RunWriter
from chat_app.models import Event, Run, fence
from chat_app.protocol import Record, UserInput
from chatjuicer.accounts.models import User
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability.counters import counts
from sessions_app.models import ChatSession, SessionTally, Writes
from tests.chat_app.conftest import Blocked, Lost, locked, uncommitted, until


@pytest.fixture
async def another(journal: Journal, alice: User) -> RunWriter:
    """In a session of its own."""
    session = await in_database(lambda: ChatSession.objects.open(alice)[0])
    started = await in_database(lambda: Run.objects.start(session.pk, [UserInput("Hello")], owner="here"))
    return journal.writer(started.run, started.session)


def said(run_writer: RunWriter) -> str:
    from chat_app.models.ending import text_so_far

    message = ChatSession.objects.get(pk=run_writer.session_pk).messages.filter(role="assistant").first()
    return text_so_far(run_writer.session_pk, message.pk, 0) if message else ""


async def say_behind(verb: Callable[[], object], run_writer: RunWriter, text: str) -> None:
    """The text waits for the row that the verb has locked, and is written when that has been committed."""
    async with uncommitted(verb):
        await run_writer.text(text)
        flushed = asyncio.create_task(run_writer.flush())
        await asyncio.wait([flushed], timeout=0.3)
    await flushed


async def test_words_are_durable_when_flush_returns_and_few_commits_carry_many(run_writer: RunWriter) -> None:
    for n in range(1000):
        await run_writer.text(f"{n} ")
    await run_writer.flush()
    assert await in_database(said, run_writer) == "".join(f"{n} " for n in range(1000))
    assert await in_database(Event.objects.filter(type="delta").count) < 100


async def test_first_words_do_not_wait_as_if_their_start_had_been_words(
    run_writer: RunWriter, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REST_S", "MOST_REST_S"):
        monkeypatch.setattr(journal_module, name, 3600.0)
    await journal.transact(lambda: None, run_writer.session_pk)
    await run_writer.text("Rome is ")
    async with asyncio.timeout(60):
        await run_writer.flush()
    await run_writer.text("eternal.")
    later = asyncio.create_task(run_writer.flush())
    await journal.transact(lambda: None, run_writer.session_pk)
    await asyncio.wait_for(later, 60)  # but what is there when a verb is written is written with it


async def test_a_finished_message_holds_all_of_its_text(run_writer: RunWriter) -> None:
    await run_writer.text("Rome is ")
    await run_writer.flush()
    await run_writer.text("eternal.")
    await run_writer.end_message()
    await run_writer.text("And hot.")
    await run_writer.end_message()
    await run_writer.flush()
    session = await in_database(ChatSession.objects.get, pk=run_writer.session_pk)
    messages = await in_database(lambda: list(session.messages.filter(role="assistant").order_by("position")))
    assert [(m.content, m.status) for m in messages] == [("Rome is eternal.", "completed"), ("And hot.", "completed")]


async def test_who_lost_the_run_is_told_and_writes_nothing(run_writer: RunWriter, lost: Lost) -> None:
    await run_writer.text("kept")
    await run_writer.flush()
    await in_database(Run.objects.interrupt, run_writer.session_pk)
    with pytest.raises(LeaseLost):
        await run_writer.text(" lost")
        await run_writer.flush()
    assert lost == [run_writer.run_id]
    with pytest.raises(LeaseLost):
        await run_writer.text("more")
    session = await in_database(ChatSession.objects.get, pk=run_writer.session_pk)
    assert (await in_database(session.messages.get, role="assistant")).content == "kept"


async def test_a_writer_that_is_lost_keeps_no_other_one_of_its_session_waiting(
    run_writer: RunWriter, journal: Journal
) -> None:
    run, session = await in_database(lambda: (Run.objects.get(), ChatSession.objects.get()))
    await run_writer.text("lost")
    run_writer.lost = True
    other = journal.writer(run, session)
    await other.text("kept")
    await asyncio.wait_for(other.flush(), 20)
    assert await in_database(said, run_writer) == "kept"


@pytest.mark.parametrize("before", ["", "It is "], ids=["first words", "more of the same"])
async def test_what_comes_while_the_run_is_being_ended_elsewhere_is_not_written(
    run_writer: RunWriter, lost: Lost, before: str
) -> None:
    """The batch waits for the row that the end has locked, and must see then that the run has ended."""
    await run_writer.text(before)
    await run_writer.flush()
    with pytest.raises(LeaseLost):
        await say_behind(lambda: Run.objects.interrupt(run_writer.session_pk), run_writer, "late")
    assert lost == [run_writer.run_id]
    assert await in_database(said, run_writer) == before


async def test_what_waits_for_an_event_of_somebody_else_is_numbered_after_it(run_writer: RunWriter) -> None:
    await run_writer.text("It ")
    await run_writer.flush()
    await say_behind(lambda: Run.objects.start(run_writer.session_pk, [UserInput("And then?")]), run_writer, "goes on.")
    types = await in_database(lambda: list(Event.objects.after(0).values_list("seq", "type")))
    assert [seq for seq, _ in types] == [*range(1, len(types) + 1)]
    assert [type for _, type in types][-3:] == ["delta", "message_created", "delta"]


@pytest.mark.only("postgres", reason="SQLite has no statement that changes two tables")
async def test_more_of_the_same_of_many_answers_is_one_statement_and_no_transaction_around_it(
    journal: Journal, run_writer: RunWriter, alice: User
) -> None:
    other = await in_database(lambda: ChatSession.objects.open(alice)[0])
    started = await in_database(lambda: Run.objects.start(other.pk, [UserInput("Hello")], owner="here"))
    writers = [run_writer, journal.writer(started.run, started.session)]
    asked: list[bool] = []

    def note(execute: Any, *args: Any) -> Any:
        asked.append(connection.in_atomic_block)
        return execute(*args)

    for writer in writers:
        await writer.text("It ")
        await writer.flush()
    await journal.transact(lambda: connection.execute_wrappers.append(note))
    for writer in writers:
        await writer.text("goes on.")
    await asyncio.gather(*(writer.flush() for writer in writers))
    assert asked == [False]
    assert [await in_database(said, writer) for writer in writers] == ["It goes on."] * 2


async def test_two_processes_whose_stops_cross_do_not_wait_for_each_other(
    journal: Journal, session: ChatSession, alice: User
) -> None:
    other = await in_database(lambda: ChatSession.objects.open(alice)[0])
    other_journal = Journal(fence, on_lost=lambda _: None)

    def stop(session_pk: UUID) -> None:
        Run.objects.interrupt(session_pk, uuid4())
        time.sleep(0.1)

    failed_before = counts.commit_failures
    await asyncio.gather(
        *(journal.transact(partial(stop, pk), pk) for pk in (session.pk, other.pk)),
        *(other_journal.transact(partial(stop, pk), pk) for pk in (other.pk, session.pk)),
    )
    assert counts.commit_failures == failed_before, "PostgreSQL fails one of those that wait for each other"
    await other_journal.stop()


async def test_a_verb_that_fails_costs_nobody_else(
    journal: Journal, run_writer: RunWriter, session: ChatSession
) -> None:
    def fail() -> None:
        session.post("user", "never seen")
        raise ValueError("no")

    await run_writer.text("kept")
    failing, working = (
        asyncio.create_task(journal.transact(fail, session.pk)),
        asyncio.create_task(journal.transact(lambda: 7, session.pk)),
    )
    with pytest.raises(ValueError, match="no"):
        await failing
    assert await working == 7
    await run_writer.flush()
    assert await in_database(said, run_writer) == "kept"
    assert not await in_database(session.messages.filter(content="never seen").exists)


async def test_a_verb_that_the_database_refuses_at_its_commit_costs_nobody_else(
    journal: Journal, run_writer: RunWriter, session: ChatSession
) -> None:
    def refer_to_nobody() -> None:
        SessionTally.objects.create(owner_id=uuid4(), count=1)

    await run_writer.text("kept")
    verbs: list[Callable[[], object]] = [partial(int, 1), refer_to_nobody, partial(int, 2)]
    made = await asyncio.gather(*(journal.transact(verb, session.pk) for verb in verbs), return_exceptions=True)
    assert [type(result) for result in made] == [int, IntegrityError, int]
    await run_writer.flush()
    assert await in_database(said, run_writer) == "kept"


async def test_what_is_urgent_comes_before_what_waits(journal: Journal, session: ChatSession) -> None:
    verb = Blocked()
    made: list[str] = []
    blocked = asyncio.create_task(journal.transact(verb))
    await asyncio.to_thread(verb.begun.wait, 20)
    waiting = [asyncio.create_task(journal.transact(partial(made.append, "waits"), session.pk)) for _ in range(10)]
    await asyncio.sleep(0.1)
    urgent = asyncio.create_task(journal.transact(partial(made.append, "urgent"), session.pk, urgent=True))
    await asyncio.sleep(0.1)
    verb.go_on.set()
    await asyncio.gather(blocked, *waiting, urgent)
    assert made == ["urgent", *["waits"] * 10]


async def test_what_is_urgent_waits_for_no_batch_of_slow_verbs(
    journal: Journal, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes long where the database answers late, and hundreds wait."""
    monkeypatch.setattr(journal_module, "MAX_BATCH_S", 0.0)
    session, other = await in_database(lambda: [ChatSession.objects.open(alice)[0] for _ in range(2)])
    made: list[str] = []
    verb = Blocked(partial(made.append, "slow"))
    blocked = asyncio.create_task(journal.transact(partial(time.sleep, 0.2)))
    await asyncio.sleep(0.1)
    slow = asyncio.create_task(journal.transact(verb, session.pk))
    waiting = [asyncio.create_task(journal.transact(partial(made.append, "waits"), other.pk)) for _ in range(300)]
    await asyncio.to_thread(verb.begun.wait, 20)
    urgent = asyncio.create_task(journal.transact(partial(made.append, "urgent"), session.pk, urgent=True))
    await asyncio.sleep(0.1)
    verb.go_on.set()
    await asyncio.gather(blocked, slow, *waiting, urgent)
    assert made == ["slow", "urgent", *["waits"] * 300]


async def test_what_is_refused_is_not_done_and_what_is_being_done_is_not_refused(
    journal: Journal, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "CALL_TIMEOUT_S", 1.0)
    made: list[str] = []
    verb = Blocked(partial(made.append, "slow"))
    slow = asyncio.create_task(journal.transact(verb, session.pk))
    await asyncio.sleep(0.5)
    waiting = asyncio.create_task(journal.transact(partial(made.append, "waited"), session.pk))
    with pytest.raises(Unavailable):
        await waiting  # by then the slow one has been made for longer than anybody waits
    assert not slow.done()
    verb.go_on.set()
    await slow
    await journal.transact(lambda: None)
    assert made == ["slow"]


async def test_what_one_run_cannot_write_costs_no_other_run(
    journal: Journal, run_writer: RunWriter, another: RunWriter, lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = another
    insert = log.insert

    def refuse(writes: Writes, records: list[Record], now: datetime) -> None:
        if any("poison" in record.payload for record in records):
            raise RuntimeError
        insert(writes, records, now)

    monkeypatch.setattr(log, "insert", refuse)
    await run_writer.text("kept")
    await poisoned.text("poison")
    monkeypatch.setattr(journal_module, "MAX_BATCH_S", 0.0)  # the verbs' part is not made at once either
    verbs = [journal.transact(partial(int, n), run_writer.session_pk) for n in range(3)]
    assert await asyncio.gather(*verbs) == [0, 1, 2]
    await run_writer.flush()
    with pytest.raises(LeaseLost):
        await poisoned.flush()
    assert await in_database(said, run_writer) == "kept"
    assert lost == [poisoned.run_id]


@pytest.fixture
async def in_doubt(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The answer to the journal's first commit after it is [False] is lost; then it is [False, True]."""
    in_doubt: list[bool] = []

    def lose_once() -> None:
        if threading.current_thread().name == "journal" and in_doubt == [False]:
            in_doubt.append(True)
            raise OperationalError("server closed the connection unexpectedly")

    wrapper = type(connections["default"])
    commit = wrapper.commit

    def commit_and_lose(database: BaseDatabaseWrapper) -> None:
        commit(database)
        lose_once()

    def execute_and_lose(execute: Any, *args: Any) -> Any:
        result = execute(*args)
        if not connection.in_atomic_block and connection.vendor == "postgresql":
            lose_once()
        return result

    monkeypatch.setattr(wrapper, "commit", commit_and_lose)
    await journal.transact(lambda: connection.execute_wrappers.append(execute_and_lose))
    return in_doubt


@pytest.mark.parametrize("before", ["", "It is "], ids=["first words", "more of the same"])
async def test_words_whose_commit_was_not_answered_are_said_once(
    run_writer: RunWriter, lost: Lost, in_doubt: list[bool], before: str
) -> None:
    """The database goes away behind the commit: whether it has taken the words is seen in the log, and not guessed."""
    await run_writer.text(before)
    await run_writer.flush()
    in_doubt.append(False)
    await run_writer.text("ha ha")
    await run_writer.flush()
    assert in_doubt == [False, True]
    await run_writer.text("ha ha")  # the same once more is not taken for what was in doubt
    await run_writer.end_message()
    await run_writer.flush()
    assert await in_database(said, run_writer) == f"{before}ha haha ha"
    assert lost == []
    session = await in_database(ChatSession.objects.get, pk=run_writer.session_pk)
    messages = await in_database(lambda: list(session.messages.filter(role="assistant")))
    assert [message.content for message in messages] == [f"{before}ha haha ha"]


async def test_what_the_model_is_given_is_not_given_twice_where_its_commit_was_not_answered(
    run_writer: RunWriter, lost: Lost, in_doubt: list[bool]
) -> None:
    """Without an event that would be found in the log."""
    item = {"role": "assistant", "content": "ha ha"}
    in_doubt.append(False)
    await run_writer.items([item])
    await run_writer.flush()
    assert in_doubt == [False, True]
    await run_writer.items([item])  # the same once more
    await run_writer.flush()
    session = await in_database(ChatSession.objects.get, pk=run_writer.session_pk)
    given = await in_database(lambda: list(session.context_items.filter(run_id=run_writer.run_id).order_by("position")))
    assert [one.position for one in given][-2:] == [session.last_context_position - 1, session.last_context_position]
    assert [one.value for one in given].count(item) == 2
    assert lost == []


async def test_words_wait_for_a_database_that_is_away_however_long(
    journal: Journal, run_writer: RunWriter, away: threading.Event, lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers are told to try again before they have waited for long; those that can wait keep their places."""
    for name in ("GIVE_UP_AFTER_S", "PATIENCE_S"):
        monkeypatch.setattr(journal_module, name, 0.0)
    away.set()
    await run_writer.text("waited")
    await until(lambda: journal.is_cut_off)
    async with asyncio.timeout(20):
        with pytest.raises(Unavailable):
            await journal.transact(lambda: None, run_writer.session_pk)
    patient = asyncio.create_task(journal.transact(lambda: "done", run_writer.session_pk, patient=True))
    await asyncio.wait([patient], timeout=0.5)
    assert not patient.done() and journal.is_cut_off
    away.clear()
    assert await patient == "done"
    assert not journal.is_cut_off
    assert (await in_database(said, run_writer), lost) == ("waited", [])


@pytest.mark.only("postgres", reason="SQLite locks no rows")
async def test_a_row_that_stays_locked_costs_the_words_of_its_session_alone(
    journal: Journal, run_writer: RunWriter, another: RunWriter, lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "GIVE_UP_AFTER_S", 0.5)

    def wait_briefly(connection: BaseDatabaseWrapper, **_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")

    connection_created.connect(wait_briefly)
    try:
        await journal.transact(lambda: connection.close())  # noqa: PLW0108  that of the journal's thread
        async with locked(ChatSession.objects.filter(pk=run_writer.session_pk)):
            await run_writer.text("never written")
            await another.text("written")
            await another.flush()
            with pytest.raises(LeaseLost):
                await run_writer.flush()
    finally:
        connection_created.disconnect(wait_briefly)
    assert (await in_database(said, run_writer), await in_database(said, another)) == ("", "written")
    assert lost == [run_writer.run_id]


@pytest.mark.only("sqlite", reason="it is SQLite that can be locked")
async def test_words_wait_for_a_locked_database_and_none_is_lost(run_writer: RunWriter) -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await run_writer.text("waited")
    flushed = asyncio.create_task(run_writer.flush())
    await asyncio.wait([flushed], timeout=0.5)
    assert not flushed.done()
    other.execute("ROLLBACK")
    other.close()
    await flushed
    assert await in_database(said, run_writer) == "waited"
