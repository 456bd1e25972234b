"""Long after an answer its deltas are one row, and no client can tell."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from chat_app import protocol
from chat_app.log.record import record
from chat_app.models import Event, Run
from chat_app.models.ending import text_so_far
from chat_app.models.status import RunStatus
from chat_app.runs import folding
from chat_app.runs.folding import fold_next
from chatjuicer.accounts.models import User
from chatjuicer.operations.doctor import findings
from sessions_app.models import ChatSession, MessageDraft
from tests.chat_app.conftest import Start

TEXT_OF = {"delta": "content", "reasoning_delta": "content", "tool_call_arguments_delta": "delta"}
WORDS = [f"wörd{n} 🍊 " if n % 7 == 0 else f'"{n}"\n' for n in range(40)]


def later(minutes: float = 0) -> Any:
    return timezone.now() + timedelta(minutes=minutes)


def say(session: ChatSession, run: Run, events: Sequence[protocol.Event]) -> None:
    for event in events:
        with transaction.atomic():
            record(session, [event], run.pk)


@pytest.fixture
def answered(session: ChatSession, start: Start) -> Run:
    """A run that thought, called a tool, and said two messages, the first with a change of the title in between."""
    run = start("Where to?").run
    first, second = uuid4(), uuid4()
    call = protocol.ToolCall.of("c1", "read_file", '{"a": 1}', "completed", result="text", success=True)
    say(session, run, [protocol.ReasoningDelta(word) for word in WORDS])
    say(session, run, [protocol.Delta(word, first) for word in WORDS[:20]])
    session.configure(title="Rome")
    say(session, run, [protocol.Delta(word, first) for word in WORDS[20:]])
    say(
        session,
        run,
        [protocol.ToolCallArgumentsDelta(id, part) for id in ("c1", "c2") for part in ('{"a"', ": ", "1}")],
    )
    say(session, run, [call])
    say(session, run, [protocol.Delta(word, second) for word in WORDS])
    run.refresh_from_db()
    assert run.end(RunStatus.COMPLETED, "stop", epoch=run.epoch)
    return run


def events_after(client: APIClient, seq: int, limit: int = 1000) -> list[dict[str, Any]]:
    answer = client.get(f"/api/sessions/trip/events?after={seq}&limit={limit}").json()
    assert answer["resync"] is False
    assert answer["has_more"] is bool(answer["events"] and answer["events"][-1]["seq"] < answer["last_seq"])
    return answer["events"]


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the events say, whether their deltas come one by one or together: number and time of the last, all text."""
    told: list[dict[str, Any]] = []
    for event in map(dict, events):
        name = TEXT_OF.get(event["type"])
        before = told[-1] if told else {}
        varying = {"seq", "at", name}
        if name and {k: v for k, v in before.items() if k not in varying} == {
            k: v for k, v in event.items() if k not in varying
        }:
            event[name] = before[name] + event[name]
            told.pop()
        told.append(event)
    return told


@pytest.mark.slow(reason="read from each number of a log")
def test_for_every_cursor_what_comes_is_the_same_as_before(alice_client: APIClient, answered: Run) -> None:
    last = events_after(alice_client, 0)[-1]["seq"]
    before = [told(events_after(alice_client, cursor)) for cursor in range(last + 1)]
    rows = Event.objects.count()
    assert fold_next(later()) == 1
    assert fold_next(later()) == 0
    assert rows == last
    assert Event.objects.count() == last - (39 + 19 + 19 + 2 + 2 + 39)
    for cursor in range(last + 1):
        assert events_after(alice_client, cursor) == before[cursor], cursor


def test_every_page_of_every_size_ends_where_the_next_begins(alice_client: APIClient, answered: Run) -> None:
    before = told(events_after(alice_client, 0))
    fold_next(later())
    for limit in (1, 2, 3, 1000):
        events, cursor = [], 0
        while page := events_after(alice_client, cursor, limit):
            events += page
            cursor = page[-1]["seq"]
        assert told(events) == before


def test_a_client_that_read_a_part_before_reads_the_rest_after(alice_client: APIClient, answered: Run) -> None:
    before = told(events_after(alice_client, 0))
    parts = [events_after(alice_client, 0, limit) for limit in range(1, 150, 7)]
    fold_next(later())
    for part in parts:
        assert told(part + events_after(alice_client, part[-1]["seq"])) == before


def test_a_text_longer_than_a_batch_becomes_one_row(
    alice_client: APIClient, answered: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "PAGE", 7)
    before = told(events_after(alice_client, 0))
    fold_next(later())
    assert events_after(alice_client, 0) == before
    assert Event.objects.filter(type="delta").count() == 3


