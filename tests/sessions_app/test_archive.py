"""Old sessions, moved out of the way: they read as before, and come back when somebody writes."""

import zlib
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from chat_app.log.record import record
from chat_app.models import Event, Run
from chat_app.protocol import Delta, UserInput
from chatjuicer.accounts.models import User
from chatjuicer.compression import decompressed
from chatjuicer.encryption import MARK
from chatjuicer.operations.doctor import findings
from sessions_app.models import ChatSession, ContextItem, Message, MessageDraft, PackedHistory, PackedSegment, segment
from sessions_app.models.segment import fields_of
from tests.chatjuicer.test_encryption import raw
from tests.conftest import refused
from tests.harness.client import Client, assert_gapless, text_of
from tests.harness.provider import Provider
from tests.harness.sites import Sites

pytestmark = pytest.mark.slow(reason="sessions are packed, and come back through every door")

LAYERS = (Message, ContextItem, Event)


@pytest.fixture
def session(alice: User, alice_client: APIClient) -> ChatSession:
    """With 60 messages of all kinds, last used 100 days ago."""
    session, _ = ChatSession.objects.open(alice, public_id="old", title="Long ago")
    for number in range(1, 59):
        session.post("user" if number % 2 else "assistant", f"message {number} ü", {"n": [number, None]})
    call = MessageDraft(
        role="tool_call",
        tool_call_id="c1",
        tool_name="read_file",
        tool_arguments="{}",
        tool_result="text",
        tool_success=True,
    )
    session.add_messages([call, MessageDraft(role="system")])
    session.configure(pinned=True)
    ChatSession.objects.filter(pk=session.pk).update(last_used_at=timezone.now() - timedelta(days=100))
    return session


def archive(older_than: str = "90d") -> str:
    told = StringIO()
    call_command("archive_sessions", "--older-than", older_than, stdout=told)
    return told.getvalue()


