"""Of every command of the protocol and every socket: what comes of it for whom it is not for, and a second time.

A new command, a new field of one, or a new socket, without its row here fails.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from json import dumps
from typing import Any, get_args
from uuid import UUID, uuid4

import msgspec
import pytest
from django.urls import URLPattern, re_path
from django.utils import timezone
from msgspec import inspect

from chat_app import protocol
from chat_app.database import in_database
from chat_app.delivery import connections
from chat_app.delivery.connections import Sockets
from chat_app.delivery.hub import Hub
from chat_app.log.journal import Journal
from chat_app.models import Approval, Run
from chat_app.runs.process import process
from chat_app.tool_calls import AskedCall
from chatjuicer.accounts.models import ApiKey, TokenFamily, User
from chatjuicer.accounts.tokens import AccessToken
from chatjuicer.asgi import application
from sessions_app.archive import archive_unused
from sessions_app.models import ChatSession, MessageDraft
from tests.chat_app.conftest import Start, until
from tests.chat_app.delivery.test_following import Line

ROUTER = application.application_mapping["websocket"]
SESSION, ACCOUNT = "/ws/chat/alices", "/ws/account"
SOCKETS = {r"^ws/chat/(?P<session_id>[^/]{1,64})/?$": SESSION, r"^ws/account/?$": ACCOUNT}
PUBLIC = {"": "closes whatever it is asked for: there is no such socket"}


@dataclass(frozen=True)
class Row:
    fields: dict[str, Any]  # all that there are, so that it is obeyed; a function is given what is Alice's
    answer: str | None  # to whom may say it
    changes: bool = True  # whether it does anything to a session


COMMANDS = {
    "message": Row(
        {
            "messages": ["And Rome?"],
            "model": None,
            "reasoning_effort": None,
            "client_id": "c",
            "on_busy": "queue",
            "session_id": None,
        },
        "accepted",
    ),
    "approval": Row(
        {"approval_id": lambda hers: str(hers.approval), "decision": "approve", "reason": "yes", "always": True}, None
    ),
    "interrupt": Row({"run_id": lambda hers: str(hers.run)}, None),
    "ping": Row({}, "pong", changes=False),
    "pong": Row({}, None, changes=False),
    "auth": Row({"token": lambda hers: hers.token}, "authenticated", changes=False),
}
CHANGES = [name for name, row in COMMANDS.items() if row.changes]


@dataclass
class Hers:
    """A session of Alice's, in which a run waits for her word."""

    session: ChatSession
    run: UUID
    approval: UUID
    token: str

    def frame(self, name: str, **instead: Any) -> dict[str, Any]:
        given = {field: value(self) if callable(value) else value for field, value in COMMANDS[name].fields.items()}
        return {"type": name} | given | instead

    async def state(self) -> list[Any]:
        """Whatever a command may change."""
        run = self.session.runs.order_by("first_position").values_list("status", "client_id")
        decisions = self.session.approvals.values_list("status", "always")
        words = self.session.messages.values_list("content", flat=True)
        return await in_database(lambda: [*run, *decisions, *words])


@pytest.fixture
async def hers(
    alice: User, hub: Hub, journal: Journal, start: Start, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hers]:
    monkeypatch.setattr(connections, "CREDENTIALS_CHECK_S", 0.02)
    monkeypatch.setattr(process, "hub", hub, raising=False)
    monkeypatch.setattr(process, "journal", journal, raising=False)
    monkeypatch.setattr(process, "sockets", Sockets(), raising=False)

    def make() -> Hers:
        started = start("Paris?")
        ChatSession.objects.filter(pk=started.session.pk).update(public_id="alices")
        started.session.refresh_from_db()
        assert Approval.objects.ask(started.run, [AskedCall("call_1", "edit_file", "{}")], "{}", None)
        return Hers(started.session, started.run.pk, started.run.approvals.get().pk, token_of(alice))

    made = await in_database(make)
    process.sockets.start()
    yield made
    await process.sockets.stop()


