"""An S3 server that takes connections and says nothing."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.services import until
from tests.harness.silence import SilentServer
from tests.settings import PROFILE

S3_TIMEOUT_S = 3
UPLOADS = 6
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
# What a server would make of an upload, were there a storage that answers.
MAKE_FILES = """
from files_app.incoming import Facts
from files_app.models import File, StoredBytes
from sessions_app.models import ChatSession
for session in ChatSession.objects.filter(title="with a file"):
    stored = StoredBytes.objects.begin(session, 5)
    File.objects.put(session, "sources", "a.txt", stored, Facts(5, "0" * 64, "text/plain"))
"""
COUNT = """
from files_app.models import File, StorageUsage, StoredBytes
print(File.objects.count(), sum(StorageUsage.objects.values_list("size_bytes", flat=True)),
      StoredBytes.objects.exclude(state="doomed").count())
"""


pytestmark = pytest.mark.slow(reason="the storage does not answer")


@pytest.fixture(scope="module")
def bucket() -> Iterator[SilentServer]:
    with SilentServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(bucket: SilentServer) -> Iterator[Site]:
    environment = {
        "FILE_STORAGE": "s3",
        "S3_BUCKET": "files",
        "S3_ENDPOINT": bucket.url,
        "S3_TIMEOUT_S": str(S3_TIMEOUT_S),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }
    with Site(PROFILE, processes=1, **environment) as site:
        yield site


@pytest.fixture(scope="module")
def alice(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=60, trust_env=False) as client:
        tokens = client.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client


def test_uploads_that_hang_hold_up_nobody_else(site: Site, bucket: SilentServer, alice: httpx.Client) -> None:
    taken = len(bucket.taken)
    with ThreadPoolExecutor(UPLOADS) as uploads:
        session = alice.post("/api/sessions", json={"mcp_config": []}).json()["session_id"]
        gate = threading.Barrier(UPLOADS)

        def upload(number: int) -> tuple[int, str, float]:
            gate.wait(10)
            began = time.monotonic()
            answer = alice.post(
                f"/api/sessions/{session}/files/upload", files={"file": (f"notes-{number}.txt", b"some notes")}
            )
            return answer.status_code, answer.json()["error"]["code"], time.monotonic() - began

        hanging = [uploads.submit(upload, number) for number in range(UPLOADS)]
        until(lambda: len(bucket.taken) >= taken + UPLOADS, "all uploads hang")
        alive_s = []
        for _ in range(5):
            began = time.monotonic()
            assert alice.get("/api/health/live").status_code == 200
            alive_s.append(time.monotonic() - began)
        assert min(alive_s) < 0.5
        assert alice.get("/api/sessions").status_code == 200
        assert alice.get(f"/api/sessions/{session}").status_code == 200
        assert not any(upload.done() for upload in hanging), "they were to hang all the while"

        ended = [upload.result(60) for upload in hanging]
    assert {(status, code) for status, code, _ in ended} == {(503, "unavailable")}
    # Two tries, each with a second in which it could have said "continue", and a pause between.
    assert max(took_s for *_, took_s in ended) < 2 * (S3_TIMEOUT_S + 1) + 30
    assert site.manage("shell", "--no-imports", "-c", COUNT).split() == ["0", "0", "0"]


def test_messages_with_images_that_hang_hold_up_nobody_else(
    site: Site, bucket: SilentServer, alice: httpx.Client
) -> None:
    taken = len(bucket.taken)
    session = alice.post("/api/v1/sessions", json={"title": "Pictures"}).json()["id"]
    path, body = f"/api/v1/sessions/{session}/messages", {"role": "user", "content": "See", "images": [PIXEL]}
    with ThreadPoolExecutor(UPLOADS) as senders:
        hanging = [senders.submit(alice.post, path, json=body) for _ in range(UPLOADS)]
        until(lambda: len(bucket.taken) >= taken + UPLOADS, "all images hang")
        assert alice.get("/api/sessions").status_code == 200
        assert alice.post("/api/sessions", json={}).status_code == 201
        assert not any(sent.done() for sent in hanging), "they were to hang all the while"
        refused = [sent.result(60) for sent in hanging]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in refused} == {(503, "unavailable")}
    assert alice.get(path).json() == []
    assert site.manage("shell", "--no-imports", "-c", COUNT).split() == ["0", "0", "0"]


def test_sessions_are_deleted_at_once_and_their_bytes_when_the_storage_likes(
    site: Site, bucket: SilentServer, alice: httpx.Client
) -> None:
    taken = len(bucket.taken)
    made = [alice.post("/api/sessions", json={"title": "with a file"}).json()["session_id"] for _ in range(UPLOADS)]
    site.manage("shell", "--no-imports", "-c", MAKE_FILES)
    began = time.monotonic()
    for session in made:
        assert alice.delete(f"/api/sessions/{session}?permanent=true").json()["success"] is True
    took_s = time.monotonic() - began
    until(lambda: len(bucket.taken) > taken, "the storage is asked to delete")
    assert took_s < UPLOADS * S3_TIMEOUT_S / 2
    assert site.manage("shell", "--no-imports", "-c", COUNT).split() == ["0", "0", "0"]
