"""Files that are given to an agent: whose they are, who finds what stands in them, and with what they go."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from rest_framework.test import APIClient

from chatjuicer.accounts.models import ApiKey, AuditEntry, User
from files_app.models import File, Passage, StorageUsage, StoredBytes
from files_app.names import clean_path
from files_app.sweep import kept_for_nothing
from files_app.workspace import Workspace
from sessions_app.models import Agent, ChatSession
from tests.conftest import refused
from tests.files_app.conftest import body_of, form_of
from tests.files_app.test_passages import STORY, housekeep, search

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    files = {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "files"}}
    settings.STORAGES = settings.STORAGES | {"files": files}


def give(client: APIClient, agent: Agent, name: str, data: str = STORY) -> Any:
    path = f"/api/agents/{agent.pk}/files/upload"
    return client.post(path, form_of(name, data.encode()), content_type="multipart/form-data; boundary=B")


@pytest.fixture
def guide(alice: User, alice_client: APIClient) -> Agent:
    """Alice's agent, with a file; her session `s` has chosen it, `plain` has not."""
    agent = Agent.objects.keep(alice, name="Guide")
    assert give(alice_client, agent, "trains/lisbon.txt").status_code == 201
    ChatSession.objects.open(alice, public_id="s", agent_name="Guide")
    ChatSession.objects.open(alice, public_id="plain")
    return agent


def charged(user: User) -> int:
    return sum(StorageUsage.objects.filter(owner=user).values_list("size_bytes", flat=True))


def kept_bytes() -> int:
    return StoredBytes.objects.filter(state=StoredBytes.State.KEPT).count()


@pytest.mark.django_db(transaction=True)
def test_they_are_listed_read_replaced_and_deleted_like_those_of_a_session(
    guide: Agent, alice: User, alice_client: APIClient
) -> None:
    files = f"/api/agents/{guide.pk}/files"
    [folder] = alice_client.get(files).json()["files"]
    assert (folder["path"], folder["file_count"]) == ("agent/trains", 1)
    [entry] = alice_client.get(files, {"folder": "agent/trains"}).json()["files"]
    assert (entry["name"], entry["path"]) == ("lisbon.txt", "agent/trains/lisbon.txt")
    again = give(alice_client, guide, "trains/lisbon.txt", "shorter").json()
    assert again["id"] == entry["id"] and charged(alice) == 7
    assert body_of(alice_client.get(f"{files}/trains/lisbon.txt/download")) == b"shorter"
    url = alice_client.get(f"{files}/trains/lisbon.txt/presign-download").json()["download_url"]
    assert body_of(alice_client.get(url)) == b"shorter"
    asked = {"filename": "more.txt", "size": 4}
    upload = alice_client.post(f"{files}/presign-upload", asked, format="json").json()
    put = alice_client.put(upload["upload_url"], b"more", content_type="application/octet-stream")
    assert put.status_code == 200
    made = alice_client.post(f"{files}/confirm", {"file_key": upload["file_key"]}, format="json")
    assert (made.status_code, made.json()["path"]) == (201, "agent/more.txt")
    assert charged(alice) == 11
    refused(alice_client.get(files, {"folder": "sources"}), 400, "invalid_name")
    refused(alice_client.get("/api/sessions/s/files", {"folder": "agent"}), 400, "invalid_name")
    for name in ("more.txt", "trains/lisbon.txt"):
        assert alice_client.delete(f"{files}/{name}").json() == {"success": True}
    refused(alice_client.delete(f"{files}/more.txt"), 404, "not_found")
    assert (charged(alice), kept_bytes(), File.objects.count()) == (0, 0, 0)


def test_they_are_found_in_the_sessions_that_choose_the_agent_and_in_no_other(
    guide: Agent, alice: User, alice_client: APIClient, mallory: User, mallory_client: APIClient
) -> None:
    assert housekeep() == "documents: 1"
    [found] = search(alice_client, "night train")
    assert (found["session_id"], found["agent_name"], found["path"], found["citation"]) == (
        None, "Guide", "agent/trains/lisbon.txt", "[trains/lisbon.txt]",
    )  # fmt: skip
    assert search(alice_client, "night train", "plain") == []
    for said in (found["name"], found["path"]):
        text = alice_client.get("/api/sessions/s/documents/text", {"file": said}).json()
        assert [passage["text"] for passage in text["passages"]] == [STORY.strip()]
    refused(alice_client.get("/api/sessions/plain/documents/text", {"file": found["name"]}), 404, "not_found")
    # Another one's agent of the same name is not hers.
    ChatSession.objects.open(mallory, public_id="s", agent_name="Guide")
    assert search(mallory_client, "night train") == []
    give(alice_client, guide, "trains/lisbon.txt", "gone")
    housekeep()
    assert search(alice_client, "night train") == [] and Passage.objects.count() == 1


def test_the_model_s_tools_see_them_below_agent_and_change_none(guide: Agent, alice: User) -> None:
    session = alice.chat_sessions.named("s")
    workspace = Workspace(session, guide)
    assert [entry.path for entry in workspace.list()] == ["sources", "output", "agent"]
    assert [entry.path for entry in workspace.list("agent/trains")] == ["agent/trains/lisbon.txt"]
    assert workspace.read_bytes("trains/lisbon.txt")[1] == workspace.read_bytes("agent/trains/lisbon.txt")[1]
    assert [entry.path for entry in workspace.search("*.txt")] == ["agent/trains/lisbon.txt"]
    with pytest.raises(Exception, match="not changed from a session"):
        workspace.write("agent/trains/lisbon.txt", b"mine")
    assert workspace.write("new.txt", b"mine").path == "output/new.txt"
    assert [entry.path for entry in Workspace(session).list()] == ["sources", "output"]
    assert clean_path("agent/x") == ("", "agent/x")