def token_of(user: User) -> str:
    return TokenFamily.objects.sign_in(user).grant().access_token


class Person(Line):
    async def say(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        """What this client alone is answered."""
        before = len(self.answers)
        mark = uuid4().hex
        for said in (dumps(frame), dumps({"type": mark})):
            self.received.put_nowait({"type": "websocket.receive", "text": said})
        await until(lambda: any(is_end(answer) for answer in self.answers[before:]))
        return [answer for answer in self.answers[before:] if not is_end(answer)]

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "seq" not in frame]


def is_end(answer: dict[str, Any]) -> bool:
    """What comes of the command after the one that is asked about, which is of no type."""
    return answer.get("code") == "unknown_type" and answer["message"] == "The frame's type is unknown."


@asynccontextmanager
async def socket(path: str, token: str) -> AsyncIterator[Person]:
    line = Person()
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"after=0",
        "headers": [(b"host", b"testserver"), *([(b"authorization", f"Bearer {token}".encode())] if token else [])],
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
    }
    line.received.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(ROUTER(scope, line.received.get, line.send))
    await until(lambda: bool(line.frames) or line.close_code is not None)
    yield line
    line.received.put_nowait({"type": "websocket.disconnect", "code": 1001})
    await serving


async def come_of(path: str, token: str, hers: Hers) -> int | None:
    """Who is refused says everything all the same. The code that the socket is closed with."""
    async with socket(path, token) as line:
        for name in COMMANDS:
            line.received.put_nowait({"type": "websocket.receive", "text": dumps(hers.frame(name))})
    return line.close_code


# -- the rows


def tags(commands: Any) -> dict[str, type[msgspec.Struct]]:
    return {str(struct.__struct_config__.tag): struct for struct in get_args(commands)}


def commands_without_row(commands: Any) -> set[str]:
    return {
        name
        for name, struct in tags(commands).items()
        if name not in COMMANDS or set(COMMANDS[name].fields) != set(struct.__struct_fields__)
    }


def sockets_without_row(routes: Iterable[URLPattern]) -> set[str]:
    return {str(route.pattern) for route in routes} - set(SOCKETS) - set(PUBLIC)


def test_every_command_and_every_socket_has_its_row() -> None:
    assert commands_without_row(protocol.AnyCommand) == set()
    assert set(COMMANDS) == set(tags(protocol.AnyCommand))
    assert sockets_without_row(ROUTER.routes) == set()
    assert {str(route.pattern) for route in ROUTER.routes} == {*SOCKETS, *PUBLIC}


def test_what_is_planted_without_its_row_is_found() -> None:
    class Tell(msgspec.Struct, tag_field="type", tag="tell"):
        session_id: str

    class Louder(msgspec.Struct, tag_field="type", tag="ping"):
        session_id: str

    assert commands_without_row(protocol.AnyCommand | Tell) == {"tell"}
    assert commands_without_row(protocol.Auth | Louder) == {"ping"}
    assert sockets_without_row([*ROUTER.routes, re_path(r"^ws/leak$", ROUTER)]) == {r"^ws/leak$"}


# -- who asks


async def test_whose_they_are_is_obeyed(hers: Hers) -> None:
    """Else no other row says anything."""
    async with socket(SESSION, hers.token) as line:
        for name, row in COMMANDS.items():
            before = await hers.state()
            answers = await line.say(hers.frame(name))
            assert [answer["type"] for answer in answers] == ([row.answer] if row.answer else []), name
            assert (await hers.state() != before) == row.changes, name