def everything(client: APIClient, session: ChatSession) -> list[Any]:
    """What each door shows."""
    key = session.pk
    paths = [
        "/api/sessions", "/api/sessions/old", "/api/sessions/old/messages?limit=7&offset=50",
        "/api/sessions/old/messages?before=20&limit=5", "/api/sessions/old/messages?after=55",
        "/api/sessions/old/events", "/api/sessions/old/events?after=57&limit=2", "/api/sessions/old/events?after=59",
        "/api/v1/sessions", f"/api/v1/sessions/{key}", f"/api/v1/sessions/{key}/messages?limit=3&offset=2",
        f"/api/v1/chat-sessions/{key}", "/api/users/default/sessions",
    ]  # fmt: skip
    answers = [client.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_an_old_session_is_one_row_and_reads_as_before_through_every_door(
    alice_client: APIClient, session: ChatSession
) -> None:
    before = everything(alice_client, session)
    assert archive() == "1 sessions archived\n"
    assert not any(model.objects.exists() for model in LAYERS)
    contents = list(PackedSegment.objects.values_list("content", flat=True))
    assert sum(map(len, contents)) < 12_000
    assert any(b"message 58" in decompressed(content) for content in contents)
    assert everything(alice_client, session) == before
    assert not any(model.objects.exists() for model in LAYERS)
    assert archive() == "0 sessions archived\n"


def test_an_old_session_is_shared_up_to_one_of_its_messages(
    alice_client: APIClient, anybody: APIClient, session: ChatSession
) -> None:
    last = session.messages.order_by("position")[30]
    archive()
    url = alice_client.post("/api/sessions/old/share", {"upto": str(last.pk)}).json()["url"]
    page = anybody.get(url).content.decode()
    assert f"message {last.position} ü" in page and f"message {last.position + 1} ü" not in page
    refused(alice_client.post("/api/sessions/old/share", {"upto": str(uuid4())}), 400, "invalid_input")
    assert not any(model.objects.exists() for model in LAYERS)


def post_native(client: APIClient, session: ChatSession) -> Any:
    return client.post("/api/sessions/old/messages", {"role": "user", "content": "back"})


def post_mai(client: APIClient, session: ChatSession) -> Any:
    return client.post(f"/api/v1/sessions/{session.pk}/messages", {"role": "user", "content": "back"})


def post_sparrow(client: APIClient, session: ChatSession) -> Any:
    body = {"message_type": "user", "content": "back"}
    return client.post(f"/api/v1/chat-sessions/{session.pk}/messages", body)


def rename(client: APIClient, session: ChatSession) -> Any:
    return client.patch("/api/users/default/sessions/old", {"title": "Found again"})


def start_a_run(client: APIClient, session: ChatSession) -> None:
    Run.objects.start(session.pk, [UserInput("back")])


WRITES = [post_native, post_mai, post_sparrow, rename, start_a_run]


@pytest.mark.parametrize("write", WRITES)
def test_whoever_writes_brings_it_back(
    alice_client: APIClient, session: ChatSession, write: Callable[[APIClient, ChatSession], Any]
) -> None:
    rows = [list(model.objects.order_by(order).values()) for model, order in layers_of()]
    context = [item.value for item in session.context_items.order_by("position")]
    archive()
    answer = write(alice_client, session)
    assert answer is None or answer.status_code in (200, 201)
    assert not PackedHistory.objects.exists() and not PackedSegment.objects.exists()
    again = [list(model.objects.order_by(order).values()) for model, order in layers_of()]
    for then, now in zip(rows, again, strict=True):
        assert [{**row, "id": None} for row in then] == [{**row, "id": None} for row in now[: len(then)]]
    assert rows[0] == again[0][: len(rows[0])]
    assert [item.value for item in session.context_items.order_by("position")][: len(context)] == context
    events = alice_client.get("/api/sessions/old/events").json()["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    session.refresh_from_db()
    assert session.message_count == session.messages.count()
    assert not session.packed


def layers_of() -> list[tuple[Any, str]]:
    return [(Message, "position"), (ContextItem, "position"), (Event, "seq")]


def all_events(client: APIClient) -> list[Any]:
    events: list[Any] = []
    while True:
        after = events[-1]["seq"] if events else 0
        page = client.get(f"/api/sessions/old/events?after={after}").json()
        events += page["events"]
        if not page["has_more"]:
            return events


def test_what_is_new_or_busy_stays_where_it_is(alice: User, session: ChatSession) -> None:
    ChatSession.objects.open(alice, public_id="new")[0].post("user", "hello")
    Run.objects.start(session.pk, [UserInput("a question")])
    ChatSession.objects.filter(pk=session.pk).update(last_used_at=timezone.now() - timedelta(days=100))
    assert archive() == "0 sessions archived\n"
    assert Message.objects.count() == 62


def test_an_archived_session_is_cleared_and_deleted_like_any_other(
    alice_client: APIClient, session: ChatSession
) -> None:
    archive()
    assert alice_client.post("/api/sessions/old/clear").status_code == 200
    assert alice_client.get("/api/sessions/old").json()["messages"] == []
    assert not PackedHistory.objects.exists() and not Message.objects.exists()
    post_native(alice_client, session)
    ChatSession.objects.filter(pk=session.pk).update(last_used_at=timezone.now() - timedelta(days=100))
    archive()
    assert PackedHistory.objects.exists()
    assert alice_client.delete("/api/sessions/old?permanent=true").status_code == 200
    assert not any(model.objects.exists() for model in (*LAYERS, PackedHistory, PackedSegment, ChatSession))


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_bring_it_back_once(
    session: ChatSession, alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    archive()
    answers = side_by_side(lambda client: post_native(client, session), [client_of(alice) for _ in range(6)])
    assert [answer.status_code for answer in answers] == [201] * 6
    positions = session.messages.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, 67))
    assert not PackedHistory.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_archive_is_encrypted_and_its_key_rotated(
    settings: Any, alice_client: APIClient, session: ChatSession
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.MESSAGE_ENCRYPTION_KEYS = [old]
    before = everything(alice_client, session)
    archive()
    assert all(text.startswith(MARK) for text in raw(PackedSegment, "content"))
    settings.MESSAGE_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_message_key", stdout=StringIO())
    settings.MESSAGE_ENCRYPTION_KEYS = [new]
    assert everything(alice_client, session) == before


def archive_as_older_versions_did(session: ChatSession) -> None:
    layers = {}
    for model, order in layers_of():
        names = [field.attname for field in fields_of(model) if field.attname != "folded_from"]
        rows = model.objects.filter(session=session).order_by(order)
        layers[model._meta.label] = {"fields": names, "rows": list(rows.values_list(*names))}
        rows.delete()
    PackedHistory.objects.create(session=session, content=b64encode(zlib.compress(orjson.dumps(layers), 9)).decode())
    ChatSession.objects.filter(pk=session.pk).update(packed=True)


@pytest.mark.parametrize("converted", [False, True])
def test_an_archive_of_an_older_version_reads_and_comes_back_as_before(
    alice_client: APIClient, session: ChatSession, converted: bool
) -> None:
    before = everything(alice_client, session)
    archive_as_older_versions_did(session)
    assert everything(alice_client, session) == before
    if converted:
        call_command("housekeep", stdout=StringIO())
        assert PackedHistory.objects.get().content == ""
        assert everything(alice_client, session) == before
    assert post_native(alice_client, session).status_code == 201
    assert session.messages.count() == 61
    events = alice_client.get("/api/sessions/old/events").json()["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


@pytest.mark.django_db(transaction=True)
def test_a_page_is_read_without_the_rest(
    alice_client: APIClient, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "ROWS", 5)
    before = everything(alice_client, session)
    archive()
    read: list[tuple[str, int]] = []
    rows = PackedSegment.rows

    def counted(self: PackedSegment, model: Any) -> Any:
        read.append((self.layer, self.first))
        return rows(self, model)

    monkeypatch.setattr(PackedSegment, "rows", counted)
    alice_client.get("/api/sessions/old/messages?before=20&limit=5")
    assert read == [("sessions_app.Message", 16), ("sessions_app.Message", 11)]
    read.clear()
    alice_client.get("/api/sessions/old/events?after=31&limit=2")
    assert read == [("chat_app.Event", 31)]
    assert everything(alice_client, session) == before


@pytest.mark.django_db(transaction=True)
def test_killed_while_it_comes_back_it_reads_as_before_and_comes_back_the_next_time(
    alice_client: APIClient, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "ROWS", 5)
    before = everything(alice_client, session)
    archive()
    restore, restored = PackedSegment.restore, []

    def restore_and_die(self: PackedSegment) -> None:
        restored.append(self.pk)
        if len(restored) == 9:
            raise KeyboardInterrupt
        restore(self)

    monkeypatch.setattr(PackedSegment, "restore", restore_and_die)
    with pytest.raises(KeyboardInterrupt):
        ChatSession.objects.get().unpack()
    assert 0 < Event.objects.count() < 60
    now = everything(alice_client, session)
    assert now[:5] + now[7:] == before[:5] + before[7:]
    assert all_events(alice_client) == before[5]["events"]  # the first pages are shorter, and say that there is more
    monkeypatch.setattr(PackedSegment, "restore", restore)
    assert post_native(alice_client, session).status_code == 201
    assert [m.position for m in session.messages.order_by("position")] == list(range(1, 62))
    assert not PackedSegment.objects.exists()
    assert list(findings(repair=False)) == []


@pytest.mark.django_db(transaction=True)
def test_what_takes_long_is_in_no_transaction_that_others_wait_for(
    alice_client: APIClient, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "ROWS", 5)
    archive()
    restore = PackedSegment.restore
    left: list[int] = []

    def restore_alone(self: PackedSegment) -> None:
        left.append(PackedSegment.objects.count())
        before = model_of(self).objects.count()
        restore(self)
        assert model_of(self).objects.count() - before <= 5
        transaction.on_commit(lambda: committed.append(self.pk))
        assert len(committed) == len(left) - 1  # each before the next one begins

    committed: list[int] = []
    monkeypatch.setattr(PackedSegment, "restore", restore_alone)
    session.unpack()
    assert len(committed) == left[0] > 30
    ChatSession.objects.get(packed=False)


def model_of(packed: PackedSegment) -> Any:
    return apps.get_model(packed.layer)


def test_deltas_are_folded_before_they_are_archived(alice_client: APIClient, session: ChatSession) -> None:
    run = Run.objects.start(session.pk, [UserInput("a question")], owner="here").run
    record(session, [Delta(f"{n} ", run.pk) for n in range(200)], run.pk)
    run.end(Run.Status.COMPLETED, "stop", epoch=run.epoch)
    ChatSession.objects.update(last_used_at=timezone.now() - timedelta(days=100))
    cursor = alice_client.get("/api/sessions/old/events").json()["events"][-50]["seq"]
    rest = text_of(alice_client.get(f"/api/sessions/old/events?after={cursor}").json()["events"])
    archive()
    assert PackedSegment.objects.filter(layer="chat_app.Event").count() == 1
    events = alice_client.get(f"/api/sessions/old/events?after={cursor}").json()["events"]
    assert text_of(events) == rest != ""
    assert [event["type"] for event in events] == ["delta", "stream_end"]


async def test_a_socket_replays_an_archive_and_the_agent_remembers_it(provider: Provider, sites: Sites) -> None:
    with sites.own() as site:
        alice = await Client(site.url).login()
        key = await alice.create_session()
        async with alice.chat(key) as chat:
            await chat.ask("tool current_time {}; say 20 words")
        events = await alice.events(key)
        assert "1 sessions archived" in site.manage("archive_sessions", "--older-than", "0h")
        assert await alice.events(key) == events
        async with alice.at(site.servers[-1].url).chat(key, after=0) as chat:
            await chat.wait_seq(events[-1]["seq"])
            assert_gapless(chat.log)
            assert text_of(chat.frames) == text_of(events)
        provider.reset()
        async with alice.chat(key) as chat:
            await chat.ask("say 2 words")
        assert len(provider.requests[0].items) >= 4
        assert ("user", "tool current_time {}; say 20 words") in provider.requests[0].texts
        assert provider.violations == []
        assert_gapless(await alice.events(key))
        assert site.manage("doctor").count("\n") <= 2
        await alice.close()


def test_an_age_is_a_number_and_a_unit(db: None) -> None:
    assert archive("12h") == archive("8w") == "0 sessions archived\n"
    for text in ("90", "old", "9y"):
        with pytest.raises(CommandError, match="an age is"):
            archive(text)
