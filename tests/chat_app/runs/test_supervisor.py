"""A supervisor with an agent of the test's own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pytest

from chat_app.database import in_database
from chat_app.delivery.hub import Hub
from chat_app.log.journal import Journal
from chat_app.models import Run
from chat_app.runs.contract import Item, Outcome, RunRequest, Summary, Writer
from chat_app.runs.owner import OWNER
from chat_app.runs.supervisor import Supervisor
from chatjuicer.observability import context
from sessions_app.models import Message
from tests.chat_app.conftest import Start

Answer = Callable[[RunRequest, Writer], Awaitable[Outcome]]


@dataclass
class ScriptedAgent:
    script: Answer

    async def answer(self, request: RunRequest, writer: Writer) -> Outcome:
        return await self.script(request, writer)

    async def summarize(self, items: list[Item], model: str) -> Summary:
        raise NotImplementedError


@pytest.fixture
def agent() -> ScriptedAgent:
    async def silent(request: RunRequest, writer: Writer) -> Outcome:
        return Outcome("stop")

    return ScriptedAgent(silent)


@pytest.fixture
async def supervisor(hub: Hub, journal: Journal, agent: ScriptedAgent) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(journal, hub, agent)
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