async def test_strangers_and_whose_credentials_have_ended_are_told_nothing(hers: Hers, alice: User) -> None:
    def outsiders() -> dict[str, tuple[str, int]]:
        now, family = timezone.now(), TokenFamily.objects.sign_in(alice)
        revoked = TokenFamily.objects.sign_in(alice)
        revoked.revoke()
        _, late_key = ApiKey.objects.issue(alice, "late", ["admin"], now - timedelta(seconds=1))
        gone, gone_key = ApiKey.objects.issue(alice, "gone", ["admin"])
        gone.delete()
        left = User.objects.create_user("left@example.org", "correct horse battery staple")
        lefts = token_of(left)
        User.objects.filter(pk=left.pk).update(is_active=False)
        return {
            "stranger": ("", 4401),
            "expired": (
                AccessToken.write(family.pk, alice.pk, uuid4(), now - timedelta(hours=1), timedelta(1 / 96)),
                4401,
            ),
            "revoked": (revoked.grant().access_token, 4401),
            "refresh token": (family.grant().refresh_token, 4401),
            "expired key": (late_key, 4401),
            "deleted key": (gone_key, 4401),
            "deactivated": (lefts, 4401),
            "key that may not read": (ApiKey.objects.issue(alice, "files", ["files"])[1], 4403),
        }

    before = await hers.state()
    for who, (token, code) in (await in_database(outsiders)).items():
        for path in SOCKETS.values():
            assert await come_of(path, token, hers) == code, (who, path)
        if token:
            async with socket(SESSION, hers.token) as line:
                [answer] = await line.say({"type": "auth", "token": token})
                assert answer["code"] == ("invalid_token" if code == 4401 else "insufficient_scope"), who
    assert await hers.state() == before


async def test_what_is_alice_s_does_not_exist_for_mallory(hers: Hers, mallory: User) -> None:
    def own() -> str:
        ChatSession.objects.open(mallory, public_id="mallorys")
        return token_of(mallory)

    token, before = await in_database(own), await hers.state()
    assert await come_of(SESSION, token, hers) == await come_of("/ws/chat/nobodys", token, hers) == 4404
    async with socket("/ws/chat/mallorys", token) as line:
        for name in ("approval", "interrupt"):
            unknown = hers.frame(name) | {field: str(uuid4()) for field in ("approval_id", "run_id")}
            assert await line.say(hers.frame(name)) == await line.say(unknown)
        assert [answer["code"] for answer in await line.say(hers.frame("auth"))] == ["invalid_token"]
    async with socket(ACCOUNT, token) as line:
        await in_database(lambda: ChatSession.objects.open(hers.session.owner, public_id="alices too"))
        await line.say({"type": "pong"})
        assert "alices" not in dumps(line.frames)
    assert await hers.state() == before


async def test_a_key_that_may_only_read_changes_nothing(hers: Hers, alice: User) -> None:
    _, key = await in_database(ApiKey.objects.issue, alice, "reader", ["read"])
    before = await hers.state()
    async with socket(SESSION, key) as line:
        for name in CHANGES:
            assert [answer["code"] for answer in await line.say(hers.frame(name))] == ["insufficient_scope"], name
    assert await hers.state() == before


def signed_out(user: User) -> None:
    user.sign_out()


def deactivated(user: User) -> None:
    user.is_active = False
    user.save()


def was_closed(line: Line) -> bool:
    return line.close_code == 4401


@pytest.mark.parametrize("end", [signed_out, deactivated])
async def test_a_socket_ends_with_its_credentials(hers: Hers, alice: User, end: Callable[[User], None]) -> None:
    before = await hers.state()
    for path in SOCKETS.values():
        await in_database(User.objects.filter(pk=alice.pk).update, is_active=True)
        async with socket(path, await in_database(token_of, alice)) as line:
            await in_database(end, alice)
            await until(partial(was_closed, line))
            for name in COMMANDS:
                line.received.put_nowait({"type": "websocket.receive", "text": dumps(hers.frame(name))})
    assert await hers.state() == before


