"""What servers do by themselves to keep the database small, in one process at a time."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from chat_app import protocol
from chat_app.log.record import record
from chat_app.models import Event, Run
from chat_app.models.status import RunStatus
from chat_app.runs.owner import OWNER
from chatjuicer.accounts.models import IdempotencyRecord, TokenFamily, User, WsTicket
from chatjuicer.metrics import registry
from chatjuicer.operations import housekeeping
from chatjuicer.operations.housekeeping import housekeep
from chatjuicer.operations.models import HousekeepingTask, Lease
from chatjuicer.operations.tasks import TASKS, Task
from files_app.models import StoredBytes, Upload
from sessions_app.models import ChatSession, PackedHistory
from tests.harness.client import assert_gapless, signed_in, text_of
from tests.harness.provider import Provider
from tests.harness.sites import Sites

LONG_AGO = timezone.now() - timedelta(days=40)
GO_ON = threading.Event()  # never set


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="trip")[0]


@pytest.fixture
def answered(session: ChatSession) -> Run:
    run = Run.objects.start(session.pk, [protocol.UserInput("Where to?")], owner="here").run
    message_id = run.pk
    record(session, [protocol.Delta(f"{n} ", message_id) for n in range(50)], run.pk)
    assert run.end(RunStatus.COMPLETED, "stop", epoch=run.epoch)
    return run


def by_hand() -> str:
    told = StringIO()
    call_command("housekeep", "--wait", "0", stdout=told)
    return told.getvalue()


def test_what_nobody_needs_goes_and_the_rest_stays(
    alice: User, session: ChatSession, answered: Run, settings: Any
) -> None:
    by_hand()  # tests before this one may have left deleted words in the index
    family = TokenFamily.objects.sign_in(alice)
    WsTicket.objects.issue(alice, None)
    TokenFamily.objects.bulk_create(
        TokenFamily(user=alice, jti=alice.pk, issued_at=LONG_AGO, expires_at=LONG_AGO) for _ in range(3)
    )
    WsTicket.objects.bulk_create(WsTicket(digest=f"{n}", user=alice, expires_at=LONG_AGO) for n in range(600))
    IdempotencyRecord.objects.create(name="new")
    IdempotencyRecord.objects.create(name="old", created_at=timezone.now() - timedelta(hours=25))
    upload = Upload.objects.begin(session, "sources", "a", 5)
    Upload.objects.update(expires_at=LONG_AGO)
    StoredBytes.objects.filter(pk=upload.storage_key).update(expires_at=LONG_AGO)

    said = by_hand()
    done = {"tickets": 600, "token-families": 3, "idempotency-records": 1, "files": 1}
    assert [line.split(" in ")[0] for line in said.splitlines()] == [
        f"{task.name}: {done.get(task.name, 0)}" for task in TASKS
    ]
    assert list(TokenFamily.objects.all()) == [family]
    assert WsTicket.objects.count() == 1
    assert IdempotencyRecord.objects.get().name == "new"
    assert not Upload.objects.exists() and not StoredBytes.objects.exists()

    assert Event.objects.filter(type="delta").count() == 50
    settings.FOLD_AFTER_S = 0
    assert "fold: 1 in" in by_hand()
    assert Event.objects.filter(type="delta").count() == 1


def test_sessions_are_archived_by_age_where_the_operator_says_so(
    session: ChatSession, answered: Run, settings: Any
) -> None:
    ChatSession.objects.update(last_used_at=LONG_AGO)
    assert "archive: 0" in by_hand()
    settings.ARCHIVE_AFTER_DAYS = 30
    assert "archive: 1" in by_hand()
    assert PackedHistory.objects.filter(session=session).exists()


def failing() -> Iterator[int]:
    yield 2
    raise ZeroDivisionError


def with_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "TASKS", (Task("tickets", failing), *TASKS[2:]))


def metric(name: str, task: str) -> float:
    return registry.get_sample_value(f"chatjuicer_housekeeping_{name}", {"task": task}) or 0.0


def test_a_task_that_fails_stops_no_other_and_is_seen(
    alice: User, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    IdempotencyRecord.objects.create(name="old", created_at=LONG_AGO)
    before = [metric("failures_total", "tickets"), metric("done_total", "tickets"), metric("runs_total", "files")]
    with_failing(monkeypatch)
    with pytest.raises(CommandError, match="These failed, and the log says how: tickets"):
        by_hand()
    assert not IdempotencyRecord.objects.exists()
    failed = HousekeepingTask.objects.get(name="tickets")
    assert (failed.done, failed.error) == (2, "ZeroDivisionError")
    after = [metric("failures_total", "tickets"), metric("done_total", "tickets"), metric("runs_total", "files")]
    assert after == [before[0] + 1, before[1] + 2, before[2] + 1]
    assert metric("last_run_timestamp_seconds", "files") > 0

    monkeypatch.undo()
    by_hand()
    mended = HousekeepingTask.objects.get(name="tickets")
    assert (mended.error, mended.failed_at) == ("", failed.failed_at)

    alice.is_staff = alice.is_superuser = True
    alice.save()
    client.force_login(alice)
    page = client.get("/admin/operations/housekeepingtask/").content.decode()
    assert all(task.name in page for task in TASKS)
    assert client.get("/admin/operations/housekeepingtask/add/").status_code == 403
    assert client.post("/admin/operations/housekeepingtask/tickets/delete/", {"post": "yes"}).status_code == 403


def test_a_task_that_is_not_due_waits(db: None, settings: Any) -> None:
    housekeep(GO_ON, "here")
    first = dict(HousekeepingTask.objects.values_list("name", "began_at"))
    assert first.keys() == {task.name for task in TASKS}
    housekeep(GO_ON, "here")
    assert dict(HousekeepingTask.objects.values_list("name", "began_at")) == first
    settings.HOUSEKEEP_EVERY_S = 0.001
    housekeep(GO_ON, "here")
    again = dict(HousekeepingTask.objects.values_list("name", "began_at"))
    assert {name for name in first if again[name] != first[name]} == {
        "fold",
        "tickets",
        "idempotency-records",
        "search",
        "documents",
        "embeddings",
        "message-embeddings",
    }


@pytest.mark.django_db(transaction=True)
def test_of_processes_at_once_one_does_it(
    monkeypatch: pytest.MonkeyPatch, side_by_side: Callable[..., list[Any]]
) -> None:
    done: list[str] = []

    def slowly() -> Iterator[int]:
        done.append(threading.current_thread().name)
        for _ in range(10):
            GO_ON.wait(0.02)
            yield 1

    monkeypatch.setattr(housekeeping, "TASKS", (Task("tickets", slowly, 3600), Task("files", slowly, 3600)))
    side_by_side(lambda owner: housekeep(GO_ON, owner), ["one", "two", "three", "four"])
    assert len(done) == 2 and len(set(done)) == 1
    assert Lease.objects.get().owner == ""


def test_who_died_is_followed_and_who_works_is_not(db: None) -> None:
    by_hand()
    Lease.objects.update(owner="far-away:1:ab", until=timezone.now() + timedelta(minutes=5))
    with pytest.raises(CommandError, match="A server is doing it at this moment"):
        by_hand()
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    by_hand()
    # A process of this machine whose end is certain is not waited for.
    dead = OWNER.rsplit(":", 2)[0] + f":{os.getpid()}:dead"
    Lease.objects.update(owner=dead, until=timezone.now() + timedelta(minutes=5))
    by_hand()
    assert Lease.objects.get().owner == ""


def test_who_was_overtaken_stops_and_begins_nothing_more(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    batches: list[int] = []

    def overtaken() -> Iterator[int]:
        for n in range(5):
            batches.append(n)
            Lease.objects.update(owner="another", until=timezone.now() + timedelta(minutes=5))
            yield 1

    monkeypatch.setattr(housekeeping, "TASKS", (Task("tickets", overtaken), Task("files", overtaken)))
    housekeep(GO_ON, "here")
    assert batches == [0]
    assert HousekeepingTask.objects.get().error == "LostLease"
    assert Lease.objects.get().owner == "another"
    Lease.objects.update(owner="")
    with pytest.raises(CommandError, match="A server is doing it at this moment"):
        by_hand()
    assert batches == [0, 0]


def test_what_begins_from_the_start_each_time_comes_to_its_end(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    def three() -> Iterator[int]:
        yield from (1, 1, 1)

    monkeypatch.setattr(housekeeping, "TASK_S", 0)
    monkeypatch.setattr(
        housekeeping, "TASKS", (Task("tickets", three), Task("files", three, 3600, from_the_start=True))
    )
    housekeep(GO_ON, "here")
    assert dict(HousekeepingTask.objects.values_list("name", "done")) == {"tickets": 1, "files": 3}


async def test_a_server_folds_by_itself_and_no_client_can_tell(provider: Provider, sites: Sites) -> None:
    quick = {"HOUSEKEEP_EVERY_S": "0.5", "FOLD_AFTER_S": "0"}
    with sites.own(quick) as site:
        async with signed_in(site.url) as alice:
            key = await alice.create_session()
            async with alice.chat(key) as chat:
                frames = await chat.ask("pace 200; say 300 words")
            last = frames[-1]["seq"]
            text = text_of(frames)
            deltas = [frame for frame in frames if frame["type"] == "delta"]
            async with asyncio.timeout(20):
                while len([e for e in await alice.events(key) if e["type"] == "delta"]) > 1:
                    await asyncio.sleep(0.1)
            (delta,) = [event for event in await alice.events(key) if event["type"] == "delta"]
            assert delta["content"] == text
            assert (delta["seq"], delta["at"]) == (deltas[-1]["seq"], deltas[-1]["at"])
            for server in site.servers:
                for seen in (0, 1, len(deltas) // 2, len(deltas) - 1):
                    cursor = deltas[seen]["seq"]
                    had = text_of(deltas[: seen + 1])
                    async with alice.at(server.url).chat(key, after=cursor) as chat:
                        await chat.wait_seq(last)
                        assert_gapless(chat.log, cursor)
                        assert had + text_of(chat.frames) == text
            async with httpx.AsyncClient(trust_env=False) as anybody:
                told = [(await anybody.get(f"{server.url}/metrics")).text for server in site.servers]
            assert any('chatjuicer_housekeeping_done_total{task="fold"} 1.0' in metrics for metrics in told)
        assert "fold: 0 in" in site.manage("housekeep")
        assert "Nothing is wrong" in site.manage("doctor")
