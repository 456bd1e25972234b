"""Text at rest: what people and agents said is nowhere in the database as they said it."""

import io
import json
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from rest_framework.test import APIClient

from chat_app.models import Event
from chatjuicer.accounts.models import User
from chatjuicer.encryption import MARK, SEALED, UnknownKey, is_sealed, seal, unseal
from sessions_app.models import ChatSession, ContextItem, Message
from tests.harness.client import Client, text_of
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import Sites

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
WORDS = [
    "marzipan",
    "rhubarb",
    "gooseberry",
    "quince",
    "medlar",
    "sloeberry",
    "damson",
    "mulberry",
    "bilberry",
    "cranberry",
]


async def test_the_database_holds_no_word_of_a_conversation(provider: Provider, sites: Sites) -> None:
    with sites.own({"MESSAGE_ENCRYPTION_KEYS": f"{NEW},{OLD}"}) as site:
        alice = await Client(site.url).login()
        key = (await alice.post("/api/v1/sessions", {}, status=201))["id"]
        native = f"/api/sessions/{key}/messages"
        once = {"Idempotency-Key": "once"}
        await alice.post(native, {"role": "user", "content": "marzipan"}, status=201, **once)
        given = {"metadata": {"jam": ["mulberry"]}}
        assert (await alice.http.patch(f"/api/sessions/{key}", json=given)).status_code == 200
        files = {"file": ("a.txt", io.BytesIO(b"bilberry " * 10_000), "text/plain")}
        assert (await alice.http.post(f"/api/sessions/{key}/files/upload", files=files)).status_code == 201
        body = {"role": "assistant", "content": "rhubarb"}
        await alice.post(f"/api/v1/sessions/{key}/messages", body, status=201)
        noted = {"message_type": "agent", "content": "gooseberry", "metadata": {"jam": "cranberry"}}
        await alice.post(f"/api/v1/chat-sessions/{key}/messages", noted, status=201)
        async with alice.chat(key) as chat:
            said = await chat.ask('tool read_file {"file_path": "sloeberry"}; echo quince quince')
            assert text_of(said) == "quince quince"
        other = await alice.create_session(title="Of medlar jam")
        async with alice.chat(await alice.create_session()) as chat:
            await chat.ask("echo damson")
            await chat.wait_for(lambda frames: any(f["type"] == "session_updated" for f in frames))

        detail = await alice.detail(key)
        assert [m["content"] for m in detail["messages"]][:3] == ["marzipan", "rhubarb", "gooseberry"]
        assert detail["session"]["last_message_preview"] == "quince quince"
        assert detail["session"]["metadata"] == {"jam": ["mulberry"]}
        assert [m["metadata"] for m in detail["messages"]][:3] == [{}, {}, {"jam": "cranberry"}]
        downloaded = await alice.http.get(f"/api/sessions/{key}/files/a.txt/download")
        assert downloaded.content == b"bilberry " * 10_000
        flip_the_last_bit(site)
        with pytest.raises(httpx.RemoteProtocolError):  # its first piece was good; the answer never comes to its end
            await alice.http.get(f"/api/sessions/{key}/files/a.txt/download")
        assert "rhubarb" in str(await alice.events(key))
        again = await alice.post(native, {"role": "user", "content": "marzipan"}, status=201, **once)
        assert again["content"] == "marzipan"
        for path in ("/api/sessions", "/api/v1/sessions"):
            (found,) = (await alice.get(path, search="MEDLAR"))["sessions"]
            assert found["title"] == "Of medlar jam"
            assert (await alice.get(path, search="nowhere"))["sessions"] == []
        listed = {session["session_id"]: session for session in (await alice.get("/api/sessions"))["sessions"]}
        assert listed[other]["title"] == "Of medlar jam"
        assert (listed[other]["metadata"], listed[detail["session"]["session_id"]]["metadata"]) == (
            {},
            {"jam": ["mulberry"]},
        )
        assert await alice.http.delete("/api/sessions/nothing")
        await alice.close()
        for server in site.servers:
            server.stop()
        stored = everything_stored(site)
        assert b"local@" in stored or b"alice@example.org" in stored
        assert [word for word in WORDS if word.encode() in stored] == []


def flip_the_last_bit(site: Site) -> None:
    """Of the only file."""
    (path,) = Path(site.environment["DATA_DIR"]).glob("files/??/*.sealed")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def everything_stored(site: Site) -> bytes:
    if site.database_url:
        with psycopg.connect(site.database_url) as database:
            tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            rows = [str(database.execute(f'SELECT t::text FROM "{name}" t').fetchall()) for (name,) in tables]
            return "".join(rows).encode()
    files = [path for path in Path(site.environment["DATA_DIR"]).rglob("*") if path.is_file()]
    assert any(path.name == "app.db" for path in files)
    return b"".join(path.read_bytes() for path in files)


