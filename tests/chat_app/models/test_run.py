"""A run from the message that asks for it to its one end."""

import json
from typing import Any

import pytest

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, SessionGone
from chat_app.log.journal import write_entries
from chat_app.log.run_writer import RunWriter
from chat_app.models import Event, Run, Started, run
from chat_app.models.ending import STOPPED_NOTE
from chat_app.models.fence import number
from chatjuicer.api.exceptions import IdempotencyMismatch
from sessions_app.models import ChatSession
from tests.chat_app.conftest import Start

pytestmark = pytest.mark.django_db


def types(session: ChatSession) -> list[str]:
    return list(Event.objects.filter(session=session).after(0).values_list("type", flat=True))


def frames(session: ChatSession, type: str) -> list[dict[str, Any]]:
    rows = Event.objects.filter(session=session, type=type).after(0)
    return [json.loads(payload) for payload in rows.values_list("payload", flat=True)]


def context(session: ChatSession) -> list[dict[str, Any]]:
    return [item.value for item in session.context_items.order_by("position")]


async def said(started: Started, *texts: str) -> RunWriter:
    writer = RunWriter(started.run, started.session, lambda _: None, lambda *_: None)
    for text in texts:
        await writer.text(text)
    return writer


def test_an_accepted_message_its_run_and_its_events_are_there_together(session: ChatSession, start: Start) -> None:
    started = start("One", "Two")
    assert started.claimed
    assert [m.content for m in started.run.inputs()] == ["One", "Two"]
    assert types(session) == ["message_created", "message_created", "stream_start"]
    assert [item["content"] for item in context(session)] == ["One", "Two"]
    assert [frame["message"]["position"] for frame in frames(session, "message_created")] == [1, 2]


def test_a_message_meanwhile_waits_its_turn_and_the_model_hears_of_it_then(session: ChatSession, start: Start) -> None:
    first, second, third = start("One"), start("Two"), start("Three")
    assert (first.claimed, second.claimed, third.claimed) == (True, False, False)
    assert [item["content"] for item in context(session)] == ["One"]
    assert Run.objects.claim("here", 10) == []
    assert first.run.end(Run.Status.COMPLETED, "stop")
    (claimed,) = Run.objects.claim("here", 10)
    assert claimed.run.pk == second.run.pk
    assert [item["content"] for item in context(session)] == ["One", "Two"]


def test_who_would_not_wait_is_refused_and_leaves_nothing(session: ChatSession, start: Start) -> None:
    start("One")
    with pytest.raises(RunActive):
        start("Two", on_busy="reject")
    assert session.messages.count() == 1
    assert Run.objects.count() == 1


def test_who_interrupts_is_answered_next(session: ChatSession, start: Start) -> None:
    first = start("One").run
    second = start("Two", on_busy="interrupt").run
    first.refresh_from_db()
    assert first.status == Run.Status.INTERRUPTED
    assert [claimed.run.pk for claimed in Run.objects.claim("here", 10)] == [second.pk]


def test_a_queue_has_an_end(session: ChatSession, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MAX_QUEUED_RUNS", 2)
    for text in ("One", "Two", "Three"):
        start(text)
    with pytest.raises(QueueFull):
        start("Four")
    assert session.messages.count() == 3


def test_a_message_that_comes_twice_is_answered_once(session: ChatSession, start: Start) -> None:
    first, again = start("One", client_id="c1"), start("One", client_id="c1")
    assert again.again
    assert again.run.pk == first.run.pk
    assert again.message_ids == first.message_ids
    assert session.messages.count() == 1


def test_other_words_under_the_same_name_are_another_message_unless_the_name_is_a_key(
    session: ChatSession, start: Start
) -> None:
    first, second = start("One", client_id="c1"), start("Two", client_id="c1")
    assert first.run.pk != second.run.pk
    with pytest.raises(IdempotencyMismatch):
        start("Three", client_id="c1", once=True)


def test_nothing_starts_in_a_session_that_is_gone(session: ChatSession, start: Start) -> None:
    session.remove()
    with pytest.raises(SessionGone):
        start("One")


async def test_a_cut_answer_is_kept_word_for_word_in_both_layers(transactional_db: None, start: Start) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], number)
        session = ChatSession.objects.get(pk=writer.session_pk)
        run = Run.objects.get(pk=writer.run_id)
        assert run.end(Run.Status.INTERRUPTED, "interrupted")
        message = session.messages.get(role="assistant")
        assert (message.content, message.status, message.partial) == ("Rome is", "interrupted", True)
        assert context(session)[1:] == [
            {"role": "assistant", "content": "Rome is"},
            {"role": "system", "content": STOPPED_NOTE},
        ]
        (end,) = frames(session, "stream_end")
        assert (end["finish_reason"], end["message_id"]) == ("interrupted", str(message.pk))

    await runs_in_thread(start, check, "Rome", " is")


