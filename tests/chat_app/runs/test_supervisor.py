"""A supervisor with an agent of the test's own."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from chat_app.database import in_database
from chat_app.delivery.hub import Hub
from chat_app.log import journal as journal_module
from chat_app.log.event import Event
from chat_app.log.journal import Journal
from chat_app.models import Run
from chat_app.protocol import UserInput
from chat_app.runs import leases as leases_module
from chat_app.runs import supervisor as supervisor_module
from chat_app.runs.commands import accept_run
from chat_app.runs.contract import (
    Agent,
    Offer,
    Outcome,
    RunRequest,
    SummaryRequest,
    TitleRequest,
    ToolsRequest,
    TriedOut,
    Writer,
)
from chat_app.runs.owner import OWNER
from chat_app.runs.process import process
from chat_app.runs.supervisor import Supervisor
from chatjuicer.accounts.models import User
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.observability import context
from sessions_app.models import ChatSession, Message, MessageDraft
from sessions_app.providers.provider import Provider
from tests.chat_app.conftest import Blocked, Start, locked, make_unreadable, until

Answer = Callable[[RunRequest, Writer], Awaitable[Outcome]]


@dataclass
class ScriptedAgent:
    script: Answer
    servers: Any = None

    async def answer(self, request: RunRequest, writer: Writer) -> Outcome:
        return await self.script(request, writer)

    async def summarize(self, request: SummaryRequest) -> str:
        raise NotImplementedError

    async def title(self, request: TitleRequest) -> str:
        raise NotImplementedError

    async def offer(self, request: ToolsRequest) -> Offer:
        raise NotImplementedError

    async def try_out(self, provider: Provider, model: str) -> TriedOut:
        raise NotImplementedError


def loaded(agent: Agent) -> asyncio.Future[Agent]:
    future: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
    future.set_result(agent)
    return future


@pytest.fixture
def agent() -> ScriptedAgent:
    async def silent(request: RunRequest, writer: Writer) -> Outcome:
        return Outcome("stop")

    return ScriptedAgent(silent)


@pytest.fixture
async def supervisor(
    hub: Hub, journal: Journal, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(journal, hub, loaded(agent))
    monkeypatch.setattr(journal, "_on_refused", supervisor.refuse)
    supervisor.start()
    yield supervisor
    await supervisor.stop(0)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged of runs, with the run that the line's context names."""
    caplog.set_level(logging.INFO, logger="chat_app.runs.supervisor")

    def note(record: logging.LogRecord) -> bool:
        record.about = (context.session_id.get(), context.run_id.get())
        return True

    caplog.handler.addFilter(note)
    return lambda: [f"{r.about[0]} {r.about[1]}: {r.getMessage()}" for r in caplog.records if r.levelno == logging.INFO]  # type: ignore[attr-defined]


async def executed(supervisor: Supervisor, start: Start) -> Run:
    started = await in_database(partial(start, "Hello", owner=OWNER))
    supervisor.adopt(started)
    return started.run


async def until_ended(supervisor: Supervisor, run: Run) -> Run:
    async with asyncio.timeout(10):
        while supervisor.active:
            await asyncio.sleep(0.01)
    return await in_database(Run.objects.get, pk=run.pk)


async def test_a_run_is_logged_when_it_starts_and_when_it_ends(
    supervisor: Supervisor, start: Start, lines: Callable[[], list[str]]
) -> None:
    run = await until_ended(supervisor, await executed(supervisor, start))
    assert (run.status, run.finish_reason) == (Run.Status.COMPLETED, "stop")
    first, last = lines()
    assert first.startswith(f"trip {run.pk}: run started")
    assert last.startswith(f"trip {run.pk}: run ended: finish_reason stop")


async def test_a_run_that_is_stopped_is_logged_with_the_reason(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start, lines: Callable[[], list[str]]
) -> None:
    begun = asyncio.Event()

    async def hang(request: RunRequest, writer: Writer) -> Outcome:
        begun.set()
        await asyncio.sleep(60)
        return Outcome("stop")

    agent.script = hang
    run = await executed(supervisor, start)
    await begun.wait()
    await in_database(Run.objects.interrupt, run.session_id)
    run = await until_ended(supervisor, run)
    assert run.status == Run.Status.INTERRUPTED
    assert "run ended: finish_reason interrupted" in lines()[-1]


async def test_an_agent_that_raises_ends_the_run_with_an_error(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start, lines: Callable[[], list[str]]
) -> None:
    async def fail(request: RunRequest, writer: Writer) -> Outcome:
        raise RuntimeError("a fault of the agent")

    agent.script = fail
    run = await until_ended(supervisor, await executed(supervisor, start))
    assert (run.status, run.error_code) == (Run.Status.FAILED, "internal")
    [said] = await in_database(lambda: [event.json() for event in Event.objects.filter(type="error")])
    assert json.loads(said)["retryable"]
    assert "run ended: finish_reason error" in lines()[-1]


