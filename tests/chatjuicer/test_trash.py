"""The trash: a deleted session is unknown to every door, comes back whole, and is emptied with all that it had."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client as Browser
from django.utils import timezone
from rest_framework.test import APIClient

from chat_app.models import Event, Run
from chat_app.protocol import UserInput
from chatjuicer.accounts.models import User
from chatjuicer.api.times import rfc3339
from files_app.models import File, StorageUsage, StoredBytes
from sessions_app.models import ChatSession, ContextItem, Message, PackedHistory, SessionTally
from tests.files_app.conftest import body_of

SESSIONS = "/api/sessions"


@pytest.fixture(autouse=True)
def local_files(settings: Any, tmp_path: Path) -> None:
    files = {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "files"}}
    settings.STORAGES = settings.STORAGES | {"files": files}


@pytest.fixture
def trip(alice: User, alice_client: APIClient) -> ChatSession:
    """With a message, a file and a run that has not ended."""
    alice_client.post(SESSIONS, {"session_id": "trip", "title": "To Lisbon"})
    alice_client.post(f"{SESSIONS}/trip/messages", {"role": "user", "content": "Where to?"})
    file = SimpleUploadedFile("map.txt", b"north is up")
    assert alice_client.post(f"{SESSIONS}/trip/files/upload", {"file": file}, format="multipart").status_code == 201
    session = alice.chat_sessions.named("trip")
    Run.objects.start(session.pk, [UserInput("And when?")], owner="here")
    return session


def names(client: APIClient, query: str = "") -> list[str]:
    page = client.get(f"{SESSIONS}{query}").json()
    assert page["total_count"] == len(page["sessions"])
    return [session["session_id"] for session in page["sessions"]]


def house_kept() -> None:
    call_command("housekeep", "--wait", "0", stdout=StringIO())


def everything_of(model: Any) -> list[Any]:
    return sorted(model.objects.values_list(), key=str)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_session_is_unknown_to_every_door(
    trip: ChatSession, alice: User, alice_client: APIClient, anybody: APIClient, client: Browser
) -> None:
    link = alice_client.get(f"{SESSIONS}/trip/files/map.txt/presign-download").json()["download_url"]
    announced = alice_client.post(f"{SESSIONS}/trip/files/presign-upload", {"filename": "b", "size": 1}).json()
    assert body_of(anybody.get(link)) == b"north is up"
    assert alice_client.delete(f"{SESSIONS}/trip").json() == {"success": True}

    assert Run.objects.get().status == "interrupted"
    assert names(alice_client) == []
    assert SessionTally.objects.get(owner=alice).count == 0
    for key in ("trip", str(trip.pk)):
        for path in ("", "/messages", "/events", "/files", "/files/map.txt/download"):
            assert alice_client.get(f"{SESSIONS}/{key}{path}").status_code == 404
        for path in ("/clear", "/interrupt", "/messages"):
            body = {"role": "user", "content": "x"}
            assert alice_client.post(f"{SESSIONS}/{key}{path}", body).status_code == 404
        assert alice_client.patch(f"{SESSIONS}/{key}", {"title": "x"}).status_code == 404
        assert alice_client.delete(f"{SESSIONS}/{key}").status_code == 404
        assert alice_client.post("/api/chat", {"session_id": key, "messages": [{"content": "x"}]}).status_code == 404
        assert alice_client.get(f"/api/v1/sessions/{key}").status_code == 404
        assert alice_client.get(f"/api/v1/chat-sessions/{key}").status_code == 404
    assert alice_client.get("/api/v1/sessions").json()["total"] == 0
    assert alice_client.get("/api/users/default/sessions").json() == []
    assert anybody.get(link).status_code == 404
    assert anybody.put(announced["upload_url"], b"x", content_type="application/octet-stream").status_code == 404

    root, _ = User.objects.seed_default()
    client.force_login(root)
    for page in ("sessions_app/chatsession/", "sessions_app/message/", "files_app/file/", "chat_app/event/"):
        shown = client.get(f"/admin/{page}").content.decode()
        assert "trip" not in shown and "Where to?" not in shown and "map.txt" not in shown


@pytest.mark.django_db(transaction=True)
def test_it_comes_back_whole(trip: ChatSession, alice: User, alice_client: APIClient) -> None:
    charged = everything_of(StorageUsage)
    before = alice_client.get(f"{SESSIONS}/trip").json()
    alice_client.delete(f"{SESSIONS}/trip")
    (deleted,) = alice_client.get(f"{SESSIONS}?deleted=true").json()["sessions"]
    assert (deleted["session_id"], deleted["id"], deleted["title"]) == ("trip", str(trip.pk), "To Lisbon")
    assert everything_of(StorageUsage) == charged

    answer = alice_client.post(f"{SESSIONS}/trip/restore")
    assert (answer.status_code, answer.json()["session_id"]) == (200, "trip")
    after = alice_client.get(f"{SESSIONS}/trip").json()
    assert [message["content"] for message in after["messages"]] == [m["content"] for m in before["messages"]]
    assert after["files"] == before["files"]
    assert body_of(alice_client.get(f"{SESSIONS}/trip/files/map.txt/download")) == b"north is up"
    events = alice_client.get(f"{SESSIONS}/trip/events").json()["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "session_updated"
    assert names(alice_client, "?deleted=true") == []
    assert names(alice_client) == ["trip"]
    assert SessionTally.objects.get(owner=alice).count == 1
    # A client that did not hear the answer asks again.
    assert alice_client.post(f"{SESSIONS}/trip/restore").json()["id"] == str(trip.pk)
    assert alice_client.post(f"{SESSIONS}/trip/messages", {"role": "user", "content": "Go on"}).status_code == 201


def test_its_name_is_free_at_once_and_taken_back_or_another(trip: ChatSession, alice_client: APIClient) -> None:
    alice_client.delete(f"{SESSIONS}/trip")
    second = alice_client.post(SESSIONS, {"session_id": "trip", "title": "To Porto"})
    assert second.status_code == 201
    alice_client.delete(f"{SESSIONS}/trip")
    third = alice_client.post(SESSIONS, {"session_id": "trip"}).json()
    assert names(alice_client, "?deleted=true") == ["trip", "trip"]

    newest = alice_client.post(f"{SESSIONS}/trip/restore").json()
    assert newest["id"] == second.json()["id"]
    assert newest["session_id"] != "trip" and newest["session_id"].startswith("chat_")
    assert alice_client.get(f"{SESSIONS}/trip").json()["session"]["id"] == third["id"]
    assert alice_client.delete(f"{SESSIONS}/{third['id']}?permanent=true").status_code == 200
    first = alice_client.post(f"{SESSIONS}/{trip.pk}/restore").json()
    assert (first["session_id"], first["id"]) == ("trip", str(trip.pk))
    assert sorted(names(alice_client)) == sorted(["trip", newest["session_id"]])


def test_permanent_works_in_the_trash_and_before_it(trip: ChatSession, alice_client: APIClient) -> None:
    alice_client.delete(f"{SESSIONS}/trip")
    alice_client.post(SESSIONS, {"session_id": "trip"})
    for left in (1, 0):  # the one that is there, then the one in the trash
        assert alice_client.delete(f"{SESSIONS}/trip?permanent=true").json() == {"success": True}
        assert ChatSession.with_deleting.count() == left
    assert alice_client.delete(f"{SESSIONS}/trip?permanent=true").status_code == 404
    assert alice_client.post(f"{SESSIONS}/trip/restore").status_code == 404
    assert nothing_is_left()


def nothing_is_left() -> bool:
    hanging = (Message, ContextItem, Event, Run, File, PackedHistory)
    # The bytes go after the commit, which no test within a transaction sees.
    assert not StoredBytes.objects.exclude(state=StoredBytes.State.DELETED).exists()
    assert {model.__name__: model.objects.count() for model in hanging if model.objects.exists()} == {}
    assert set(StorageUsage.objects.values_list("size_bytes", flat=True)) <= {0}
    return not ChatSession.with_deleting.exists()


def test_it_is_emptied_after_its_days(trip: ChatSession, alice_client: APIClient, settings: Any) -> None:
    alice_client.delete(f"{SESSIONS}/trip")
    ChatSession.trash.update(deleted_at=timezone.now() - timedelta(days=29, hours=23))
    house_kept()
    assert names(alice_client, "?deleted=true") == ["trip"]
    ChatSession.trash.update(deleted_at=timezone.now() - timedelta(days=30))
    with_everything = ChatSession.objects.open(trip.owner, public_id="other")[0]
    house_kept()
    assert list(ChatSession.with_deleting.all()) == [with_everything]
    assert names(alice_client, "?deleted=true") == []
    with_everything.remove()
    assert nothing_is_left()


def test_the_trash_says_since_when_and_until_when(
    trip: ChatSession, alice: User, alice_client: APIClient, settings: Any
) -> None:
    settings.TRASH_DAYS = 7
    alice_client.post(SESSIONS, {"session_id": "kept"})
    for name in ("trip", "other"):
        alice_client.post(SESSIONS, {"session_id": name})
        alice_client.delete(f"{SESSIONS}/{name}")
    first = alice_client.get(f"{SESSIONS}?deleted=true&limit=1").json()
    second = alice_client.get(f"{SESSIONS}?deleted=true&limit=1&cursor={first['next_cursor']}").json()
    for (row,) in (first["sessions"], second["sessions"]):
        session = ChatSession.trash.named(alice, row["session_id"])
        assert session.deleted_at
        assert row["deleted_at"] == rfc3339(session.deleted_at)
        assert row["purged_at"] == rfc3339(session.deleted_at + timedelta(days=7))
    (kept,) = alice_client.get(SESSIONS).json()["sessions"]
    assert "deleted_at" not in kept and "purged_at" not in kept


def test_without_days_there_is_no_trash(trip: ChatSession, alice_client: APIClient, settings: Any) -> None:
    settings.TRASH_DAYS = 0
    alice_client.delete(f"{SESSIONS}/trip")
    assert nothing_is_left()


def test_the_trash_of_others_is_not_there(
    trip: ChatSession, alice_client: APIClient, mallory_client: APIClient
) -> None:
    alice_client.delete(f"{SESSIONS}/trip")
    assert names(mallory_client, "?deleted=true") == []
    for key in ("trip", str(trip.pk)):
        assert mallory_client.post(f"{SESSIONS}/{key}/restore").status_code == 404
        assert mallory_client.delete(f"{SESSIONS}/{key}?permanent=true").status_code == 404
    assert names(alice_client, "?deleted=true") == ["trip"]


def test_other_front_ends_delete_into_it_with_their_own_words(trip: ChatSession, alice_client: APIClient) -> None:
    ways: list[tuple[str, int, Any]] = [
        (f"/api/v1/sessions/{trip.pk}", 204, None),
        ("/api/users/default/sessions/trip", 200, {"deleted": "trip"}),
        (f"/api/v1/chat-sessions/{trip.pk}", 200, {"message": "Session deleted successfully"}),
    ]
    for path, status, body in ways:
        answer = alice_client.delete(path)
        assert (answer.status_code, answer.json() if answer.content else None) == (status, body)
        assert alice_client.post(f"{SESSIONS}/trip/restore").status_code == 200
    answer = alice_client.delete("/api/v1/sessions/trip")
    assert answer.json()["success"] and answer.json()["session_id"] == "trip"
    assert names(alice_client, "?deleted=true") == ["trip"]
    alice_client.post("/api/users/ada/sessions", {"session_id": "hers", "title": "x"})
    alice_client.delete("/api/users/ada/sessions/hers")
    assert ChatSession.with_deleting.count() == 1


def test_a_restored_session_of_sparrow_has_a_slot_again(alice_client: APIClient) -> None:
    made = alice_client.post("/api/v1/chat-sessions", {"title": "Help", "agent_type": "primary"}).json()
    alice_client.delete(f"{SESSIONS}/{made['id']}")
    assert alice_client.get("/api/v1/chat-sessions").json() == []
    alice_client.post(f"{SESSIONS}/{made['id']}/restore")
    assert [session["id"] for session in alice_client.get("/api/v1/chat-sessions").json()] == [made["id"]]


def test_an_account_that_goes_takes_its_trash_along(trip: ChatSession, alice: User, alice_client: APIClient) -> None:
    alice_client.delete(f"{SESSIONS}/trip")
    alice.remove()
    assert nothing_is_left()


@pytest.mark.django_db(transaction=True)
def test_who_restores_and_who_deletes_at_once_agree(
    alice: User,
    alice_client: APIClient,
    client_of: Callable[[User], APIClient],
    side_by_side: Callable[..., list[Any]],
) -> None:
    alice_client.post(SESSIONS, {"session_id": "trip"})
    alice_client.delete(f"{SESSIONS}/trip")

    def act(task: tuple[str, APIClient]) -> int:
        way, client = task
        if way == "restore":
            return client.post(f"{SESSIONS}/trip/restore").status_code
        return client.delete(f"{SESSIONS}/trip?permanent=true").status_code

    done = side_by_side(act, [(way, client_of(alice)) for way in ("restore", "delete", "restore", "delete")])
    assert set(done) <= {200, 404}
    assert done.count(200) >= 1
    left = names(alice_client) + names(alice_client, "?deleted=true")
    assert left in ([], ["trip"])
    assert SessionTally.objects.get(owner=alice).count == len(names(alice_client))