async def test_a_call_that_was_cut_short_is_completed_before_the_end(transactional_db: None, start: Start) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], number)
        session = ChatSession.objects.get(pk=writer.session_pk)
        Run.objects.get(pk=writer.run_id).end(Run.Status.FAILED, "error", error=protocol.Error("x", "X."))
        assert types(session)[-4:] == ["tool_call", "tool_call", "error", "stream_end"]
        last = frames(session, "tool_call")[-1]
        assert (last["status"], last["success"], last["interrupted"]) == ("completed", False, True)
        assert session.messages.get(role="tool_call").status == "interrupted"

    async def call(writer: RunWriter) -> None:
        await writer.tool_call(id="call_1", name="search", arguments="{}", status="executing")

    await runs_in_thread(start, check, prepare=call)


async def runs_in_thread(start: Start, check: Any, *texts: str, prepare: Any = None) -> None:
    from chat_app.database import in_database

    started = await in_database(start)
    writer = await said(started, *texts)
    if prepare:
        await prepare(writer)
    await in_database(in_transaction, check, writer)


def in_transaction(check: Any, writer: RunWriter) -> None:
    from django.db import transaction

    with transaction.atomic():
        check(writer)


async def test_a_late_word_of_an_ended_run_changes_nothing(transactional_db: None, start: Start) -> None:
    def check(writer: RunWriter) -> None:
        session = ChatSession.objects.get(pk=writer.session_pk)
        Run.objects.get(pk=writer.run_id).end(Run.Status.INTERRUPTED, "interrupted")
        before = types(session)
        assert write_entries([writer.take_batch()], number) == [writer]
        assert types(session) == before
        assert not session.messages.filter(role="assistant").exists()

    await runs_in_thread(start, check, "too late")


def test_a_run_ends_once(session: ChatSession, start: Start) -> None:
    run = start().run
    assert run.end(Run.Status.INTERRUPTED, "interrupted")
    assert not run.end(Run.Status.COMPLETED, "stop")
    assert types(session).count("stream_end") == 1


def test_the_owner_of_an_old_epoch_ends_nothing(start: Start) -> None:
    run = start().run
    assert not run.end(Run.Status.COMPLETED, "stop", epoch=run.epoch - 1)
    run.refresh_from_db()
    assert run.status == Run.Status.RUNNING


def test_a_stop_names_the_active_run_or_a_waiting_one(session: ChatSession, start: Start) -> None:
    first, second = start("One").run, start("Two").run
    assert Run.objects.interrupt(session.pk, second.pk) == second
    assert Run.objects.interrupt(session.pk) == first
    assert Run.objects.interrupt(session.pk) is None
    assert types(session).count("stream_start") == types(session).count("stream_end") == 2


def test_a_run_without_a_lease_or_a_living_owner_is_an_orphan(session: ChatSession, start: Start) -> None:
    run = start(owner="elsewhere").run
    every = Run.objects.all()
    assert every.orphans(lambda owner: False) == []
    assert every.orphans(lambda owner: owner == "elsewhere") == [run]
    assert every.renew("elsewhere", [run.pk]) == {run.pk}
    every.update(lease_until=session.created_at)
    assert every.orphans(lambda owner: False) == [run]


def test_a_run_that_nobody_executes_runs_out_of_its_lease(session: ChatSession, start: Start) -> None:
    run = start(owner="elsewhere").run
    run.refresh_from_db()
    assert Run.objects.all().renew("elsewhere", []) == set()
    until = run.lease_until
    run.refresh_from_db()
    assert run.lease_until == until


def test_clearing_ends_what_runs_and_the_numbers_go_on(session: ChatSession, start: Start) -> None:
    start("One")
    session.refresh_from_db()
    session.clear()
    session.refresh_from_db()
    assert types(session) == ["session_updated"]
    assert session.forgotten_seq == session.last_seq - 1
    assert not Run.objects.all().live().exists()
    assert start("Two").claimed


def test_deleting_takes_runs_and_events_along(session: ChatSession, start: Start) -> None:
    start("One")
    start("Two")
    session.remove()
    assert not Run.objects.exists()
    assert not Event.objects.exists()