async def test_what_is_in_the_trash_takes_nothing_of_its_owner_either(hers: Hers) -> None:
    before = await hers.state()
    async with socket(SESSION, hers.token) as line:
        await in_database(hers.session.discard)
        await until(lambda: line.close_code == 4404)
        discarded = await hers.state()
        assert discarded[0][0] == "interrupted"
        for name in COMMANDS:
            line.received.put_nowait({"type": "websocket.receive", "text": dumps(hers.frame(name))})
    assert await come_of(SESSION, hers.token, hers) == 4404
    assert await hers.state() == discarded != before


async def test_what_is_archived_is_as_before_and_nobody_else_s(hers: Hers, alice: User, mallory: User) -> None:
    def archive() -> ChatSession:
        session, _ = ChatSession.objects.open(alice, public_id="old")
        session.add_messages([MessageDraft(role="user", content="hello")])
        assert list(archive_unused(timezone.now() + timedelta(days=1)))
        session.refresh_from_db()
        assert session.packed
        return session

    session = await in_database(archive)
    assert await come_of("/ws/chat/old", await in_database(token_of, mallory), hers) == 4404
    async with socket("/ws/chat/old", hers.token) as line:
        assert [answer["code"] for answer in await line.say(hers.frame("approval"))] == ["not_found"]
        assert await line.say(hers.frame("interrupt")) == []
        assert [answer["type"] for answer in await line.say(hers.frame("message"))] == ["accepted"]
    contents = await in_database(lambda: list(session.messages.values_list("content", flat=True)))
    assert contents == ["hello", "And Rome?"]


# -- what is said


async def test_the_account_s_socket_changes_no_session(hers: Hers) -> None:
    before = await hers.state()
    async with socket(ACCOUNT, hers.token) as line:
        for name, row in COMMANDS.items():
            answers = await line.say(hers.frame(name))
            wanted = ["error"] if row.changes else [row.answer] if row.answer else []
            assert [answer["type"] for answer in answers] == wanted, name
    assert await hers.state() == before


WRONG: tuple[Any, ...] = (5.5, {"a": []}, [[5]])  # of whatever type a field is


def misfits() -> Iterator[tuple[str, str, Any]]:
    """Of each field of each command: what has not its type, and what is longer than it may be."""
    for name, struct in tags(protocol.AnyCommand).items():
        for field in inspect.type_info(struct).fields:  # type: ignore[attr-defined]
            yield from ((name, field.name, wrong) for wrong in WRONG)
            kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
            for kind in kinds:
                if isinstance(kind, inspect.StrType | inspect.ListType):
                    assert kind.max_length, f"{name}.{field.name} may be of any length"
                    piece: Any = "x" if isinstance(kind, inspect.StrType) else ["x"]
                    yield name, field.name, piece * (kind.max_length + 1)


async def test_what_has_the_wrong_type_or_is_too_big_is_refused_and_the_socket_goes_on(hers: Hers) -> None:
    before = await hers.state()
    async with socket(SESSION, hers.token) as line:
        for name, field, value in misfits():
            answers = await line.say(hers.frame(name, **{field: value}))
            assert [answer.get("code") for answer in answers] == ["bad_frame"], (name, field, str(value)[:50])
        [answer] = await line.say(hers.frame("message", messages=[{"content": "x" * (protocol.MAX_TEXT_CHARS + 1)}]))
        assert answer["code"] == "bad_frame"
    assert await hers.state() == before
    assert len(list(misfits())) > 30


async def test_what_is_said_twice_is_done_once(hers: Hers) -> None:
    async with socket(SESSION, hers.token) as line, socket(SESSION, hers.token) as other:
        for name in COMMANDS:
            first = await line.say(hers.frame(name))
            once = await hers.state()
            assert await line.say(hers.frame(name)) == await other.say(hers.frame(name)) == first, name
            assert await hers.state() == once, name
        [answer] = await line.say(hers.frame("message", messages=["Another?"]))
        assert answer["code"] == "idempotency_mismatch"
    assert await in_database(Run.objects.filter(session=hers.session).count) == 2
