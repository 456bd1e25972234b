import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from chat_app.agent import gauge
from chat_app.agent.answer import answer
from chat_app.agent.lifecycle import shut_down
from chat_app.model_calls import CallRecord
from chat_app.models import Budget
from chat_app.runs.contract import Item, Outcome, RunRequest
from chatjuicer.accounts.models import GroupAllowance
from sessions_app.models import CompactionDraft
from tests.harness.provider import Provider


class RecordingWriter:
    """A `Writer` that keeps its calls, in order."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.calls: list[CallRecord] = []
        self.said = asyncio.Event()

    async def text(self, content: str) -> None:
        self.log.append(("text", content))
        self.said.set()

    async def reasoning(self, content: str) -> None:
        self.log.append(("reasoning", content))

    async def end_message(self) -> None:
        self.log.append(("end_message",))

    async def act_as(self, agent_name: str) -> None:
        self.log.append(("act_as", agent_name))

    async def tool_arguments(self, call_id: str, delta: str) -> None:
        self.log.append(("tool_arguments", call_id, delta))

    async def tool_call(self, **frame: Any) -> None:
        self.log.append((frame["status"], frame))

    async def usage(self, usage: dict[str, int]) -> None:
        self.log.append(("usage", usage))

    async def items(self, items: list[Item]) -> None:
        self.log.append(("items", items))

    async def status(self, code: str, message: str, retry_in_s: float | None = None) -> None:
        self.log.append(("status", code, retry_in_s))

    async def model_call(self, call: CallRecord) -> None:
        self.calls.append(call)

    def cut_call(self, call: CallRecord) -> None:
        self.calls.append(call)

    async def compaction(self, draft: CompactionDraft) -> None:
        self.log.append(("compaction", draft))

    async def flush(self) -> None:
        self.log.append(("flush",))

    @property
    def answered(self) -> str:
        return "".join(entry[1] for entry in self.log if entry[0] == "text")

    @property
    def kinds(self) -> list[str]:
        return [entry[0] for entry in self.log]

    @property
    def context(self) -> list[Item]:
        return [item for entry in self.log if entry[0] == "items" for item in entry[1]]

    def frames(self, status: str) -> list[Item]:
        return [entry[1] for entry in self.log if entry[0] == status]


@pytest.fixture
def writer() -> RecordingWriter:
    return RecordingWriter()


def request_for(history: list[Item] | str, model: str = "gpt-4.1", effort: str = "") -> RunRequest:
    if isinstance(history, str):
        history = [{"role": "user", "content": history}]
    return RunRequest(uuid4(), uuid4(), "chat_0123456789abcdef", uuid4(), model, effort, history=history)


@pytest.fixture(scope="package")
def running_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(params=["responses", "chat_completions"])
def provider(request: pytest.FixtureRequest, running_provider: Provider, settings: Settings) -> Iterator[Provider]:
    """The provider through each of its two APIs; what it refuses is a failure of the test."""
    running_provider.reset()
    gauge.forget()
    settings.OPENAI_API_KEY = "sk-tests"
    settings.OPENAI_BASE_URL = running_provider.url
    settings.OPENAI_API = request.param
    settings.MODEL_STALL_TIMEOUT_S = 5
    settings.MODEL_PATIENCE_S = 1
    yield running_provider
    assert running_provider.violations == []


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """For groups and users: most of these tests have no database, whatever others left known to the process."""
    for known in (GroupAllowance.objects.lists, GroupAllowance.objects.budgets, Budget.objects.known):
        monkeypatch.setattr(known, "any", False)


@pytest.fixture(autouse=True)
async def _closed_client() -> AsyncIterator[None]:
    yield
    await shut_down()


Ask = Callable[..., Any]


@pytest.fixture
def ask(writer: RecordingWriter) -> Ask:
    async def ask(history: list[Item] | str, model: str = "gpt-4.1", effort: str = "") -> Outcome:
        return await answer(request_for(history, model, effort), writer)

    return ask