async def test_what_the_agent_writes_is_committed_before_the_end(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start
) -> None:
    async def speak(request: RunRequest, writer: Writer) -> Outcome:
        assert request.history == [{"role": "user", "content": "Hello"}]
        await writer.text("Rome.")
        return Outcome("stop")

    agent.script = speak
    run = await until_ended(supervisor, await executed(supervisor, start))
    message = await in_database(Message.objects.get, run_id=run.pk, role="assistant")
    assert (message.content, message.status) == ("Rome.", "completed")


@pytest.fixture
def serving(supervisor: Supervisor, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "journal", journal, raising=False)
    monkeypatch.setattr(process, "supervisor", supervisor)


def beginning(session: ChatSession) -> Blocked:
    return Blocked(lambda owner: Run.objects.start(session.pk, [UserInput("Hello")], owner=owner))


async def is_answered(verb: Blocked) -> None:
    """What has begun, once that may be committed."""
    verb.go_on.set()
    async with asyncio.timeout(20):
        while not await in_database(Run.objects.filter(status=Run.Status.COMPLETED).exists):
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("serving")
async def test_a_message_whose_sender_goes_while_it_is_committed_is_answered(session: ChatSession, alice: User) -> None:
    verb = beginning(session)
    sending = asyncio.create_task(accept_run(session.pk, alice.pk, verb))
    await asyncio.to_thread(verb.begun.wait, 20)
    sending.cancel()
    await asyncio.wait([sending])
    await is_answered(verb)


@pytest.mark.usefixtures("serving")
async def test_runs_that_are_claimed_while_their_sender_is_refused_are_executed(
    session: ChatSession, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "CALL_TIMEOUT_S", 0.2)
    verb = beginning(session)
    with pytest.raises(Unavailable):
        await accept_run(session.pk, alice.pk, verb)
    await is_answered(verb)


