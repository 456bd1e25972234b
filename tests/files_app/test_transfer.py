"""Moving out, and in again: what an archive holds, what comes of it elsewhere, and what hostile ones cost."""

import asyncio
import errno
import hashlib
import io
import json
import struct
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from chat_app.models.place import items_of
from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.operations.doctor.files import kept_bytes_without_file
from chatjuicer.operations.tasks import remove_exports
from files_app.exceptions import QuotaExceeded
from files_app.incoming import Incoming
from files_app.models import Export, File, StorageUsage, StoredBytes, bytes_of
from files_app.storage import chunks
from files_app.sweep import sweep
from files_app.transfer import archive as taking_out
from files_app.transfer import reading, taking_in
from files_app.transfer.exporter import make
from files_app.transfer.places import places
from files_app.transfer.session import ROWS, take_in
from sessions_app.models import AccountLog, Agent, ChatSession, MessageDraft, MessageError, PackedHistory, Project
from sessions_app.models.message import MAX_PINNED
from sessions_app.models.tree import add_version, show
from tests.conftest import refused

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89" + b"pixels"


@pytest.fixture(autouse=True)
def own_disk(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "files": {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "files"}}
    }


def export(client: APIClient) -> bytes:
    answer: Any = client.get("/api/export")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def give(client: APIClient, data: bytes, name: str = "export", **headers: str) -> Any:
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--B--\r\n'
    return client.post(
        "/api/import", body % (name.encode(), data), content_type="multipart/form-data; boundary=B", headers=headers
    )


def taken(client: APIClient, data: bytes) -> dict[str, Any]:
    answer = give(client, data)
    assert answer.status_code == 200, answer.content
    report: dict[str, Any] = answer.json()
    return report


def content(archive: bytes) -> dict[str, Any]:
    """Everything but when and by whom it was made."""
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        assert zipped.testzip() is None
        entries = {name: zipped.read(name) for name in zipped.namelist()}
    manifest = json.loads(entries.pop("manifest.json"))
    assert (manifest["format"], manifest["version"]) == ("chatjuicer-archive", 1)
    lines = [json.loads(line) for line in entries.pop("conversations.jsonl").splitlines()]
    projects = {line.pop("id"): line for line in lines if line["kind"] == "project"}
    for line in lines:
        if line["kind"] == "session" and "project" in line:
            line["project"] = projects[line["project"]]
    return entries | {"lines": lines}