def test_a_frame_stays_below_what_a_client_takes(
    alice_client: APIClient, answered: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "MAX_CHARS", 100)
    before = told(events_after(alice_client, 0))
    fold_next(later())
    assert told(events_after(alice_client, 0)) == before
    assert all(len(event.get("content", "")) <= 100 for event in events_after(alice_client, 0))


def test_what_is_young_or_still_going_on_is_left(session: ChatSession, answered: Run, start: Start) -> None:
    rows = Event.objects.count()
    assert fold_next(later(-10)) == 0
    start("And then?")
    assert fold_next(later(1)) == 0
    assert Event.objects.count() > rows


def test_folded_twice_and_after_more_was_said_it_says_the_same(
    alice_client: APIClient, session: ChatSession, answered: Run, start: Start
) -> None:
    fold_next(later())
    run = start("And then?").run
    say(session, run, [protocol.Delta(word, uuid4()) for word in WORDS[:3]])
    run.refresh_from_db()
    run.end(RunStatus.INTERRUPTED, "interrupted", epoch=run.epoch)
    before = told(events_after(alice_client, 0))
    Run.objects.update(folded=False)
    assert fold_next(later()) == 2
    assert events_after(alice_client, 0) == before


def test_the_doctor_finds_nothing_in_a_folded_log_and_a_gap_beside_it(session: ChatSession, answered: Run) -> None:
    fold_next(later())
    assert list(findings(repair=False)) == []
    fold = Event.objects.filter(type="delta").order_by("seq").first()
    assert fold is not None and fold.folded_from is not None
    Event.objects.filter(session=session, seq=fold.folded_from - 1).delete()
    assert [found.check for found in findings(repair=True)] == ["seq-gap"]
    assert list(findings(repair=False)) == []
    session.refresh_from_db()
    assert session.forgotten_seq == fold.folded_from - 1


def test_the_text_so_far_of_a_message_is_read_from_a_folded_log_too(session: ChatSession, start: Start) -> None:
    run = start("Where to?").run
    (message,) = session.add_messages([MessageDraft(role="assistant", status="pending", run_id=run.pk)])
    say(session, run, [protocol.Delta(word, message.pk) for word in WORDS])
    Run.objects.filter(pk=run.pk).update(status="failed", ended_at=timezone.now())
    fold_next(later())
    assert text_so_far(session.pk, message.pk, 0) == "".join(WORDS)


def test_cleared_while_it_was_being_folded_nothing_comes_back(
    session: ChatSession, answered: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = folding.read

    def read_and_clear(*arguments: Any) -> Any:
        pieces = read(*arguments)
        session.clear()
        return pieces

    monkeypatch.setattr(folding, "read", read_and_clear)
    fold_next(later())
    assert list(Event.objects.values_list("type", flat=True)) == ["session_updated"]


def test_killed_in_the_middle_nothing_has_changed(
    alice_client: APIClient, answered: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told(events_after(alice_client, 0))
    write, written = folding.write, []

    def write_and_die(*arguments: Any) -> None:
        write(*arguments)
        written.append(arguments)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(folding, "write", write_and_die)
    with pytest.raises(KeyboardInterrupt):
        fold_next(later())
    assert told(events_after(alice_client, 0)) == before
    assert list(findings(repair=False)) == []
    monkeypatch.undo()
    assert fold_next(later()) == 1
    assert events_after(alice_client, 0) == before


@pytest.mark.django_db(transaction=True)
def test_processes_that_fold_at_once_fold_once(
    alice_client: APIClient, answered: Run, side_by_side: Callable[..., list[Any]]
) -> None:
    before = told(events_after(alice_client, 0))
    side_by_side(lambda _: fold_next(later()), [0, 1, 2, 3])
    assert events_after(alice_client, 0) == before
    assert Run.objects.filter(folded=True).count() == 1


def test_what_is_stored_is_small_and_encrypted_where_the_rest_is(
    alice: User, settings: Any, session: ChatSession, start: Start
) -> None:
    from cryptography.fernet import Fernet

    run = start("Where to?").run
    text = "The quick brown fox jumps over the lazy dog; and then, having thought about it, it goes home again. "
    message_id = uuid4()
    say(session, run, [protocol.Delta(text[n : n + 5], message_id) for n in range(0, len(text), 5)] * 10)
    run.refresh_from_db()
    run.end(RunStatus.COMPLETED, "stop", epoch=run.epoch)
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    fold_next(later())
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM chat_app_event WHERE type = 'delta'")
        ((stored,),) = cursor.fetchall()
    assert stored.startswith("enc:v1:")
    assert len(stored) < 10 * len(text)
    event = Event.objects.get(type="delta")
    assert json.loads(event.json())["content"] == text * 10
