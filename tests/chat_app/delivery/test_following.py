"""What a socket is sent, and in which order, whether its server writes at once or has to wait for the client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from json import loads
from typing import Any

import pytest
from django.db import OperationalError

from chat_app.database import in_database
from chat_app.delivery.connections import Sockets
from chat_app.delivery.consumer import ChatConsumer
from chat_app.delivery.dialect import NumberedDialect
from chat_app.delivery.following import Opened
from chat_app.delivery.hub import Hub
from chat_app.delivery.wire import WIRE
from chat_app.models import Run
from chat_app.protocol import Record, UserInput
from chat_app.runs.process import process
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.accounts.models import TokenFamily
from chatjuicer.frontends.juicer.dialect import JuicerDialect
from sessions_app.models import ChatSession
from tests.chat_app.conftest import until
from tests.chat_app.delivery.test_hub import write


class Line:
    """The server's end of a socket: what was sent through it, and whether the client takes more."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.at_once = 0  # of `frames`
        self.holds = False  # one that the client is to read first
        self.writable = asyncio.Event()
        self.writable.set()

    def takes_frames(self) -> bool:
        return self.writable.is_set()

    def write_text(self, text: str) -> None:
        assert self.writable.is_set()
        self.at_once += 1
        self.frames.append(loads(text))

    async def send(self, message: Mapping[str, Any]) -> None:
        self.holds = not self.writable.is_set()
        await self.writable.wait()
        self.holds = False
        if message["type"] == "websocket.send":
            self.frames.append(loads(message["text"]))
        self.close_code = message.get("code", self.close_code)

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames if "seq" in frame]

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    async def has(self, seq: int) -> None:
        await until(lambda: seq in self.seqs)


@asynccontextmanager
async def open_socket(
    session: ChatSession, query: bytes = b"after=0", plain: Any = NumberedDialect, *headers: tuple[bytes, bytes]
) -> AsyncIterator[Line]:
    grant = await in_database(lambda: TokenFamily.objects.sign_in(session.owner).grant())
    line = Line()
    scope = {
        "type": "websocket",
        "headers": [(b"authorization", f"Bearer {grant.access_token}".encode()), *headers],
        "query_string": query,
        "client": ("127.0.0.1", 1),
        "url_route": {"kwargs": {"session_id": session.public_id}},
        WIRE: line,
    }
    line.received.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(
        ChatConsumer.as_asgi(plain_dialect_of=lambda session, _: plain(session))(scope, line.received.get, line.send)
    )
    await until(lambda: bool(line.frames))
    yield line
    line.received.put_nowait({"type": "websocket.disconnect", "code": 1001})
    await serving


@pytest.fixture(autouse=True)
def serving(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "hub", hub, raising=False)
    monkeypatch.setattr(process, "sockets", Sockets(), raising=False)


async def test_what_comes_while_the_client_does_not_read_stays_in_order(session: ChatSession) -> None:
    async with open_socket(session) as line:
        await until(lambda: all(outbox.send_now for outbox in process.sockets.outboxes))
        last = await in_database(write, session, 3)
        await line.has(last)
        assert line.at_once == 3
        line.writable.clear()
        last = await in_database(write, session)
        await until(lambda: line.holds)
        (outbox,) = process.sockets.outboxes
        assert outbox.idle
        line.writable.set()
        outbox.put('{"type":"pong"}')  # before the writer goes on with what it holds
        await until(lambda: line.frames[-1]["type"] == "pong")
        assert line.seqs == list(range(1, last + 1))
        line.writable.clear()
        await in_database(write, session, 3)
        await until(lambda: not outbox.idle)
        line.writable.set()
        last = await in_database(write, session, 3)
        await line.has(last)
        assert line.seqs == list(range(1, last + 1))
        before = line.at_once
        last = await in_database(write, session)
        await line.has(last)
        assert line.at_once == before + 1


class Broken(NumberedDialect):
    def texts(self, frame: Record | str) -> Iterable[str]:
        raise ValueError("not a frame of this one")


async def test_a_socket_that_cannot_be_written_to_is_closed_and_the_others_hear_all(
    session: ChatSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(session, b"", lambda _session: Broken()) as broken, open_socket(session) as line:
        await until(lambda: len([outbox for outbox in process.sockets.outboxes if outbox.send_now]) == 2)
        last = await in_database(write, session, 3)
        await line.has(last)
        await until(lambda: broken.close_code == 1011)
        assert line.seqs == list(range(1, last + 1)) and broken.seqs == []
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR]


async def test_sockets_that_find_no_database_are_told_of_once_in_a_while(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Thousands of clients come back each second."""

    def fail(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(ChatConsumer, "look_up", fail)
    for _ in range(20):
        line = Line()
        grant = await in_database(lambda: TokenFamily.objects.sign_in(session.owner).grant())
        headers = [(b"authorization", f"Bearer {grant.access_token}".encode())]
        scope = {"type": "websocket", "headers": headers, "query_string": b"", "client": ("127.0.0.1", 1)}
        line.received.put_nowait({"type": "websocket.connect"})
        line.received.put_nowait({"type": "websocket.disconnect", "code": 1011})
        await ChatConsumer.as_asgi(plain_dialect_of=lambda *_: NumberedDialect())(scope, line.received.get, line.send)
        assert line.close_code == 1011
    assert caplog.messages == ["sockets that could not be served without the database: 1 (OperationalError)"]


BROWSER = ((b"origin", b"http://localhost"), (b"host", b"localhost"))


@pytest.mark.parametrize(("code", "ends_again"), [(1000, False), (1005, True)], ids=["closed by both", "lost"])
async def test_an_end_that_was_told_by_the_socket_that_gives_way_is_not_told_again(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch, code: int, ends_again: bool
) -> None:
    run = (await in_database(Run.objects.start, session.pk, [UserInput("hello")], owner="somebody")).run
    async with open_socket(session, b"", JuicerDialect, *BROWSER) as older:
        await until(lambda: older.types == ["assistant_start"])
        look_up = ChatConsumer.look_up

        def look_up_in_time(consumer: ChatConsumer, credentials: Credentials) -> Opened:
            opened = look_up(consumer, credentials)
            Run.objects.interrupt(session.pk, run.pk)
            return opened

        async def make_way() -> None:
            await until(lambda: older.close_code == 1000)
            older.received.put_nowait({"type": "websocket.disconnect", "code": code})
            await in_database(write, session)

        monkeypatch.setattr(ChatConsumer, "look_up", look_up_in_time)
        making_way = asyncio.create_task(make_way())
        async with open_socket(session, b"", JuicerDialect, *BROWSER) as newer:
            await making_way
            await until(lambda: newer.types[-1] == "session_updated")
    assert older.types[-1] == "assistant_end"
    assert ("assistant_end" in newer.types) is ends_again
