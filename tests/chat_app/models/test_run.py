"""A run from the message that asks for it to its one end."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, SessionGone
from chat_app.history import History
from chat_app.log.entries import write_entries
from chat_app.log.run_writer import RunWriter
from chat_app.models import Approval, Event, Run, Started, fence, queue
from chat_app.models.ending import STOPPED_NOTE, UNHEARD_NOTE
from chat_app.tool_calls import AskedCall
from chatjuicer.accounts.models import User
from chatjuicer.api.exceptions import IdempotencyMismatch
from chatjuicer.encryption import storable
from sessions_app.models import AccountEvent, ChatSession, Message
from sessions_app.serializers import MessageSerializer
from tests.chat_app.conftest import Start, make_unreadable

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


@pytest.mark.parametrize("busy", [False, True])
def test_a_draft_that_is_said_is_none_any_more_and_other_devices_hear_so(
    alice: User, session: ChatSession, start: Start, busy: bool
) -> None:
    if busy:
        start("Zero")
    session.keep_draft("And Naples \n")
    start("Something else")
    session.refresh_from_db()
    assert session.draft == "And Naples \n"
    before = AccountEvent.objects.above(alice.pk, 0, 100)[-1].seq
    start("And Naples")
    session.refresh_from_db()
    assert session.kept_draft is None
    assert "draft" in [event.type for event in AccountEvent.objects.above(alice.pk, before, 100)]


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
    monkeypatch.setattr(queue, "MAX_QUEUED_RUNS", 2)
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


@pytest.mark.parametrize(
    "other",
    [
        {"texts": ("Two",)},
        {"texts": ("One", "Two")},
        {"model": "another"},
        {"reasoning_effort": "high"},
        {"on_busy": "interrupt"},
        {"attachments": [{"path": "sources/a.txt"}]},
    ],
)
def test_another_command_under_the_same_name_is_refused(
    session: ChatSession, start: Start, other: dict[str, Any]
) -> None:
    start("One", client_id="c1")
    texts, attachments = other.pop("texts", ("One",)), other.pop("attachments", None)
    with pytest.raises(IdempotencyMismatch):
        inputs = [protocol.UserInput(text, attachments) for text in texts]
        Run.objects.start(session.pk, inputs, client_id="c1", owner="here", **other)
    assert Run.objects.count() == 1


def test_a_run_of_an_older_version_is_known_by_its_words(session: ChatSession, start: Start) -> None:
    first = start("One", client_id="c1").run
    Run.objects.update(command_hash="")
    assert start("One", client_id="c1").run == first
    with pytest.raises(IdempotencyMismatch):
        start("Two", client_id="c1")


def test_a_message_that_comes_twice_at_a_time_is_answered_once(
    transactional_db: None, session: ChatSession, start: Start, side_by_side: Callable[..., list[Any]]
) -> None:
    started = side_by_side(lambda _: start("One", client_id="c1"), list(range(4)))
    assert len({each.run.pk for each in started}) == 1
    assert [each.again for each in started].count(False) == 1


def test_the_words_of_a_run_that_was_stopped_in_the_queue_stand_in_their_place(
    session: ChatSession, start: Start
) -> None:
    first, second, third = start("One").run, start("Two").run, start("Three").run
    assert Run.objects.interrupt(session.pk, second.pk)
    assert [item["content"] for item in context(session)] == ["One"]
    assert first.end(Run.Status.COMPLETED, "stop")
    assert [item["content"] for item in context(session)] == ["One", "Two", UNHEARD_NOTE]
    assert [started.run.pk for started in Run.objects.claim("here", 10)] == [third.pk]
    assert [item["content"] for item in context(session)] == ["One", "Two", UNHEARD_NOTE, "Three"]


def test_a_run_that_is_stopped_behind_another_in_the_queue_waits_with_its_words(
    session: ChatSession, start: Start
) -> None:
    second, third = start("Two", owner="").run, start("Three").run
    assert Run.objects.interrupt(session.pk, third.pk)
    assert context(session) == []
    assert Run.objects.interrupt(session.pk, second.pk)
    assert [item["content"] for item in context(session)] == ["Two", UNHEARD_NOTE, "Three", UNHEARD_NOTE]


def test_a_session_says_what_goes_on_in_it(session: ChatSession, start: Start) -> None:
    def state() -> str:
        session.refresh_from_db()
        return session.state

    assert state() == "idle"
    first = start("One", owner="").run
    assert state() == "queued"
    (claimed,) = Run.objects.claim("here", 1)
    start("Two")
    assert state() == "running"
    assert Approval.objects.ask(claimed.run, [AskedCall("c", "delete", "{}")], "{}", None)
    assert state() == "awaiting_approval"
    Approval.objects.decide(session.pk, Approval.objects.get().pk, "approve")
    (resumed,) = Run.objects.claim("here", 1)
    assert state() == "running"
    assert resumed.run == first
    assert resumed.run.end(Run.Status.COMPLETED, "stop", title="A title")
    assert state() == "queued"
    assert frames(session, "session_updated")[-1]["session"]["state"] == "queued"
    start("Three", on_busy="interrupt")
    assert state() == "queued"
    for live in Run.objects.all().live():
        live.end(Run.Status.INTERRUPTED, "interrupted")
    assert state() == "idle"


def test_nothing_starts_in_a_session_that_is_gone(session: ChatSession, start: Start) -> None:
    session.remove()
    with pytest.raises(SessionGone):
        start("One")


async def test_a_cut_answer_is_kept_word_for_word_in_both_layers(transactional_db: None, start: Start) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
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
        write_entries([writer.take_batch()], fence)
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
        assert write_entries([writer.take_batch()], fence) == [writer]
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


@pytest.mark.parametrize(("since", "took_ms"), [(timedelta(seconds=3), 0), (timedelta(days=-30), 2**31 - 1)])
async def test_a_run_ends_whatever_the_clocks_say(
    transactional_db: None, start: Start, since: timedelta, took_ms: int
) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        Run.objects.update(started_at=timezone.now() + since)
        assert Run.objects.interrupt(writer.session_pk)
        assert Message.objects.get(role="assistant").response_time_ms == took_ms

    await runs_in_thread(start, check, "Rome")


async def test_what_a_stopped_run_had_used_is_counted_once(transactional_db: None, start: Start) -> None:
    used = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100, "context_tokens": 95}

    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        assert Run.objects.interrupt(writer.session_pk)
        session = ChatSession.objects.get(pk=writer.session_pk)
        assert (session.total_tokens, session.context_tokens) == (100, 95)
        assert frames(session, "stream_end")[0]["usage"]["total_tokens"] == 100

    async def use(writer: RunWriter) -> None:
        await writer.usage(used)

    await runs_in_thread(start, check, prepare=use)


async def test_what_a_run_used_is_counted_once_when_it_ends_by_itself(transactional_db: None, start: Start) -> None:
    used = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100, "context_tokens": 95}

    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        Run.objects.get(pk=writer.run_id).end(Run.Status.COMPLETED, "stop", usage=used)
        assert ChatSession.objects.get(pk=writer.session_pk).total_tokens == 100

    async def use(writer: RunWriter) -> None:
        await writer.usage(used)

    await runs_in_thread(start, check, prepare=use)


@pytest.mark.parametrize("unstorable", ["a\x00b", "a\ud83db"])
async def test_no_words_of_a_model_or_a_person_cost_a_run(
    transactional_db: None, start: Start, unstorable: str
) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        run = Run.objects.get(pk=writer.run_id)
        assert Approval.objects.ask(run, [AskedCall("call_2", unstorable, unstorable)], "", None)
        approval = run.approvals.get()
        Approval.objects.decide(run.session_id, approval.pk, "reject", unstorable)
        approval.refresh_from_db()
        called = Message.objects.get(role="tool_call", tool_call_id="call_1")
        texts = [called.tool_name, called.tool_arguments, called.tool_result, approval.arguments, approval.reason]
        assert texts == ["a\ufffdb"] * 5

    async def call(writer: RunWriter) -> None:
        await writer.text(unstorable)
        await writer.tool_arguments("call_1", unstorable)
        await writer.tool_call(id="call_1", name=unstorable, arguments=unstorable, status="executing")
        await writer.tool_call(
            id="call_1", name=unstorable, arguments=unstorable, status="completed", result=unstorable, success=True
        )
        await writer.items([{"role": "assistant", "content": unstorable}])

    await runs_in_thread(start, check, prepare=call)


def test_a_pair_that_came_in_two_pieces_is_one_character() -> None:
    assert storable("\ud83d\ude00") == "\U0001f600"


def test_a_run_that_cannot_be_claimed_keeps_no_other_waiting(session: ChatSession, start: Start, alice: User) -> None:
    other = ChatSession.objects.open(alice)[0]
    broken = start(owner="").run
    make_unreadable(session.messages.get())
    waiting = Run.objects.start(other.pk, [protocol.UserInput("Hello")])
    assert [started.run.pk for started in Run.objects.claim("here", 10)] == [waiting.run.pk]
    broken.refresh_from_db()
    assert (broken.status, broken.error_code) == ("failed", "internal")


async def test_what_the_model_thought_belongs_to_what_it_then_said_or_called(
    transactional_db: None, start: Start
) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        session = ChatSession.objects.get(pk=writer.session_pk)
        called, said = session.messages.exclude(role="user").order_by("position")
        assert (called.role, called.reasoning) == ("tool_call", "I look it up.")
        assert (said.role, said.reasoning, said.status) == ("assistant", "Rome, then.", "pending")
        live = History(session).detail()["live"]
        assert [message["reasoning"] for message in live] == ["I look it up.", "Rome, then."]
        assert Run.objects.interrupt(session.pk)
        said.refresh_from_db()
        assert (said.reasoning, said.error) == ("Rome, then.", None)

    async def think(writer: RunWriter) -> None:
        await writer.reasoning("I look ")
        await writer.reasoning("it up.")
        await writer.tool_call(id="call_1", name="search", arguments="{}", status="executing")
        await writer.reasoning("Rome, then.")
        await writer.text("Rome")

    await runs_in_thread(start, check, prepare=think)


async def test_a_thought_in_the_middle_of_a_message_belongs_to_it(transactional_db: None, start: Start) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        said = Message.objects.get(role="assistant")
        assert (said.content, said.reasoning) == ("Rome.", "First. Second.")

    async def think(writer: RunWriter) -> None:
        await writer.reasoning("First. ")
        await writer.text("Rome")
        await writer.reasoning("Second.")
        await writer.text(".")
        await writer.end_message()

    await runs_in_thread(start, check, prepare=think)


@pytest.mark.parametrize("words", [(), ("Rome is",)])
async def test_why_an_answer_failed_and_what_was_thought_stand_in_the_history(
    transactional_db: None, start: Start, words: tuple[str, ...]
) -> None:
    def check(writer: RunWriter) -> None:
        write_entries([writer.take_batch()], fence)
        session = ChatSession.objects.get(pk=writer.session_pk)
        error = protocol.Error("provider_timeout", "The provider said nothing.")
        Run.objects.get(pk=writer.run_id).end(Run.Status.FAILED, "error", error=error)
        (shown,) = (MessageSerializer(m).data for m in session.messages.filter(role="assistant"))
        assert (shown["content"], shown["status"], shown["is_error"]) == ("".join(words), "failed", True)
        assert shown["error"] == {"code": "provider_timeout", "message": "The provider said nothing."}
        assert shown["reasoning"] == "Hm."

    async def think(writer: RunWriter) -> None:
        await writer.reasoning("Hm.")
        for word in words:
            await writer.text(word)

    await runs_in_thread(start, check, prepare=think)


@pytest.mark.only("sqlite", reason="PostgreSQL walks through small tables whatever there is")
def test_a_look_for_queued_runs_does_not_walk_through_all_that_there_ever_were(start: Start) -> None:
    start("One")
    with CaptureQueriesContext(connection) as asked:
        Run.objects.claim("here", 10)
    with connection.cursor() as cursor:
        for query in asked:
            if query["sql"].startswith("SELECT"):
                steps = cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall()
                assert [step for *_, step in steps if step.startswith("SCAN") and "INDEX" not in step] == []
