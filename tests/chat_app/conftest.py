"""The parts of a serving process, on the test's own loop and database."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from chat_app.database import in_database
from chat_app.delivery.hub import Hub
from chat_app.log.journal import Journal
from chat_app.log.run_writer import RunWriter
from chat_app.models import Run, Started, fence
from chat_app.protocol import UserInput
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, Message

Start = Callable[..., Started]


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="trip")[0]


@pytest.fixture
def start(session: ChatSession) -> Start:
    """Accepts a message in the session, and claims its run where nothing else is in progress."""

    def start(*texts: str, owner: str = "here", **wishes: object) -> Started:
        inputs = [UserInput(text) for text in texts or ["Hello"]]
        return Run.objects.start(session.pk, inputs, owner=owner, **wishes)  # type: ignore[arg-type]

    return start


@pytest.fixture
async def hub(transactional_db: None) -> AsyncIterator[Hub]:
    hub = Hub()
    await hub.start()
    yield hub
    await hub.stop()


class Lost(list[UUID]):
    """The runs that the journal said are not ours any more."""


@pytest.fixture
def lost() -> Lost:
    return Lost()


@pytest.fixture
async def journal(transactional_db: None, lost: Lost) -> AsyncIterator[Journal]:
    journal = Journal(fence, on_lost=lost.append)
    yield journal
    await journal.stop()


@pytest.fixture
async def run_writer(journal: Journal, start: Start) -> RunWriter:
    started = await in_database(start)
    return journal.writer(started.run, started.session)


def make_unreadable(message: Message) -> None:
    """As if it had been sealed by a key that was lost."""
    table, sealed = Message._meta.db_table, "enc:v1:00000000:lost"
    pk = Message._meta.pk.get_db_prep_value(message.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET content = %s, tool_arguments = %s WHERE id = %s", [sealed, sealed, pk])


@asynccontextmanager
async def uncommitted(verb: Callable[[], object]) -> AsyncIterator[None]:
    """Somebody else's transaction, in which the verb has been done, stands still."""
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            verb()
            begun.set()
            go_on.wait(60)

    holding = asyncio.create_task(in_database(hold))
    await asyncio.to_thread(begun.wait, 20)
    try:
        yield
    finally:
        go_on.set()
        await holding


def locked(rows: QuerySet[Any]) -> AbstractAsyncContextManager[None]:
    """Somebody else's transaction stands still, and has locked these."""
    return uncommitted(lambda: list(rows.select_for_update().values_list("pk")))


@dataclass
class Blocked:
    """A verb that stands still in the journal's thread, in the transaction that it shares with others."""

    verb: Callable[..., object] = lambda: None
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, *given: object) -> Any:
        self.begun.set()
        assert self.go_on.wait(20)
        return self.verb(*given)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is set, the database gives the journal no connection."""
    is_away = threading.Event()
    wrapper = type(connections["default"])
    ensure = wrapper.ensure_connection

    def refuse(database: BaseDatabaseWrapper) -> None:
        if is_away.is_set() and threading.current_thread().name == "journal":
            raise OperationalError("connection refused")
        ensure(database)

    monkeypatch.setattr(wrapper, "ensure_connection", refuse)
    return is_away


async def until(condition: Callable[[], bool], timeout_s: float = 8) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
