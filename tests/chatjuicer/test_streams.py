"""Answers that are sent while they are made: what fails in their middle, and what they hold meanwhile."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.signals import request_finished
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer import asgi
from chatjuicer.accounts.models import User
from chatjuicer.frontends import persona
from files_app.incoming import CHUNK_BYTES, Incoming
from files_app.models import File, bytes_of
from files_app.storage import file_storage
from files_app.transfer import lines
from sessions_app.models import ChatSession, MessageDraft, PackedHistory

pytestmark = pytest.mark.django_db(transaction=True)
FILE = "/api/sessions/s/files/big.bin/download"
DATA = b"gooseberries and quinces" * CHUNK_BYTES


@dataclass
class Answer:
    """What a client has got, and what the server was left with."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False
    tasks_left: int = 0


async def got(client: APIClient, path: str, at_each_piece: Callable[[], None] = lambda: None) -> Answer:
    answer = Answer()
    asked: list[Mapping[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (b"host", b"testserver"),
            (b"authorization", client._credentials["HTTP_AUTHORIZATION"].encode()),  # type: ignore[attr-defined]
        ],
    }

    async def receive() -> Mapping[str, Any]:
        return asked.pop() if asked else await asyncio.Future()

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")
            answer.is_whole = not message.get("more_body", False)
            at_each_piece()

    async with asyncio.timeout(30):
        await asgi.HTTP()(scope, receive, send)
    answer.tasks_left = len(asyncio.all_tasks()) - 1
    return answer


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="s")[0]


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "files": {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "files"}}
    }
    return tmp_path / "files"


def add_file(session: ChatSession) -> Path:
    """Where its bytes lie."""
    with Incoming(len(DATA), "big.bin") as incoming:
        incoming.write(DATA)
        with bytes_of(session, incoming) as (stored, facts):
            file = File.objects.put(session, "sources", "big.bin", stored, facts)
    path = file_storage().beneath.local_path(file.storage_key)
    assert path is not None
    return path


@pytest.fixture
def finished() -> Iterator[list[object]]:
    """Requests that have ended since."""
    seen: list[object] = []

    def note(sender: object, **_: object) -> None:
        seen.append(sender)

    request_finished.connect(note)
    yield seen
    request_finished.disconnect(note)


@pytest.mark.parametrize("how", ["shorter than it was", "damaged"])
def test_a_stream_that_fails_is_cut_short_closed_and_logged(
    how: str,
    alice_client: APIClient,
    session: ChatSession,
    files: Path,
    settings: Any,
    finished: list[object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if how == "damaged":
        settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    path = add_file(session)
    stored = path.read_bytes()
    half = len(stored) // 2
    path.write_bytes(stored[:half] if how == "shorter than it was" else stored[:half] + bytes(len(stored) - half))

    answer = asyncio.run(got(alice_client, FILE))
    assert (answer.status, answer.is_whole) == (200, False)
    assert answer.body
    assert DATA.startswith(answer.body)
    assert answer.tasks_left == 0
    assert len(finished) == 1
    [line] = [record for record in caplog.records if record.name == "chatjuicer.asgi"]
    assert line.levelno == logging.ERROR
    assert line.exc_info is not None
    assert line.__dict__["request_id"] == answer.headers["x-request-id"]


def connections_in_use() -> int:
    given = connection.pool.get_stats()  # type: ignore[attr-defined]
    return int(given["pool_size"] - given["pool_available"])


@pytest.mark.only("postgres", reason="SQLite's threads keep their connections")
@pytest.mark.parametrize(
    "path",
    [
        "/api/export",
        "/api/sessions/s/export",
        "/api/sessions/s/export?format=markdown",
        "/api/sessions/s/export?format=html",
        "/api/audit/export",
        "/api/users/default/sessions",
    ],
)
def test_between_its_pieces_a_stream_holds_no_connection(
    path: str,
    alice: User,
    client_of: Callable[[User], APIClient],
    session: ChatSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(persona, "ROWS", 1)
    ChatSession.objects.open(alice, public_id="t")
    session.add_messages([MessageDraft(role="user", content="Hello") for _ in range(3)])
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    client = client_of(alice)
    before = connections_in_use()
    seen: list[int] = []
    answer = asyncio.run(got(client, path, lambda: seen.append(connections_in_use())))
    assert (answer.status, answer.is_whole, bool(answer.body)) == (200, True, True)
    assert set(seen) == {before}


@pytest.mark.only("postgres", reason="a cursor of SQLite is nothing that somebody else's work would meet")
def test_an_archive_leaves_no_cursor_open_in_a_connection_that_it_gives_back(session: ChatSession) -> None:
    session.add_messages([MessageDraft(role="user", content="Hello") for _ in range(lines.ROWS + 1)])
    assert PackedHistory.objects.pack(session, timezone.now())
    session.refresh_from_db()
    pieces = lines.lines_of(session)
    kinds = [type(line).__name__ for line, _ in itertools.islice(pieces, 2)]
    assert kinds == ["SessionLine", "MessageLine"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)
    assert len(list(pieces)) == lines.ROWS