@pytest.mark.usefixtures("serving")
async def test_messages_that_wait_to_be_written_count_for_their_users_places(
    supervisor: Supervisor, agent: ScriptedAgent, alice: User, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAX_RUNS_PER_USER", 2)
    go_on, most = asyncio.Event(), 0

    async def hang(request: RunRequest, writer: Writer) -> Outcome:
        nonlocal most
        most = max(most, supervisor.active)
        await go_on.wait()
        return Outcome("stop")

    agent.script = hang
    sessions = await in_database(lambda: [ChatSession.objects.open(alice)[0] for _ in range(6)])

    async def send(session: ChatSession) -> bool:
        start = partial(Run.objects.start, session.pk, [UserInput("Hello")])
        return (await accept_run(session.pk, alice.pk, lambda owner: start(owner=owner))).claimed

    verb = Blocked()
    blocked = asyncio.create_task(journal.transact(verb))
    await asyncio.to_thread(verb.begun.wait, 20)
    supervisor.wake()  # a claim waits, too, from before they are sent
    await asyncio.sleep(0.05)
    sending = asyncio.gather(*map(send, sessions))
    await asyncio.sleep(0.05)
    verb.go_on.set()
    assert sorted(await sending) == [False] * 4 + [True] * 2
    await blocked
    go_on.set()
    completed = Run.objects.filter(status=Run.Status.COMPLETED)
    async with asyncio.timeout(20):
        while await in_database(completed.count) < 6:
            await asyncio.sleep(0.05)
    assert most == 2


async def test_an_end_keeps_its_place_however_long_it_waits(
    supervisor: Supervisor, session: ChatSession, start: Start, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it refused like a message, and tried again behind all that has come meanwhile, it would never be written."""
    monkeypatch.setattr(journal_module, "CALL_TIMEOUT_S", 0.1)
    verb = Blocked()
    blocked = asyncio.create_task(journal.transact(verb, patient=True))
    await asyncio.to_thread(verb.begun.wait, 20)
    order: list[str] = []

    async def note(what: str, waiting: Awaitable[object]) -> None:
        await waiting
        order.append(what)

    end = asyncio.create_task(note("end", supervisor._write_end(lambda: None, session.pk)))
    await asyncio.sleep(0.5)
    later = asyncio.create_task(note("later", journal.transact(lambda: None, session.pk, patient=True)))
    await asyncio.sleep(0.05)
    verb.go_on.set()
    await asyncio.gather(blocked, end, later)
    assert order == ["end", "later"]


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LEASE_S", 3.0)


@pytest.mark.usefixtures("short_leases")
async def test_a_lease_does_not_run_out_while_very_much_waits_to_be_written(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start, journal: Journal, alice: User
) -> None:
    async def go_on(request: RunRequest, writer: Writer) -> Outcome:
        await asyncio.sleep(60)
        return Outcome("stop")

    def work() -> bool:
        time.sleep(0.05)
        return Run.objects.filter(pk=run.pk, lease_until__lt=Now()).exists()

    agent.script = go_on
    run = await executed(supervisor, start)
    other = await in_database(lambda: ChatSession.objects.open(alice)[0])
    ran_out = await asyncio.gather(*(journal.transact(work, other.pk) for _ in range(100)))
    assert not any(ran_out)
    assert supervisor.active


@pytest.mark.only("postgres", reason="SQLite locks no rows")
@pytest.mark.usefixtures("short_leases")
async def test_a_lease_does_not_run_out_while_the_journal_waits_for_a_row(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start
) -> None:
    said: list[str] = []

    async def speak(request: RunRequest, writer: Writer) -> Outcome:
        await go_on.wait()
        await writer.text("Rome.")
        await writer.flush()
        said.append("Rome.")
        return Outcome("stop")

    agent.script, go_on = speak, asyncio.Event()
    run = await executed(supervisor, start)
    late = Run.objects.filter(pk=run.pk, lease_until__lt=Now())
    async with locked(ChatSession.objects.filter(pk=run.session_id)):
        go_on.set()
        for _ in range(25):
            await asyncio.sleep(0.2)
            assert not await in_database(late.exists)
        assert not said
    run = await until_ended(supervisor, run)
    assert (run.status, said) == (Run.Status.COMPLETED, ["Rome."])


@pytest.mark.only("postgres", reason="SQLite locks no rows")
async def test_a_run_that_is_locked_keeps_no_other_lease_from_being_renewed(
    journal: Journal, start: Start, alice: User
) -> None:
    other = await in_database(lambda: ChatSession.objects.open(alice)[0])
    runs = [
        (await in_database(start)).run,
        (await in_database(lambda: Run.objects.start(other.pk, [UserInput("Hello")], owner="here"))).run,
    ]
    await in_database(lambda: Run.objects.update(lease_until=Now()))
    async with locked(Run.objects.filter(pk=runs[0].pk)):
        renewing = journal.transact(partial(Run.objects.all().renew, "here", [run.pk for run in runs]))
        mine = await asyncio.wait_for(renewing, 20)
    late = await in_database(lambda: {run.pk for run in Run.objects.filter(lease_until__lt=Now())})
    assert (mine, late) == ({run.pk for run in runs}, {runs[0].pk})


@pytest.mark.only("postgres", reason="SQLite locks no rows")
async def test_a_session_that_is_locked_keeps_no_other_queued(journal: Journal, start: Start, alice: User) -> None:
    other = await in_database(lambda: ChatSession.objects.open(alice)[0])
    first, *_ = [(await in_database(partial(start, owner=""))).run for _ in range(12)]
    second = (await in_database(lambda: Run.objects.start(other.pk, [UserInput("Hello")]))).run
    async with locked(ChatSession.objects.filter(pk=first.session_id)):
        claimed = await asyncio.wait_for(journal.transact(partial(Run.objects.claim, "here", 2)), 20)
        assert [started.run.pk for started in claimed] == [second.pk]
    claimed = await journal.transact(partial(Run.objects.claim, "here", 2))
    assert [started.run.pk for started in claimed] == [first.pk]


async def test_an_end_that_waits_beside_a_renewal_is_no_loss(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    said_all = asyncio.Event()

    async def say(request: RunRequest, writer: Writer) -> Outcome:
        said_all.set()
        return Outcome("stop")

    agent.script = say
    supervisor._loops[1].cancel()  # it renews when we say so
    run = await executed(supervisor, start)
    renew = supervisor._leases.keep()
    verb = Blocked()
    blocked = asyncio.create_task(journal.transact(verb))
    await said_all.wait()
    renewing = asyncio.create_task(renew)
    await asyncio.sleep(0.1)
    verb.go_on.set()
    await blocked
    run = await until_ended(supervisor, run)
    await asyncio.sleep(0.1)
    renewing.cancel()
    assert run.status == Run.Status.COMPLETED
    assert "not ours any more" not in caplog.text


async def test_an_orphan_that_cannot_be_ended_keeps_no_other_waiting(
    supervisor: Supervisor, session: ChatSession, start: Start, alice: User
) -> None:
    def plant() -> Run:
        broken = start(owner="gone").run
        call = MessageDraft(role="tool_call", status="pending", run_id=broken.pk)
        make_unreadable(session.add_messages([call])[0])
        other = ChatSession.objects.open(alice)[0]
        orphan = Run.objects.start(other.pk, [UserInput("Hello")], owner="gone").run
        Run.objects.update(lease_until=timezone.now() - timedelta(hours=1))
        return orphan

    orphan = await in_database(plant)
    await supervisor._leases.end_orphans()
    states = await in_database(lambda: dict(Run.objects.values_list("pk", "status")))
    assert states.pop(orphan.pk) == "failed"
    assert list(states.values()) == ["running"]


async def test_after_a_break_of_the_database_others_are_given_time_to_renew_their_leases(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ours are renewed as soon as it is back."""
    monkeypatch.setattr(settings, "LEASE_S", 6.0)
    monkeypatch.setattr(leases_module, "RETRY_S", 0.01)
    leases = leases_module.Leases(journal, set(), set(), lambda run_id: None)
    happened: list[str] = []

    async def renew(runs: list[UUID]) -> set[UUID]:
        happened.append("renewed" if happened.count("away") == 3 else "away")
        if happened[-1] == "away":
            raise Unavailable
        return set()

    async def end_orphans() -> None:
        happened.append("orphans")

    monkeypatch.setattr(leases, "_renew", renew)
    monkeypatch.setattr(leases, "end_orphans", end_orphans)
    began = time.monotonic()
    keeping = asyncio.create_task(leases.keep())
    await until(lambda: "orphans" in happened)
    keeping.cancel()
    assert happened == ["away", "away", "away", "renewed", "renewed", "orphans"]
    assert time.monotonic() - began < 7.5  # after one of the usual pauses, which are 2 s, and not after four


async def test_an_end_waits_for_a_database_that_is_away_however_long(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start, away: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "WRITE_END_FOR_S", 0.0)
    monkeypatch.setattr(journal_module, "GIVE_UP_AFTER_S", 0.0)

    async def answer(request: RunRequest, writer: Writer) -> Outcome:
        await writer.text("said while ")
        away.set()
        await writer.text("it was away")
        return Outcome("stop")

    agent.script = answer
    run = await executed(supervisor, start)
    await until(lambda: supervisor._journal.is_cut_off)
    await asyncio.sleep(1.5)  # three tries
    away.clear()
    run = await until_ended(supervisor, run)
    assert run.finish_reason == "stop"
    messages = await in_database(lambda: list(Message.objects.filter(run_id=run.pk, role="assistant")))
    assert [message.content for message in messages] == ["said while it was away"]


async def test_what_the_database_does_not_take_ends_the_run_at_once(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start
) -> None:
    async def say_what_no_row_takes(request: RunRequest, writer: Writer) -> Outcome:
        await writer.text("Rome")
        await writer.flush()
        await writer.items([{"role": object()}])
        await asyncio.sleep(60)
        return Outcome("stop")

    agent.script = say_what_no_row_takes
    began = time.monotonic()
    run = await until_ended(supervisor, await executed(supervisor, start))
    async with asyncio.timeout(20):
        while run.status == "running":
            run = await in_database(Run.objects.get, pk=run.pk)
    assert (run.status, run.error_code) == ("failed", "unstorable")
    message = await in_database(Message.objects.get, run_id=run.pk, role="assistant")
    assert (message.content, message.status) == ("Rome", "failed")
    assert time.monotonic() - began < settings.LEASE_S / 3


async def test_a_shutdown_leaves_a_run_alone_that_others_have_claimed_meanwhile(
    supervisor: Supervisor, agent: ScriptedAgent, start: Start
) -> None:
    begun = asyncio.Event()

    async def hang(request: RunRequest, writer: Writer) -> Outcome:
        begun.set()
        await asyncio.sleep(60)
        return Outcome("stop")

    agent.script = hang
    run = await executed(supervisor, start)
    await begun.wait()
    await in_database(Run.objects.filter(pk=run.pk).update, owner="another", epoch=run.epoch + 1)
    await supervisor.stop(0)
    assert (await in_database(Run.objects.get, pk=run.pk)).status == "running"


async def test_a_deletion_that_a_crash_has_cut_is_finished_at_the_start(
    hub: Hub, journal: Journal, agent: ScriptedAgent, session: ChatSession
) -> None:
    await in_database(ChatSession.objects.filter(pk=session.pk).update, namespace="")
    supervisor = Supervisor(journal, hub, loaded(agent))
    supervisor.start()
    async with asyncio.timeout(10):
        while await in_database(ChatSession.with_deleting.exists):
            await asyncio.sleep(0.01)
    await supervisor.stop(0)