def raw_where(model: Any, column: str, name: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {column} FROM "{model._meta.db_table}" WHERE session_id = %s', [name])
        return [value for (value,) in cursor.fetchall()]


def raw(model: Any, column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {column} FROM "{model._meta.db_table}" ORDER BY 1')
        return [value for (value,) in cursor.fetchall()]


AS_TEXT = "CAST(metadata AS text)"


def spoken(client: APIClient, content: str) -> None:
    client.post("/api/sessions", {"session_id": "s", "title": "About it", "metadata": {"of": content}})
    message = {"role": "user", "content": content, "metadata": {"of": content}}
    assert client.post("/api/sessions/s/messages", message, format="json").status_code == 201


def test_plain_and_sealed_rows_are_read_side_by_side(settings: Any, alice_client: APIClient) -> None:
    for keys, content in (([], "plain"), ([OLD], "old"), ([NEW, OLD], "new"), ([OLD, NEW], "old again")):
        settings.MESSAGE_ENCRYPTION_KEYS = keys
        spoken(alice_client, content)
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW, OLD]
    messages = alice_client.get("/api/sessions/s/messages").json()["messages"]
    assert [message["content"] for message in messages] == ["plain", "old", "new", "old again"]
    assert [message["metadata"]["of"] for message in messages] == ["plain", "old", "new", "old again"]
    assert sum(SEALED in text for text in raw(Message, AS_TEXT)) == 3
    assert sum(text.startswith(MARK) for text in raw(Message, "content")) == 3
    assert len(alice_client.get("/api/sessions/s/events").json()["events"]) == 4
    (session,) = alice_client.get("/api/sessions").json()["sessions"]
    assert (session["title"], session["last_message_preview"]) == ("About it", "old again")


@pytest.mark.django_db(transaction=True)
def test_a_rotation_seals_all_by_the_first_key_and_the_old_one_may_go(settings: Any, alice_client: APIClient) -> None:
    spoken(alice_client, "plain")
    settings.MESSAGE_ENCRYPTION_KEYS = [OLD]
    spoken(alice_client, "old")
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW, OLD]
    told = StringIO()
    call_command("rotate_message_key", "--batch", "1", stdout=told)
    assert "sessions_app.Message: 2 rows" in told.getvalue()
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW]
    mark = seal("x")[: len(MARK) + 9]
    for model, column in ((Message, "content"), (ContextItem, "item"), (Event, "payload"), (ChatSession, "title")):
        assert all(text.startswith(mark) for text in raw(model, column))
    for model in (Message, ChatSession):
        assert all(text.startswith(f'{{"{SEALED}": "{mark[len(MARK) :]}') for text in raw(model, AS_TEXT))
    messages = alice_client.get("/api/sessions/s/messages").json()["messages"]
    assert [message["content"] for message in messages] == ["plain", "old"]
    assert [message["metadata"]["of"] for message in messages] == ["plain", "old"]
    (session,) = alice_client.get("/api/sessions").json()["sessions"]
    assert session["metadata"] == {"of": "plain"}
    assert [event["type"] for event in alice_client.get("/api/sessions/s/events").json()["events"]]
    before = raw(Message, "content")
    told = StringIO()
    call_command("rotate_message_key", stdout=told)
    assert "sessions_app.Message: 0 rows" in told.getvalue()
    assert raw(Message, "content") == before


@pytest.mark.only("sqlite", reason="PostgreSQL's vacuum takes old rows away in its own time")
@pytest.mark.django_db(transaction=True)
def test_a_rotation_leaves_no_plain_text_in_the_file(settings: Any, alice_client: APIClient) -> None:
    spoken(alice_client, "gooseberry " * 2000)
    path = Path(str(connection.settings_dict["NAME"]))

    def stored() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

    assert b"gooseberry" in stored()
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW]
    call_command("rotate_message_key", stdout=StringIO())
    assert b"gooseberry" not in stored()


def test_a_rotation_needs_a_key(db: None) -> None:
    with pytest.raises(CommandError, match="MESSAGE_ENCRYPTION_KEYS"):
        call_command("rotate_message_key")


def test_a_text_that_looks_sealed_is_what_it_was(settings: Any, alice_client: APIClient) -> None:
    for keys in ([], [NEW]):
        settings.MESSAGE_ENCRYPTION_KEYS = keys
        for text in (MARK, f"{MARK}:", f"{MARK}abc:def", seal("x"), "", "ü\U0001f600"):
            assert unseal(seal(text)) == text
    settings.MESSAGE_ENCRYPTION_KEYS = []
    spoken(alice_client, f"{MARK}abc:def")
    messages = alice_client.get("/api/sessions/s/messages").json()["messages"]
    assert messages[0]["content"] == f"{MARK}abc:def"


@pytest.mark.parametrize("keys", [[], [NEW]])
def test_metadata_that_looks_sealed_is_what_it_was(settings: Any, alice_client: APIClient, keys: list[str]) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = keys
    looks = [
        {SEALED: "abc:def"},
        {SEALED: ":x"},
        {SEALED: 1},
        {SEALED: "", "a": 1},
        {},
        {"ü": [1.5, None, "\U0001f600"]},
    ]
    for number, metadata in enumerate(looks):
        name = f"s{number}"
        alice_client.post("/api/sessions", {"session_id": name, "metadata": metadata}, format="json")
        assert alice_client.get(f"/api/sessions/{name}").json()["session"]["metadata"] == metadata
        stored = json.loads(next(iter(raw_where(ChatSession, AS_TEXT, name))))
        assert is_sealed(stored) == bool(metadata and (keys or is_sealed(metadata)))
    listed = alice_client.get("/api/sessions").json()["sessions"]
    assert [session["metadata"] for session in listed] == looks[::-1]


def test_without_its_key_a_text_is_no_text(settings: Any, alice: User) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = [OLD]
    sealed = seal("secret")
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(UnknownKey):
        unseal(sealed)
    settings.MESSAGE_ENCRYPTION_KEYS = [OLD]
    with pytest.raises(UnknownKey):
        unseal(sealed[:-4])
