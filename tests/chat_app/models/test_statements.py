"""The statements that are written out say what the ORM says."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import models
from django.db.models import Model

from chat_app.log.record import lock_session
from chat_app.models import Approval, Event, Run
from chat_app.models.ending import keep_text
from chat_app.models.statements import at_end, at_start, is_any_to_claim
from chat_app.protocol import UserInput
from chat_app.tool_calls import AskedCall
from chatjuicer.accounts.models import User
from chatjuicer.encryption import storable
from sessions_app.models import Addition, ChatSession, ContextItem, Message, MessageDraft, SearchEntry, Writes
from sessions_app.models.statements import as_param, columns_of, loaded, rows_of
from tests.chat_app.conftest import Start

pytestmark = pytest.mark.django_db

SAID = 'a "quoted" 100 % \\ \x00 \ud83d word ✓'


def fields(row: Model, without: Sequence[str] = ()) -> dict[str, Any]:
    return {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if f.attname not in without}


def draft(**said: Any) -> MessageDraft:
    return MessageDraft(role="assistant", content=SAID, tool_name="x" * 300, metadata={"a": [1, None]}, **said)


def test_rows_that_are_written_out_are_those_of_the_orm(session: ChatSession) -> None:
    """Whatever the fields do to a value: cut, clean, seal, count in another zone."""
    at, run_id = datetime(2026, 1, 31, 9, tzinfo=UTC), uuid4()
    rows: list[list[Model]] = []
    for position in (1, 2):
        message = Message.from_draft(draft(run_id=run_id, reasoning="hm"))
        message.session, message.position, message.created_at = session, position, at
        item = ContextItem.holding({"b": 1, "a": SAID}, session=session, position=position, created_at=at)
        run = Run(session=session, model="m", first_position=1, input_count=1, started_at=at, usage={"total_tokens": 3})
        rows.append([message, item, run])
    for row in rows[0]:
        row.save(force_insert=True)
    writes = Writes()
    for row in rows[1]:
        writes.insert([row])
    writes.make()
    for of_orm, written in zip(*rows, strict=True):
        model, own = type(written), ("id", "position", "created_at" if isinstance(written, Run) else "")
        assert not written._state.adding
        stored = model._default_manager.exclude(pk=of_orm.pk).get(session=session)
        assert fields(stored, own) == fields(model._default_manager.get(pk=of_orm.pk), own)


def test_more_rows_than_one_statement_takes_are_written(session: ChatSession) -> None:
    addition = Addition(session)
    addition.messages([draft() for _ in range(100)])
    addition.context([{"n": n} for n in range(300)])
    addition.write()
    assert list(session.messages.order_by("position").values_list("position", flat=True)) == list(range(1, 101))
    assert [item.value["n"] for item in session.context_items.order_by("position")] == list(range(300))
    stored = ChatSession.objects.get(pk=session.pk)
    assert (stored.last_position, stored.message_count, stored.last_context_position) == (100, 100, 300)
    assert fields(stored) == fields(session)


@pytest.mark.parametrize("model", [ChatSession, Message, Run, Event, ContextItem])
def test_what_is_read_is_what_the_orm_reads(model: type[Model], session: ChatSession, start: Start) -> None:
    start(storable(SAID), client_id="c")
    (expected,) = model._default_manager.all()[:1]
    statement = f'SELECT {columns_of(model, "t")} FROM "{model._meta.db_table}" t WHERE t.id = %s'
    pk = model._meta.pk
    key = as_param(model, expected.pk) if isinstance(pk, models.UUIDField) else expected.pk
    assert fields(loaded(model, rows_of(statement, [key])[0])) == fields(expected)


def test_a_start_knows_what_is_in_progress(alice: User, session: ChatSession, start: Start) -> None:
    User.objects.filter(pk=alice.pk).update(instructions="Be brief.")
    seen = at_start(session.pk, "c")
    assert fields(seen.session) == fields(ChatSession.objects.get(pk=session.pk))
    assert (seen.instructions, seen.has_live, seen.is_repeated, seen.has_always) == ("Be brief.", False, False, False)
    run = start(client_id="c").run
    Approval.objects.ask(run, [AskedCall("call_1", "edit_file", "{}")], "", None)
    Approval.objects.decide(session.pk, run.approvals.get().pk, "approve", always=True)
    seen = at_start(session.pk, "c")
    assert (seen.has_live, seen.is_repeated, seen.has_always) == (True, True, True)
    assert not at_start(session.pk, "").is_repeated


def test_whoever_looks_for_a_run_to_claim_knows_whether_there_is_any(start: Start) -> None:
    assert not is_any_to_claim()
    first = start("One").run
    assert not is_any_to_claim()  # it is claimed
    second = start("Two").run
    assert is_any_to_claim()  # though behind the first
    second.end(Run.Status.INTERRUPTED, "interrupted")
    Approval.objects.ask(first, [AskedCall("call_1", "edit_file", "{}")], "", None)
    assert not is_any_to_claim()
    Approval.objects.decide(first.session_id, first.approvals.get().pk, "approve")
    assert is_any_to_claim()
    assert Run.objects.claim("elsewhere", 1)
    assert not is_any_to_claim()


def test_an_end_knows_what_the_run_leaves(session: ChatSession, start: Start) -> None:
    first, second = start("One").run, start("Two").run
    seen = at_end(Run, first.pk, session.pk)
    assert seen is not None
    assert fields(seen.run, ["state"]) == fields(Run.objects.get(pk=first.pk), ["state"])
    assert fields(seen.session) == fields(ChatSession.objects.get(pk=session.pk))
    assert (seen.others, seen.last_answer) == ("queued", None)
    assert (seen.has_pending, seen.has_approvals, seen.has_later, seen.has_answers) == (False, False, True, False)
    answers = session.add_messages([draft(run_id=first.pk), draft(run_id=first.pk, status="pending")])
    Approval.objects.ask(first, [AskedCall("call_1", "edit_file", "{}")], "", None)
    seen = at_end(Run, first.pk, session.pk)
    assert seen is not None
    assert (seen.last_answer, seen.has_pending, seen.has_approvals) == (answers[1].pk, True, True)
    behind = at_end(Run, second.pk, session.pk)
    assert behind is not None
    assert (behind.others, behind.last_answer) == ("awaiting_approval", None)
    assert first.end(Run.Status.COMPLETED, "stop")
    assert at_end(Run, first.pk, session.pk) is None
    behind = at_end(Run, second.pk, session.pk)
    assert behind is not None
    assert (behind.others, behind.has_answers, behind.has_later) == ("", True, True)


def test_the_last_answer_is_the_one_that_the_end_of_a_stopped_run_names(session: ChatSession, start: Start) -> None:
    run = start("One").run
    session.add_messages([draft(run_id=run.pk), MessageDraft(role="tool_call", run_id=run.pk)])
    seen = at_end(Run, run.pk, session.pk)
    assert seen is not None
    assert seen.last_answer == keep_text(seen.run, lock_session(session.pk), Run.Status.COMPLETED, None)


def test_what_is_said_meanwhile_stays_the_latest_of_a_session(session: ChatSession, start: Start) -> None:
    """An answer that was begun before the newest words is complete after them."""
    (pending,) = session.add_messages([MessageDraft(role="assistant", status="pending")])
    session.post("user", "newer")
    for ending in ("older", "twice"):
        addition = Addition(lock_session(session.pk))
        addition.amend({pending.pk: {"content": ending, "status": "completed"}})
        addition.write()
    session.refresh_from_db()
    pending.refresh_from_db()
    assert (session.last_message_preview, pending.content) == ("newer", "older")
    (last,) = session.add_messages([MessageDraft(role="assistant", status="pending")])
    addition = Addition(lock_session(session.pk))
    addition.amend({last.pk: {"content": "the last word", "status": "completed"}})
    addition.write()
    assert ChatSession.objects.get(pk=session.pk).last_message_preview == "the last word"
    found = SearchEntry.objects.filter(kind="message").order_by("position").values_list("ref", "position", "role")
    assert list(found)[-1] == (last.pk, last.position, "assistant")
    assert len(found) == 3


def test_of_two_commands_with_one_client_id_the_second_finds_the_first(session: ChatSession) -> None:
    inputs = [UserInput("Hello")]
    first = Run.objects.start(session.pk, inputs, client_id="c", owner="here")
    again = Run.objects.start(session.pk, inputs, client_id="c", owner="here")
    assert (again.again, again.message_ids, again.run.pk) == (True, first.message_ids, first.run.pk)