@pytest.mark.django_db(transaction=True)
def test_who_may_change_the_agent_changes_its_files(
    guide: Agent, alice: User, alice_client: APIClient, mallory_client: APIClient, client_of: Callable[..., APIClient]
) -> None:
    refused(mallory_client.get(f"/api/agents/{guide.pk}/files"), 404, "not_found")
    refused(give(mallory_client, guide, "a.txt"), 404, "not_found")
    root = User.objects.create_superuser("root@example.org", "correct horse battery staple")
    shared = Agent.objects.keep_for_all(name="Clerk")
    for client in (alice_client, mallory_client):
        refused(give(client, shared, "a.txt"), 403, "made_for_all")
    chatting = APIClient(raise_request_exception=False)
    chatting.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiKey.objects.issue(root, 'files', ['files', 'read'])[1]}")
    refused(give(chatting, shared, "a.txt"), 403, "insufficient_scope")
    assert give(client_of(root), shared, "rules.txt").status_code == 201
    assert charged(root) == 0  # it is nobody's
    assert LogEntry.objects.get().object_id == str(shared.pk)
    assert AuditEntry.objects.filter(action="setting_changed", object=f"agent:{shared.pk}").count() == 1
    # Everybody may read them, and finds what stands in them.
    [entry] = mallory_client.get(f"/api/agents/{shared.pk}/files").json()["files"]
    path = f"/api/agents/{shared.pk}/files/{entry['name']}"
    assert body_of(mallory_client.get(f"{path}/download")) == STORY.encode()
    assert body_of(mallory_client.get(mallory_client.get(f"{path}/presign-download").json()["download_url"]))
    mallory_client.post("/api/sessions", {"session_id": "hers", "agent_name": "Clerk"})
    housekeep()
    assert [found["agent_name"] for found in search(mallory_client, "lisbon", "hers")] == ["Clerk"]
    refused(mallory_client.delete(path), 403, "made_for_all")
    operator = Client()
    operator.force_login(root)
    assert "rules.txt" in operator.get(f"/admin/sessions_app/agent/{shared.pk}/change/").content.decode()
    assert "rules.txt" not in operator.get("/admin/files_app/file/").content.decode()
    gone = operator.post(f"/admin/sessions_app/agent/{shared.pk}/delete/", {"post": "yes"})
    assert gone.status_code == 302 and not Agent.objects.filter(pk=shared.pk).exists()
    assert File.objects.count() == Passage.objects.count() == 1  # Alice's


def test_they_go_with_their_agent_and_its_owner(guide: Agent, alice: User, alice_client: APIClient) -> None:
    housekeep()
    other = Agent.objects.keep(alice, name="Other")
    give(alice_client, other, "a.txt")
    assert alice_client.delete(f"/api/agents/{guide.pk}").status_code == 200
    assert (File.objects.count(), Passage.objects.count(), kept_bytes()) == (1, 0, 1)
    assert charged(alice) == len(STORY.encode())
    refused(give(alice_client, guide, "late.txt"), 404, "not_found")
    alice.remove()
    assert (File.objects.count(), kept_bytes(), kept_for_nothing().count()) == (0, 0, 0)


def test_the_quota_counts_them(guide: Agent, alice: User, alice_client: APIClient, settings: Any) -> None:
    settings.USER_QUOTA_BYTES = charged(alice) + 10
    assert give(alice_client, guide, "b.txt", "x" * 10).status_code == 201
    assert alice_client.get("/api/usage").json()["storage"]["file_bytes"] == charged(alice) > 10
    refused(give(alice_client, guide, "c.txt", "x"), 413, "quota_exceeded")


@pytest.mark.django_db(transaction=True)
def test_they_move_with_the_account(
    guide: Agent, alice_client: APIClient, mallory: User, mallory_client: APIClient
) -> None:
    def archive_of(client: APIClient) -> bytes:
        answer: Any = client.get("/api/export")
        return b"".join(answer.streaming_content)

    def imported(data: bytes) -> Any:
        body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%s\r\n--B--\r\n' % data
        return mallory_client.post("/api/import", body, content_type="multipart/form-data; boundary=B").json()

    data = archive_of(alice_client)
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        assert json.loads(zipped.read("manifest.json"))["version"] == 3
    assert imported(data)["failed"] == imported(data)["failed"] == []
    [file] = File.objects.filter(agent__owner=mallory)
    assert (file.path, file.holder, file.size_bytes) == ("agent/trains/lisbon.txt", mallory.agents.get(), len(STORY))
    assert charged(mallory) == len(STORY)
    housekeep()
    assert [found["agent_name"] for found in search(mallory_client, "lisbon")] == ["Guide"]
    # What does not fit leaves nothing behind.
    mallory.agents.get().delete()
    StorageUsage.objects.filter(owner=mallory).update(size_bytes=10**18)
    assert [failed["name"] for failed in imported(data)["failed"]] == ["Guide"]
    assert not mallory.agents.exists() and kept_for_nothing().count() == 0