def zipped(entries: dict[str, bytes | str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return made.getvalue()


def add_file(session: ChatSession, name: str, data: bytes) -> File:
    with Incoming(10**6, name) as incoming:
        incoming.write(data)
        with bytes_of(session, incoming) as (stored, facts):
            return File.objects.put(session, "sources", name, stored, facts)


@pytest.fixture
def travels(alice: User) -> ChatSession:
    """Something of everything."""
    project = Project.objects.create(owner=alice, name="Journeys", instructions="Be brief.")
    session, _ = ChatSession.objects.open(
        alice, public_id="travels", title="Rome & *Naples*", is_named=True, metadata={"a": [1, {"ü": None}]},
        mcp_config=[], disabled_tools=["edit_file"], project=project,
    )  # fmt: skip
    picture = add_file(session, "maps/rome.png", PNG)
    reference = {"file_id": str(picture.pk), "path": picture.path, "content_type": "image/png",
                 "size_bytes": len(PNG), "is_image": True}  # fmt: skip
    add_file(session, "notes.txt", b"Pack light.\n")
    session.add_messages([
        MessageDraft(role="user", content="Where is it? <script>alert(1)</script>",
                     metadata={"attachments": [reference]}),
        MessageDraft(role="tool_call", tool_call_id="c", tool_name="look_up", tool_arguments='{"q": 1}',
                     tool_result="```\nfence", tool_success=False),
        MessageDraft(role="assistant", content="In **Italy**: $a_b_c$ ![x](https://evil.example/p.png)", model="m",
                     token_count=3, response_time_ms=4, reasoning="Hm."),
        MessageDraft(role="assistant", status="failed", is_error=True, error=MessageError("internal", "It broke.")),
        MessageDraft(role="assistant", status="pending"),
    ])  # fmt: skip
    image = {"type": "input_image", "detail": "auto", "image_url": f"attachment:{picture.pk}"}
    session.add_context(
        [{"role": "user", "content": [image]}, {"role": "assistant", "content": "In Italy", "z": 1, "a": 2}]
    )
    session.configure(pinned=True)
    session.keep_draft("And Naples")
    session.messages.get(role="assistant", status="completed").rate("down", "Too short.")
    ChatSession.objects.open(alice, namespace="persona", public_id="travels", title="Another's name")
    ChatSession.objects.open(alice, public_id="thrown away", title="Nothing of it goes along")[0].discard()
    return session


def test_what_was_exported_and_imported_is_exported_again_the_same(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient, travels: ChatSession
) -> None:
    archive = export(alice_client)
    told = content(archive)
    assert [line["kind"] for line in told["lines"]].count("message") == 4  # but for what is still being written
    assert len(told) == 3  # two files
    assert taken(mallory_client, archive) == {"imported": 2, "skipped": 0, "failed": []}
    assert content(export(mallory_client)) == told
    (row,) = mallory_client.get("/api/sessions").json()["sessions"]
    assert (row["session_id"], row["title"], row["unread"], row["draft"]) == (
        "travels",
        travels.title,
        False,
        "And Naples",
    )
    assert row["project_name"] == "Journeys"
    first = mallory_client.get("/api/sessions/travels").json()["messages"][0]
    (attached,) = first["metadata"]["attachments"]
    picture = mallory.chat_sessions.get(namespace="default").files.get(pk=attached["file_id"])
    assert (picture.path, b"".join(chunks(picture.storage_key))) == (attached["path"], PNG)
    forgotten, last = AccountLog.objects.open(mallory.pk)
    assert forgotten == last > 0  # a resync, whatever a client has seen
    # Neither twice, nor back into the account that it came from.
    assert taken(mallory_client, archive) == {"imported": 0, "skipped": 2, "failed": []}
    assert taken(alice_client, export(mallory_client)) == {"imported": 0, "skipped": 2, "failed": []}
    assert content(export(alice_client)) == told


def test_projects_without_a_session_come_along(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    empty = Project.objects.create(owner=alice, name="Empty", description="Later.", instructions="Be nice.")
    archive = export(alice_client)  # of an account with nothing else
    assert taken(mallory_client, archive) == {"imported": 0, "skipped": 0, "failed": []}
    assert content(export(mallory_client)) == content(archive)
    ChatSession.objects.open(alice, public_id="trip", project=Project.objects.create(owner=alice, name="Trips"))
    archive = export(alice_client)
    for imported in (1, 0):
        assert taken(mallory_client, archive)["imported"] == imported
        assert content(export(mallory_client)) == content(archive)
    # What was made of a project since then is no reason to make it again, unless it was empty.
    mallory.projects.get(name="Trips").configure(name="Journeys")
    assert taken(mallory_client, archive)["skipped"] == 1
    assert set(mallory.projects.all()) == {mallory.projects.get(name="Journeys"), mallory.projects.get(name=empty.name)}


def said_in_each(client: APIClient) -> list[str]:
    rows = client.get("/api/sessions").json()["sessions"]
    return sorted(row["last_message_preview"] for row in rows)


@pytest.mark.parametrize("is_copy", [False, True])
def test_what_was_imported_while_it_lay_in_the_trash_is_not_what_is_restored(
    alice: User, alice_client: APIClient, mallory_client: APIClient, is_copy: bool
) -> None:
    session, _ = ChatSession.objects.open(alice, public_id="trip", origin="copied:1" if is_copy else "")
    session.post("user", "At first")
    archive = export(alice_client)
    session.post("user", "Restored")
    assert alice_client.delete("/api/sessions/trip").status_code == 200
    assert taken(alice_client, archive) == {"imported": 1, "skipped": 0, "failed": []}
    assert taken(alice_client, archive) == {"imported": 0, "skipped": 1, "failed": []}
    assert alice_client.post(f"/api/sessions/{session.pk}/restore").status_code == 200
    assert taken(alice_client, archive) == {"imported": 0, "skipped": 1, "failed": []}

    moved = export(alice_client)
    origins = [line["origin"] for line in content(moved)["lines"] if line["kind"] == "session"]
    assert len({*origins}) == 2
    assert {origin.partition(":")[0] for origin in origins} == {"copied" if is_copy else "chatjuicer"}
    assert taken(mallory_client, moved)["imported"] == 2
    assert said_in_each(mallory_client) == said_in_each(alice_client) == ["At first", "Restored"]
    assert taken(alice_client, export(mallory_client)) == {"imported": 0, "skipped": 2, "failed": []}


def test_of_two_that_older_servers_gave_one_origin_both_move(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    first, _ = ChatSession.objects.open(alice, public_id="one")
    first.post("user", "One")
    for number in (2, 3):
        session, _ = ChatSession.objects.open(alice, origin=f"chatjuicer:{first.pk}")
        session.post("user", f"{number}")
    moved = export(alice_client)
    assert len({line["origin"] for line in content(moved)["lines"] if line["kind"] == "session"}) == 3
    for client, expected in ((mallory_client, 3), (mallory_client, 0), (alice_client, 0)):
        assert taken(client, moved)["imported"] == expected
    assert said_in_each(mallory_client) == ["2", "3", "One"]


def test_of_an_older_archive_with_one_origin_twice_both_come(alice_client: APIClient) -> None:
    sessions = [line for text in ("One", "Two") for line in (SESSION, MESSAGE | {"content": text})]
    for expected in (2, 0):
        assert taken(alice_client, own(*sessions))["imported"] == expected
    assert said_in_each(alice_client) == ["One", "Two"]


def test_an_archived_session_and_a_taken_name_change_nothing_of_it(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient, travels: ChatSession
) -> None:
    before = content(export(alice_client))
    travels.messages.filter(status="pending").delete()
    PackedHistory.objects.pack(travels, travels.last_used_at.max.replace(tzinfo=travels.last_used_at.tzinfo))
    travels.refresh_from_db()
    assert travels.packed
    assert content(export(alice_client)) == before
    ChatSession.objects.open(mallory, public_id="travels")
    assert taken(mallory_client, export(alice_client))["imported"] == 2
    names = {session.public_id for session in mallory.chat_sessions.filter(namespace="default")}
    assert len(names) == 2


def document(client: APIClient, format: str, name: str = "travels") -> str:
    answer: Any = client.get(f"/api/sessions/{name}/export?format={format}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    return b"".join(answer.streaming_content).decode()


def test_one_conversation_is_a_document_that_needs_nothing_else(
    alice_client: APIClient, mallory_client: APIClient, travels: ChatSession
) -> None:
    markdown = document(alice_client, "markdown")
    assert markdown.startswith("# Rome & *Naples*\n")
    assert "## You\n\nWhere is it?" in markdown
    assert "````\n```\nfence\n````" in markdown
    assert "*It broke.*" in markdown
    page = document(alice_client, "html")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<strong>Italy</strong>" in page
    assert "<code>$a_b_c$</code>" in page  # no formula: two indices of one letter
    assert 'src="data:image/png;base64,' in page
    assert 'src="http' not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    said = json.loads(document(alice_client, "json"))
    assert [message["role"] for message in said["messages"]] == ["user", "tool_call", "assistant", "assistant"]
    assert taken(mallory_client, json.dumps(said).encode()) == {
        "imported": 1,
        "skipped": 0,
        "failed": [],
        "left_out": [{"what": "files", "count": 2}],
    }
    again = mallory_client.get("/api/sessions/travels").json()["messages"]
    assert [m["content"] for m in again] == [m.get("content", "") for m in said["messages"]]
    refused(alice_client.get("/api/sessions/travels/export?format=pdf"), 400, "invalid_input")
    assert mallory_client.get("/api/sessions/nothing/export").status_code == 404


def test_the_operator_writes_the_same_archive(
    alice: User, alice_client: APIClient, travels: ChatSession, tmp_path: Path
) -> None:
    path = tmp_path / "alice.zip"
    call_command("export_account", "Alice@example.org", "--output", str(path))
    assert content(path.read_bytes()) == content(export(alice_client))
    assert path.stat().st_mode & 0o077 == 0
    assert AuditEntry.objects.filter(action=Act.EXPORTED, object=f"user:{alice.pk}").count() == 2
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_account", alice.email, "--output", str(path))
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("export_account", alice.email, "--output", str(tmp_path / "no folder" / "alice.zip"))


def test_an_archive_that_is_cut_short_is_not_left_behind(
    alice: User, travels: ChatSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(taking_out, "checked_chunks_of", full)
    with pytest.raises(CommandError, match="cannot be written: No space left on device"):
        call_command("export_account", alice.email, "--output", str(tmp_path / "alice.zip"))
    assert not (tmp_path / "alice.zip").exists()


def test_an_export_that_lies_ready_is_fetched_in_pieces_and_goes_after_its_time(
    alice: User, alice_client: APIClient, travels: ChatSession, tmp_path: Path, settings: Any
) -> None:
    asked: Any = alice_client.post("/api/exports")
    assert asked.status_code == 202
    about = asked.json()
    assert (about["state"], about["size"], about["sha256"]) == ("making", None, None)
    assert alice_client.post("/api/exports").json()["id"] == about["id"]  # one at a time
    path = f"/api/exports/{about['id']}"
    refused(alice_client.get(f"{path}/download"), 404, "not_found")
    Export.objects.update(alive_at=timezone.now() - timedelta(minutes=2))
    assert alice_client.get(path).json()["state"] == "failed"  # its process has died
    about = alice_client.post("/api/exports").json()
    assert (f"/api/exports/{about['id']}", about["state"]) != (path, "failed")
    path = f"/api/exports/{about['id']}"

    used = StorageUsage.objects.get(owner=alice).size_bytes
    settings.USER_QUOTA_BYTES = used - 1  # who has no room left may leave, too
    make(Export.objects.get(), lambda: None)
    on_disk = b"".join(chunks(Export.objects.get().storage_key))
    assert b"manifest.json" not in on_disk  # what was said in it may be encrypted in the database
    list(sweep(timedelta(0)))
    assert kept_bytes_without_file() == []
    about = alice_client.get(path).json()
    whole: Any = alice_client.get(f"{path}/download")
    data = b"".join(asyncio.run(all_of(whole)))
    assert (about["state"], about["size"], about["sha256"]) == ("ready", len(data), hashlib.sha256(data).hexdigest())
    assert whole.headers["ETag"] == f'"{about["sha256"]}"'
    assert content(data) == content(export(alice_client))
    part = {"HTTP_RANGE": "bytes=100-", "HTTP_IF_RANGE": whole.headers["ETag"]}
    rest: Any = alice_client.get(f"{path}/download", **part)
    assert (rest.status_code, b"".join(asyncio.run(all_of(rest)))) == (206, data[100:])
    assert StorageUsage.objects.get(owner=alice).size_bytes == used  # who has no room left may leave

    Export.objects.update(expires_at=timezone.now())
    assert list(remove_exports()) == [1]
    refused(alice_client.get(path), 404, "not_found")
    assert not StoredBytes.objects.filter(session_id=about["id"]).exclude(state=StoredBytes.State.DELETED).exists()


async def all_of(answer: Any) -> list[bytes]:
    return [piece async for piece in answer.streaming_content]


CHATGPT = [{
    "title": "Trees", "create_time": 1700000000.25, "update_time": 1700000900, "conversation_id": "g1",
    "current_node": "d",
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["a"]},
        "a": {"parent": "root", "message": {"author": {"role": "user"}, "create_time": 1700000001, "content": {
            "content_type": "multimodal_text", "parts": [
                {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-abc"}, "Which tree?"]}}},
        "b": {"parent": "a", "message": {"author": {"role": "assistant"}, "create_time": 1700000002,
              "content": {"content_type": "text", "parts": ["An oak."]}, "metadata": {"model_slug": "gpt-4o"}}},
        "h": {"parent": "a", "message": {"author": {"role": "system"},
              "content": {"content_type": "text", "parts": ["x"]},
              "metadata": {"is_visually_hidden_from_conversation": True}}},
        "c": {"parent": "h", "message": {"author": {"role": "tool", "name": "python"}, "create_time": 1700000003,
              "content": {"content_type": "execution_output", "text": "42"}}},
        "d": {"parent": "c", "message": {"author": {"role": "assistant"}, "create_time": 1700000004,
              "content": {"content_type": "text", "parts": ["A beech."]}}},
    },
}]  # fmt: skip
CLAUDE = [{
    "uuid": "c1", "name": "Birds", "created_at": "2026-01-02T03:04:05.678901Z", "updated_at": "2026-01-02T04:00:00Z",
    "chat_messages": [
        {"uuid": "m1", "sender": "human", "text": "Which bird?", "created_at": "2026-01-02T03:04:06Z",
         "attachments": [{"file_name": "a.txt", "extracted_content": "It sings."}]},
        {"uuid": "m2", "sender": "assistant", "created_at": "2026-01-02T03:04:07Z",
         "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "A wren."}]},
    ],
}, {"uuid": "c2", "name": "Empty", "chat_messages": []}]  # fmt: skip
OPEN_WEBUI = [{
    "id": "w1", "title": "Fish", "created_at": 1700000000, "updated_at": 1700000100, "archived": True, "chat": {
        "title": "Fish", "history": {"currentId": "2", "messages": {
            "1": {"id": "1", "parentId": None, "role": "user", "content": "Which fish?", "timestamp": 1700000001},
            "3": {"id": "3", "parentId": "1", "role": "assistant", "content": "A carp.", "timestamp": 1700000002},
            "2": {"id": "2", "parentId": "1", "role": "assistant", "content": "A pike.", "timestamp": 1700000003,
                  "model": "llama"},
        }}},
}]  # fmt: skip
ROOT = "00000000-0000-0000-0000-000000000000"
CLAUDE_ROOT = "00000000-0000-4000-8000-000000000000"
LIBRECHAT = {
    "conversationId": "l1", "title": "Stones", "options": {"model": "gpt-4o"}, "recursive": True, "messages": [{
        "messageId": "x", "parentMessageId": ROOT, "isCreatedByUser": True, "text": "Which stone?",
        "createdAt": "2026-01-02T03:04:06.000Z", "children": [
            {"messageId": "y", "parentMessageId": "x", "isCreatedByUser": False, "text": "",
             "createdAt": "2026-01-02T03:04:07.000Z",
             "content": [{"type": "think", "think": "Hm."}, {"type": "text", "text": {"value": "A flint."}}]}],
    }],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "messages", "dates"),
    [
        ("Trees", zipped({"conversations.json": json.dumps(CHATGPT), "user.json": "{}", "file-abc-oak.png": PNG}),
         ["Which tree?", "", "A beech."], ("2023-11-14T22:13:20.250000Z", "2023-11-14T22:13:24.000000Z")),
        ("Trees", json.dumps(CHATGPT).encode(), ["Which tree?\n\nNot in the export: image file-abc", "", "A beech."],
         ("2023-11-14T22:13:20.250000Z", "2023-11-14T22:13:24.000000Z")),
        ("Birds", json.dumps(CLAUDE).encode(), ["Which bird?\n\na.txt\n\nIt sings.", "A wren."],
         ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:07.000000Z")),
        ("Fish", json.dumps(OPEN_WEBUI).encode(), ["Which fish?", "A pike."],
         ("2023-11-14T22:13:20.000000Z", "2023-11-14T22:13:23.000000Z")),
        ("Stones", json.dumps(LIBRECHAT).encode(), ["Which stone?", "A flint."],
         ("2026-01-02T03:04:06.000000Z", "2026-01-02T03:04:07.000000Z")),
    ],
    ids=["chatgpt-zip", "chatgpt", "claude", "open-webui", "librechat"],
)  # fmt: skip
def test_other_products_exports_come_in_with_the_path_that_was_shown(
    alice: User, alice_client: APIClient, name: str, data: bytes, messages: list[str], dates: tuple[str, str]
) -> None:
    report = taken(alice_client, data)
    assert report["imported"] == 1
    assert [failure["name"] for failure in report["failed"]] == (["Empty"] if name == "Birds" else [])
    (row,) = alice_client.get("/api/sessions").json()["sessions"]
    assert (row["title"], row["created_at"], row["last_used_at"]) == (name, *dates)
    said = alice_client.get(f"/api/sessions/{row['session_id']}").json()["messages"]
    assert [message["content"] for message in said] == messages
    session = alice.chat_sessions.get()
    assert [item.value["role"] for item in session.context_items.order_by("position")] == ["user", "assistant"]
    if data.startswith(b"PK"):
        assert said[0]["metadata"]["attachments"][0]["path"] == "sources/file-abc-oak.png"
    if name == "Fish":
        assert row["archived"] is True
    again = taken(alice_client, data)
    assert (again["imported"], again["skipped"]) == (0, 1)


def spoken(role: str, text: str, **fields: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    return {"author": {"role": role}, "create_time": 1700000000, "content": content, **fields}


def chain(*messages: dict[str, Any]) -> dict[str, Any]:
    rows = {f"n{n}": {"parent": f"n{n - 1}" if n else None, "message": one} for n, one in enumerate(messages)}
    return {"title": "Chain", "conversation_id": "chain", "current_node": f"n{len(rows) - 1}", "mapping": rows}


def told(client: APIClient, data: bytes, **left_out: int) -> list[dict[str, Any]]:
    """What the one session of an archive says, once it was taken in, but for so many of each kind."""
    more = {"left_out": [{"what": what, "count": count} for what, count in left_out.items()]} if left_out else {}
    assert taken(client, data) == {"imported": 1, "skipped": 0, "failed": [], **more}
    (row,) = client.get("/api/sessions").json()["sessions"]
    messages: list[dict[str, Any]] = client.get(f"/api/sessions/{row['id']}").json()["messages"]
    return messages


def test_no_message_is_older_than_the_one_that_it_follows(alice: User, alice_client: APIClient) -> None:
    """Of an export, some say no time, and clocks are set."""
    times = (1700000005, None, 1700000007, 1700000006.5)
    said = [spoken("user" if n % 2 == 0 else "assistant", f"{n}", create_time=time) for n, time in enumerate(times)]
    shown = told(alice_client, json.dumps([chain(*said) | {"create_time": 1700000000}]).encode())
    assert [message["content"] for message in shown] == ["0", "1", "2", "3"]
    assert [message["created_at"][17:19] for message in shown] == ["25", "25", "27", "27"]


def test_of_chatgpt_come_thoughts_made_pictures_and_documents_but_no_marks(
    alice: User, alice_client: APIClient
) -> None:
    cited = "\ue200cite\ue202turn0search0\ue201"
    references = [{"matched_text": cited, "type": "grouped_webpages", "alt": "([Oaks](https://oaks.example))"},
                  {"matched_text": " ", "type": "sources_footnote", "alt": None}]  # fmt: skip
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Trees", "content": "Which one?"}]}
    search = {"content_type": "code", "language": "unknown", "text": '{"q": "oak"}'}
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": f"sediment://file_{'0' * 32}"}
    upload = f"file-{'A' * 22}"
    conversation = chain(
        spoken("user", "An oak?", metadata={"attachments": [{"id": upload, "name": "oaks.json"}]}),
        spoken("assistant", "", content=thoughts),
        spoken("assistant", "", content=search, recipient="web.run"),
        spoken("assistant", "", content={"content_type": "reasoning_recap", "content": "Thought for 3s"}),
        spoken("assistant", f"An oak{cited}, \ue200i\ue202turn0image1\ue201indeed.",
               metadata={"content_references": references}),
        spoken("tool", "", author={"role": "tool", "name": "dalle.text2im"},
               content={"content_type": "multimodal_text", "parts": [pointer]}),
    )  # fmt: skip
    archive = zipped({
        "conversations-000.json": json.dumps([conversation]),
        f"{upload}-oaks.json": "{ no JSON at all",
        f"user-x/file_{'0' * 32}-oak.png": PNG,
        "group_chats.json": '{"chats": []}', "sora.json": "{}", "shopping.json": "[]",
    })  # fmt: skip
    messages = told(alice_client, archive)
    assert [(one["role"], one["content"]) for one in messages] == [
        ("user", "An oak?"),
        ("tool_call", ""),
        ("assistant", "An oak([Oaks](https://oaks.example)), indeed."),
        ("assistant", ""),
    ]
    assert messages[2]["reasoning"] == "Which one?"
    (document,), (picture,) = (messages[at]["metadata"]["attachments"] for at in (0, 3))
    assert (document["path"], picture["is_image"]) == ("sources/oaks.json", True)
    items = alice.chat_sessions.get().context_items.order_by("position")
    assert [item.value["role"] for item in items] == ["user", "assistant"]


ODD = [None, 5, "x", [5, None], [{"content": 5, "matched_text": 5, "alt": [], "id": {}}], {"a": 1}]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_stands_beside_the_words_costs_none_of_them(alice_client: APIClient, odd: Any) -> None:
    beside = {"attachments": odd, "content_references": odd}
    thoughts = {"content_type": "thoughts", "thoughts": odd}
    said = [spoken("user", "A?", metadata=beside), spoken("assistant", "", content=thoughts)]
    messages = told(alice_client, json.dumps([chain(*said, spoken("assistant", "B\ue200", metadata=beside))]).encode())
    assert [one["content"] for one in messages] == ["A?", "B\ue200"]


def test_thoughts_that_many_answers_follow_are_of_one(alice_client: APIClient) -> None:
    thoughts = {"content_type": "thoughts", "thoughts": [{"content": "Hm."}]}
    said = chain(spoken("user", "A?"), spoken("assistant", "", content=thoughts), spoken("assistant", "B"))
    said["mapping"]["other"] = {"parent": "n1", "message": spoken("assistant", "C")}
    said["mapping"]["n0"]["parent"] = "n1"  # round in a circle, which is none of a visible message
    refused(give(alice_client, json.dumps([said]).encode()), 400, "unreadable_archive")
    said["mapping"]["n0"]["parent"] = None
    assert [one["reasoning"] for one in told(alice_client, json.dumps([said]).encode())] == ["", "Hm."]


def test_of_claude_come_calls_of_tools_and_what_was_made_by_them(alice_client: APIClient) -> None:
    artifact = {"type": "tool_use", "id": "t1", "name": "artifacts", "input": {"content": "# Birds"}}
    content = [
        {"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Here:"}, artifact,
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "OK"}]},
        {"type": "thinking", "thinking": "And?"},
        {"type": "tool_use", "id": None, "name": "web_search", "input": {"query": "wren"}},
        {"type": "tool_result", "tool_use_id": None, "is_error": True,
         "content": [{"type": "knowledge", "title": "Wrens", "url": "https://w.example", "text": "They sing."}]},
        {"type": "token_budget"}, {"type": "text", "text": "A wren.", "citations": []},
    ]  # fmt: skip
    said = {"uuid": "c", "name": "Birds", "is_starred": True, "chat_messages": [
        {"uuid": "a", "sender": "human", "text": "A bird?", "parent_message_uuid": CLAUDE_ROOT},
        {"uuid": "b", "sender": "assistant", "text": "not supported", "content": content, "parent_message_uuid": "a"},
        {"uuid": "d", "sender": "human", "text": "Thanks", "parent_message_uuid": "b"},
        {"uuid": "e", "sender": "assistant", "text": "not shown", "content": [artifact], "parent_message_uuid": "d"},
    ]}  # fmt: skip
    messages = told(alice_client, json.dumps([said]).encode())
    assert [(one["role"], one["content"] or one["tool_name"], one["reasoning"]) for one in messages] == [
        ("user", "A bird?", ""),
        ("assistant", "Here:", "Hm."),
        ("tool_call", "artifacts", ""),
        ("tool_call", "web_search", ""),
        ("assistant", "A wren.", "And?"),
        ("user", "Thanks", ""),
        ("tool_call", "artifacts", ""),
    ]
    calls = [one for one in messages if one["role"] == "tool_call"]
    assert json.loads(calls[0]["tool_arguments"]) == {"content": "# Birds"}
    assert [(one["tool_result"], one["tool_success"]) for one in calls] == [
        ("OK", True), ("Wrens\nhttps://w.example\nThey sing.", False), ("", None),
    ]  # fmt: skip


def test_of_librechat_come_calls_of_tools_and_errors(alice_client: APIClient) -> None:
    call = {"id": "t", "name": "search", "args": '{"q": 1}', "output": "Found."}
    content = [
        {"type": "think", "think": "Hm."}, {"type": "text", "text": "I look."},
        {"type": "tool_call", "tool_call": call}, {"type": "text", "text": {"value": "A flint."}},
    ]  # fmt: skip
    said = LIBRECHAT | {"messages": [
        {"messageId": "x", "parentMessageId": ROOT, "isCreatedByUser": True, "text": "Which stone?"},
        {"messageId": "y", "parentMessageId": "x", "isCreatedByUser": False, "content": content},
        {"messageId": "z", "parentMessageId": "y", "isCreatedByUser": False, "error": True,
         "content": [{"type": "error", "error": "Too long."}]},
    ]}  # fmt: skip
    messages = told(alice_client, json.dumps(said).encode())
    assert [one["content"] or one["tool_result"] for one in messages] == [
        "Which stone?", "I look.", "Found.", "A flint.", "Too long.",
    ]  # fmt: skip
    assert (messages[1]["reasoning"], messages[2]["tool_arguments"], messages[4]["status"]) == (
        "Hm.", '{"q": 1}', "failed",
    )  # fmt: skip


def test_of_open_webui_come_thoughts_and_calls_out_of_the_words(alice_client: APIClient) -> None:
    content = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
        "&gt; 1 &lt; 2?\n&gt; Yes.\n</details>\n"
        '<details type="tool_calls" done="true" id="t" name="clock" arguments="&quot;{}&quot;" '
        'result="&quot;noon&quot;" files="">\n<summary>Tool Executed</summary>\n</details>\n'
        'A pike.\n<details type="own">kept</details>'
    )
    history = {"currentId": "2", "messages": {
        "1": {"parentId": None, "role": "user", "content": 'Which <details type="reasoning">fish</details>?'},
        "2": {"parentId": "1", "role": "assistant", "content": content},
    }}  # fmt: skip
    messages = told(alice_client, json.dumps([{"id": "w", "chat": {"title": "Fish", "history": history}}]).encode())
    assert [(one["role"], one["content"]) for one in messages] == [
        ("user", 'Which <details type="reasoning">fish</details>?'),
        ("tool_call", ""),
        ("assistant", 'A pike.\n<details type="own">kept</details>'),
    ]
    call, answer = messages[1:]
    assert (call["tool_name"], call["tool_arguments"], call["tool_result"]) == ("clock", '"{}"', '"noon"')
    assert answer["reasoning"] == "1 < 2?\nYes."


WITHOUT_END = ['<details type="reasoning">', '<details type="', "\ue200cite", "</details>"]
OF_ONE_WORD = f'<details type="own" {"a" * 300_000}></details>'


@pytest.mark.slow(reason="megabytes of marks")
@pytest.mark.parametrize("text", [*(mark * 100_000 for mark in WITHOUT_END), OF_ONE_WORD], ids=[*WITHOUT_END, "a word"])
def test_marks_without_an_end_cost_no_more_than_their_length(alice_client: APIClient, text: str) -> None:
    history = {"messages": {"1": {"role": "assistant", "content": text}}}
    began = time.process_time()
    (message,) = told(alice_client, json.dumps([{"id": "w", "chat": {"title": "Fish", "history": history}}]).encode())
    alice_client.delete(f"/api/sessions/{message['session_id']}?permanent=true")
    taken(alice_client, json.dumps([chain(spoken("user", "A?"), spoken("assistant", text))]).encode())
    of_call = text.replace('"own"', '"tool_calls"')
    taken(alice_client, json.dumps(OPEN_WEBUI).replace("A pike.", json.dumps(of_call)[1:-1]).encode())
    assert time.process_time() - began < 20
    assert message["content"] == text


def of_one(**changes: Any) -> bytes:
    return json.dumps([CHATGPT[0] | changes]).encode()


def own(*lines: dict[str, Any] | str) -> bytes:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return zipped({
        "manifest.json": json.dumps({"format": "chatjuicer-archive", "version": 1}),
        "conversations.jsonl": "\n".join(texts),
    })  # fmt: skip


SESSION = {"kind": "session", "origin": "x", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
MESSAGE = {"kind": "message", "id": 1, "role": "user", "content": "a", "created_at": "2026-01-01T00:00:00Z"}
FILE = {"kind": "file", "id": "f", "folder": "sources", "name": "a", "modified_at": "2026-01-01T00:00:00Z"}


def deep(levels: int) -> Any:
    return json.loads('{"a":' * levels + "1" + "}" * levels)


circle = {str(n): {"parent": str((n + 1) % 3), "message": None} for n in range(3)}

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no archive": b"hello",
    "a cut zip": zipped({"conversations.json": json.dumps(CHATGPT)})[:-40],
    "an empty zip": zipped({}),
    "nothing that is known": zipped({"a.json": "[1, 2]", "b.txt": "x"}),
    "a cut text": json.dumps(CHATGPT).encode()[:-5],
    "two texts": json.dumps(CHATGPT).encode() * 2,
    "a deep text": b"[" * 100_000,
    "a deep conversation": b'[{"mapping":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}]",
    "no numbers": b'[{"mapping": {}, "create_time": NaN}]',
    "wrong types": of_one(mapping=[1]),
    "a wrong message": of_one(mapping={"a": {"message": {"author": "x", "content": {"parts": 5}}}}),
    "a circle": of_one(mapping=circle),
    "upwards": zipped({"../conversations.json": json.dumps(CHATGPT)}),
    "absolute": zipped({"/etc/passwd": "x", "conversations.json": json.dumps(CHATGPT)}),
    "a drive": zipped({"C:\\x": "x", "conversations.json": json.dumps(CHATGPT)}),
    "a newer version": zipped(
        {"manifest.json": '{"format":"chatjuicer-archive","version":9}', "conversations.jsonl": ""}
    ),
    "a line that is none": own(SESSION, "{"),
    "a message of no session": own(MESSAGE),
    "an unknown role": own(SESSION, MESSAGE | {"role": "king"}),
    "messages in disorder": own(SESSION, MESSAGE, MESSAGE),
    "a parent that comes later": own(SESSION, MESSAGE | {"parent": 7}),
    "a number that is none": own(SESSION, MESSAGE | {"token_count": 10**30}),
    "a time without a zone": own(SESSION | {"created_at": "2026-01-01T00:00:00"}, MESSAGE),
    "too many files": own(SESSION, *[FILE] * 10_001),
    "a context that is no object": own(SESSION, {"kind": "context", "item": "[1]"}),
    "a place of the deleted": own(SESSION | {"namespace": "\x7fx"}, MESSAGE),
    "a name in a place of the deleted": own(SESSION | {"namespace": "\x7fx", "session_id": "hers"}, MESSAGE),
    "a place that has no name": own(SESSION | {"namespace": "\x00"}, MESSAGE),
    "metadata with a huge number": own(SESSION | {"metadata": {"a": 10**400}}, MESSAGE),
    "deep metadata": own(SESSION, MESSAGE | {"metadata": deep(300)}),
    "a deep context": own(SESSION, {"kind": "context", "item": json.dumps(deep(300))}),
    "a context with a huge number": own(SESSION, {"kind": "context", "item": json.dumps({"n": 10**400})}),
    "a time that is of no year here": own(SESSION | {"created_at": "1970-01-01T00:00:00+14:00"}, MESSAGE),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused_and_changes_nothing(alice: User, alice_client: APIClient, data: bytes) -> None:
    refused(give(alice_client, data), 400, "unreadable_archive")
    assert not alice.chat_sessions.exists()
    assert not File.objects.exists()


def test_what_no_database_takes_costs_no_session(alice: User, alice_client: APIClient) -> None:
    """NUL and lone surrogates become U+FFFD, and a time stays the same moment, wherever it was."""
    nul, lone = "a\x00b\\u0000", '{"role": "user", "content": "\\ud800"}'
    head: dict[str, Any] = SESSION | dict.fromkeys(("origin", "title", "model", "agent_name", "frontend", "draft"), nul)
    head |= {
        "mcp_config": [nul],
        "disabled_tools": [nul],
        "metadata": {nul: nul},
        "created_at": "2026-01-01T23:59:00+23:59",
    }
    texts: dict[str, Any] = dict.fromkeys(
        ("content", "reasoning", "model", "agent_name", "tool_name", "tool_call_id"), nul
    )
    message = MESSAGE | texts | {"metadata": {nul: nul}, "error": {"code": nul, "message": nul}}
    agent: dict[str, Any] = {
        "kind": "agent",
        "name": "a",
        "created_at": head["updated_at"],
        "updated_at": head["updated_at"],
    }
    agent |= {"letter": "\x00", "description": nul, "instructions": nul, "model": nul, "tools": [nul]}
    archive = own(agent, head, message, {"kind": "context", "item": lone})
    assert taken(alice_client, archive) == {"imported": 1, "skipped": 0, "failed": []}
    assert taken(alice_client, archive) == {"imported": 0, "skipped": 1, "failed": []}
    (row,) = alice_client.get("/api/sessions").json()["sessions"]
    kept = nul.replace("\x00", "\ufffd")
    assert (row["title"], row["model"], row["metadata"]) == (kept, kept, {kept: kept})
    assert row["created_at"] == "2026-01-01T00:00:00.000000Z"
    (said,) = alice_client.get(f"/api/sessions/{row['id']}").json()["messages"]
    assert (said["reasoning"], said["error"]["code"], said["metadata"]) == (kept, kept, {kept: kept})
    (item,) = alice_client.get(f"/api/sessions/{row['id']}/context").json()["items"]
    assert item["item"]["content"] == "\ufffd"
    assert alice.agents.get().tools == [kept]


def test_an_mcp_server_nobody_may_name_costs_itself_alone(alice: User, alice_client: APIClient) -> None:
    urls = ["https://[x", "https://user@example.org/mcp", "http://example.org/mcp", "https://example.org/mcp"]
    servers = [
        {"kind": "mcp_server", "name": f"s{number}", "url": url, "created_at": "2026-01-01T00:00:00Z"}
        for number, url in enumerate(urls)
    ]
    report = taken(alice_client, own(*servers, SESSION))
    assert ([failed["name"] for failed in report["failed"]], report["imported"]) == (["s0", "s1", "s2"], 1)
    assert list(alice.mcp_servers.values_list("name", flat=True)) == ["s3"]


@pytest.mark.slow(reason="hundreds of projects")
@pytest.mark.django_db(transaction=True)
def test_many_projects_are_not_read_again_for_each_session(
    alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    from_db = Project.from_db

    def counted(*row: Any) -> Project:
        read.append(project := from_db(*row))
        return project

    monkeypatch.setattr(Project, "from_db", counted)
    Project.objects.bulk_create(Project(owner=alice, name=f"hers {n}") for n in range(50))
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    projects = [{"kind": "project", "id": str(n), "name": f"new {n}", **times} for n in range(50)]
    sessions = [SESSION | {"origin": f"of {n}", "project": str(n % 50)} for n in range(100)]
    assert taken(alice_client, own(*projects, *sessions))["imported"] == 100
    assert alice.projects.count() == 100
    assert {project.sessions.count() for project in alice.projects.filter(pk__in=[p.pk for p in read])} <= {0, 2}
    assert len(read) <= 250


def test_archives_leave_threads_to_everybody_else(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    with places.one(mallory.pk), places.one(mallory.pk):
        busy = give(mallory_client, json.dumps(CLAUDE).encode())
        refused(busy, 429, "throttled")
        assert int(busy.headers["Retry-After"]) > 0
        assert taken(alice_client, json.dumps(CLAUDE).encode())["imported"] == 1
        with places.one(alice.pk):
            refused(give(alice_client, json.dumps(CLAUDE).encode()), 429, "throttled")
    assert taken(mallory_client, json.dumps(CLAUDE).encode())["imported"] == 1
    assert not places._taken, "who imports nothing leaves nothing in memory"


def test_a_bomb_is_refused_before_it_is_unpacked(alice_client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({"conversations.json": b"[" + b" " * (reading.SMALL_BYTES + 1)})
    refused(give(alice_client, bomb), 400, "unreadable_archive")
    # One that says that it is small.
    at = bomb.rindex(b"PK\x01\x02") + 24
    liar = bomb[:at] + struct.pack("<I", 10) + bomb[at + 4 :]
    refused(give(alice_client, liar), 400, "unreadable_archive")
    monkeypatch.setattr(taking_in, "MAX_LINES", 10)
    refused(give(alice_client, own(SESSION, *[{"kind": "context", "item": "{}"}] * 10)), 400, "unreadable_archive")
    monkeypatch.setattr(taking_in, "MAX_SESSIONS", 1)
    refused(give(alice_client, own(SESSION, SESSION | {"origin": "y"})), 400, "unreadable_archive")
    monkeypatch.setattr(reading, "MAX_DIRECTORY_BYTES", 1000)
    refused(give(alice_client, zipped({f"{n}.json": "[]" for n in range(100)})), 400, "unreadable_archive")


@pytest.mark.slow(reason="long conversations")
@pytest.mark.only("sqlite", reason="what is refused reaches no database")
def test_a_conversation_costs_what_is_in_it_and_not_its_square(alice_client: APIClient) -> None:
    """Silent nodes that all the spoken ones hang from, and pictures that none of many entries is."""
    count = 30_000
    silent = {f"s{n}": {"parent": f"s{n - 1}", "message": None} for n in range(count)}
    about = {"author": {"role": "user"}, "create_time": 1700000001}
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://nowhere"}
    content: dict[str, Any] = {"content_type": "multimodal_text", "parts": ["a", pointer]}
    message = about | {"content": content}
    spoken = {f"m{n}": {"parent": f"s{count - 1}", "message": message} for n in range(count)}
    deep = json.dumps([{"mapping": silent | spoken}])
    began = time.process_time()
    names = {f"{n}.png": b"" for n in range(count)}
    answer = give(alice_client, zipped({"conversations.json": deep, "last.json": "{", **names}))
    refused(answer, 400, "unreadable_archive")
    assert time.process_time() - began < 30


@pytest.mark.only("postgres", reason="it keeps foreign keys for the commit, whose time is limited as any statement's")
def test_the_keys_of_a_long_conversation_are_checked_as_it_comes(alice_client: APIClient) -> None:
    mapping: dict[str, Any] = {
        f"m{n}": {
            "parent": f"m{n - 1}" if n else None,
            "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [f"word {n}"]}},
        }
        for n in range(5 * ROWS)
    }
    with CaptureQueriesContext(connection) as queries:
        report = taken(alice_client, json.dumps([{"title": "Long", "mapping": mapping}]).encode())
    assert (report["imported"], ChatSession.objects.get().message_count) == (1, 5 * ROWS)
    asked = [query["sql"] for query in queries]
    checks = [number for number, sql in enumerate(asked) if sql.startswith("SET CONSTRAINTS ALL IMMEDIATE")]
    most = max(
        sum(sql.startswith(("INSERT", "WITH")) for sql in asked[since:upto])
        for since, upto in zip([0, *checks], [*checks, len(asked)], strict=True)
    )
    assert len(checks) >= 10  # of messages and of context
    assert most < 20


def test_one_conversation_that_is_wrong_costs_no_other(alice: User, alice_client: APIClient) -> None:
    wrong = {"title": "Bad", "mapping": {"a": {"message": {"author": 5}}}}
    report = taken(alice_client, json.dumps([wrong, *CHATGPT, wrong]).encode())
    assert (report["imported"], [failure["name"] for failure in report["failed"]]) == (1, ["Bad", "Bad"])
    assert alice.chat_sessions.count() == 1


def test_the_scanner_finds_the_same_wherever_the_text_is_cut() -> None:
    said = [{"a": 'x"}\\', "b": [{"c": '\\"'}, "[{"]}, {"d": "ü\\u00e9"}]
    text = json.dumps(said, ensure_ascii=False).encode()
    for size in (1, 2, 3, 7, len(text)):
        cut = (text[at : at + size] for at in range(0, len(text), size))
        assert list(reading.elements(cut)) == said


def test_a_tree_keeps_its_branches_wherever_it_goes(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    session, _ = ChatSession.objects.open(alice, public_id="tree")
    first, answer = (session.post(role, content) for role, content in (("user", "One"), ("assistant", "I")))
    answer.rate("up", "Roman")
    session.pin(first, True)
    hidden = add_version(session, MessageDraft(role="user", content="Two"), None)
    add_version(session, MessageDraft(role="assistant", content="II"), hidden.pk)
    add_version(session, MessageDraft(role="assistant", content="1"), first.pk)
    session.refresh_from_db()
    archive = export(alice_client)
    assert taken(mallory_client, archive)["imported"] == 1
    assert content(export(mallory_client)) == content(archive)
    base = "/api/sessions/tree"
    shown = mallory_client.get(base).json()["messages"]
    assert [(message["content"], message["sibling_count"]) for message in shown] == [("One", 2), ("I", 2)]
    assert shown[1]["feedback"] == {"rating": "up", "text": "Roman"}
    assert [message["pinned"] for message in shown] == [True, False]
    words, other = mallory_client.get(f"{base}/messages/{shown[0]['id']}/siblings").json()["siblings"]
    assert (words["selected"], other["content"]) == (True, "Two")
    taken_in = mallory.chat_sessions.get()
    show(taken_in, taken_in.messages.get(content="II").pk, items_of)
    assert [m["content"] for m in mallory_client.get(base).json()["messages"]] == ["Two", "II"]
    given = taken_in.context_items.filter(visible=True).order_by("position")
    assert [item.value["content"] for item in given] == ["Two", "II"]
    assert content(export(mallory_client))["lines"][1]["visible"] is False


def test_no_more_stays_pinned_than_people_can_pin(
    alice: User, mallory: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    session, _ = ChatSession.objects.open(alice, public_id="pins")
    calls = [MessageDraft(role="tool_call", tool_call_id=key, tool_name="clock", pinned=True) for key in ("a", "b")]
    said = [MessageDraft(role="user", content=f"{n}", pinned=True) for n in range(MAX_PINNED + 3)]
    session.add_messages([calls[0], *said, calls[1]])
    assert taken(mallory_client, export(alice_client))["imported"] == 1
    pinned = mallory.chat_sessions.get().messages.filter(pinned=True).order_by("position")
    assert [message.content for message in pinned] == [f"{n}" for n in range(3, MAX_PINNED + 3)]


def test_another_products_tree_keeps_its_branches(alice_client: APIClient) -> None:
    assert taken(alice_client, json.dumps(OPEN_WEBUI).encode())["imported"] == 1
    (row,) = alice_client.get("/api/sessions").json()["sessions"]
    base = f"/api/sessions/{row['session_id']}"
    _, answer = alice_client.get(base).json()["messages"]
    versions = alice_client.get(f"{base}/messages/{answer['id']}/siblings").json()["siblings"]
    assert [(each["content"], each["selected"]) for each in versions] == [("A carp.", False), ("A pike.", True)]


def test_a_document_has_each_of_its_lists_also_where_nothing_is_in_it(alice: User, alice_client: APIClient) -> None:
    session, _ = ChatSession.objects.open(alice, public_id="bare")
    for lengths in ([0, 0, 0], [0, 1, 1]):
        made = json.loads(document(alice_client, "json", "bare"))
        assert [len(made[name]) for name in ("files", "messages", "context")] == lengths
        assert taken(alice_client, json.dumps(made).encode())["failed"] == []
        session.post("user", "Hello")


def on_disk(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.django_db(transaction=True)
def test_what_has_no_room_is_left_out_whole_and_comes_when_there_is(
    alice: User, mallory: User, client_of: Any, settings: Any, tmp_path: Path
) -> None:
    for number in range(6):
        session, _ = ChatSession.objects.open(alice, public_id=f"s{number}", title=f"Session {number}")
        session.post("user", f"{number}" * 100)
        for part in "ab":
            add_file(session, f"{part}.txt", f"{number}{part}".encode() * 500)
    helper = Agent.objects.keep(alice, name="helper", instructions="Help.")
    with Incoming(10**6, "k.txt") as incoming:
        incoming.write(b"k" * 3000)
        with bytes_of(helper, incoming) as (stored, facts):
            File.objects.put(helper, "agent", "k.txt", stored, facts)
    archive = export(client_of(alice))
    before = on_disk(tmp_path / "files")
    of_alice = StorageUsage.objects.taken(alice.pk)
    client = client_of(mallory)

    def is_whole(sessions: int, agents: int) -> None:
        files = File.objects.of_owner(mallory.pk)
        assert mallory.chat_sessions.count() == sessions
        assert files.count() == 2 * sessions + agents
        taken_bytes = StorageUsage.objects.taken(mallory.pk)
        assert taken_bytes == (2000 * sessions + 3000 * agents, 100 * sessions)
        stored = StoredBytes.objects.filter(owner_id=mallory.pk)
        assert set(stored.values_list("key", flat=True)) == set(files.values_list("storage_key", flat=True))
        assert set(stored.values_list("state", flat=True)) <= {"kept"}
        assert len(on_disk(tmp_path / "files")) == len(before) + files.count()
        assert [found.strays for found in sweep(timedelta(0))][-1] == 0

    settings.USER_QUOTA_BYTES = 8_000  # the agent, and two sessions and a half
    report = taken(client, archive)
    assert report["imported"] == 2
    assert [failed["name"] for failed in report["failed"]] == [f"Session {number}" for number in range(2, 6)]
    assert {failed["reason"] for failed in report["failed"]} == {QuotaExceeded.message}
    is_whole(2, 1)
    assert taken(client, archive)["imported"] == 0
    is_whole(2, 1)
    settings.USER_QUOTA_BYTES = 10**6
    again = taken(client, archive)
    assert (again["imported"], again["skipped"], again["failed"]) == (4, 2, [])
    is_whole(6, 1)
    assert StorageUsage.objects.taken(mallory.pk) == of_alice


@pytest.mark.django_db(transaction=True)
def test_an_agent_whose_files_have_no_room_comes_with_them_later(
    alice: User, mallory: User, client_of: Any, settings: Any, tmp_path: Path
) -> None:
    helper = Agent.objects.keep(alice, name="helper", instructions="Help.")
    for name in ("a.txt", "b.txt"):
        with Incoming(10**6, name) as incoming:
            incoming.write(name.encode() * 200)
            with bytes_of(helper, incoming) as (stored, facts):
                File.objects.put(helper, "agent", name, stored, facts)
    archive = export(client_of(alice))
    before = on_disk(tmp_path / "files")
    settings.USER_QUOTA_BYTES = 1_500
    report = taken(client_of(mallory), archive)
    assert [failed["name"] for failed in report["failed"]] == ["helper"]
    assert not mallory.agents.exists()
    assert StorageUsage.objects.taken(mallory.pk) == (0, 0)
    assert on_disk(tmp_path / "files") == before
    settings.USER_QUOTA_BYTES = 10**6
    assert taken(client_of(mallory), archive)["failed"] == []
    assert File.objects.of_owner(mallory.pk).count() == 2


def test_a_key_gives_the_first_report_again_and_completes_what_was_cut_off(
    alice: User, alice_client: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [{"sender": "human", "text": "x"}]
    chats = [{"uuid": f"{number}", "name": f"Chat {number}", "chat_messages": said} for number in range(4)]
    data, key = json.dumps(chats).encode(), {"idempotency-key": "k"}
    assert give(alice_client, b"nothing", **key).status_code == 400  # no error is kept

    def killed(*args: Any) -> bool:
        if alice.chat_sessions.count() == 2:
            raise SystemExit
        return take_in(*args)

    with monkeypatch.context() as patched, suppress(SystemExit):
        patched.setattr(taking_in, "take_in", killed)
        give(alice_client, data, **key)
    assert alice.chat_sessions.count() == 2
    other = give(alice_client, data + b" ", **key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_mismatch")
    first = give(alice_client, data, **key)
    assert (first.status_code, first.json()) == (200, {"imported": 2, "skipped": 2, "failed": []})
    alice.chat_sessions.all()[0].remove()
    again = give(alice_client, data, **key)
    assert (again.status_code, again.json(), alice.chat_sessions.count()) == (200, first.json(), 3)
    assert give(alice_client, data, **{"idempotency-key": "other"}).json()["imported"] == 1
    assert give(alice_client, data, **{"idempotency-key": ""}).json()["error"]["code"] == "invalid_idempotency_key"


@pytest.mark.django_db(transaction=True)
def test_of_two_with_one_key_at_once_both_hear_the_same(alice: User, client_of: Any) -> None:
    said = [{"sender": "human", "text": "x"}]
    data = json.dumps([{"uuid": f"{n}", "name": f"Chat {n}", "chat_messages": said} for n in range(10)]).encode()
    begin = Barrier(2)

    def sent(client: APIClient) -> Any:
        begin.wait()
        try:
            return give(client, data, **{"idempotency-key": "k"}).json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(sent, [client_of(alice), client_of(alice)])
    assert one == other
    assert alice.chat_sessions.count() == 10


def test_the_report_counts_files_whose_bytes_are_not_in_the_archive(
    travels: ChatSession, alice_client: APIClient, mallory_client: APIClient
) -> None:
    answer: Any = alice_client.get("/api/sessions/travels/export")
    alone = b"".join(answer.streaming_content)
    left_out = [{"what": "files", "count": 2}]
    assert taken(mallory_client, alone) == {"imported": 1, "skipped": 0, "failed": [], "left_out": left_out}
    assert taken(mallory_client, alone) == {"imported": 0, "skipped": 1, "failed": []}
    lines: list[dict[str, Any]] = [
        SESSION,
        FILE,
        FILE | {"id": "g", "name": "b", "sha256": "0" * 64},
        MESSAGE | {"attachments": ["f"]},
    ]
    assert taken(mallory_client, own(*lines))["left_out"] == left_out


def test_of_many_that_fail_the_answer_says_how_many(
    alice_client: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_in, "MAX_SAID", 10)
    said = [{"sender": "human", "text": "x" * 100}]
    chats = [{"uuid": f"{number}", "name": f"Chat {number}", "chat_messages": said} for number in range(25)]
    settings.USER_QUOTA_BYTES = 1_000
    report = taken(alice_client, json.dumps(chats).encode())
    assert report["imported"] == 10
    assert (len(report["failed"]), report["failed_count"]) == (10, 15)
