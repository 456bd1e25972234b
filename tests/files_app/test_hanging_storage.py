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
COUNT = """
from files_app.models import File, StorageUsage, StoredBytes
print(File.objects.count(), sum(StorageUsage.objects.values_list("size_bytes", flat=True)),
      StoredBytes.objects.exclude(state="doomed").count())
"""


pytestmark = pytest.mark.slow(reason="the storage does not answer")


@pytest.fixture
def bucket() -> Iterator[SilentServer]:
    with SilentServer() as server:
        yield server


@pytest.fixture
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


def test_uploads_that_hang_hold_up_nobody_else(site: Site, bucket: SilentServer) -> None:
    with (
        httpx.Client(base_url=site.url, timeout=60, trust_env=False) as alice,
        ThreadPoolExecutor(UPLOADS) as uploads,
    ):
        tokens = alice.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()
        alice.headers["Authorization"] = f"Bearer {tokens['access_token']}"
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
        until(lambda: len(bucket.taken) >= UPLOADS, "all uploads hang")
        alive_s = []
        for _ in range(5):
            began = time.monotonic()
            assert alice.get("/api/health/live").status_code == 200
            alive_s.append(time.monotonic() - began)
        assert min(alive_s) < 0.1
        assert alice.get("/api/sessions").status_code == 200
        assert alice.get(f"/api/sessions/{session}").status_code == 200
        assert not any(upload.done() for upload in hanging), "they were to hang all the while"

        ended = [upload.result(60) for upload in hanging]
    assert {(status, code) for status, code, _ in ended} == {(503, "unavailable")}
    # Two tries, each with a second in which it could have said "continue", and a pause between.
    assert max(took_s for *_, took_s in ended) < 2 * (S3_TIMEOUT_S + 1) + 10
    assert site.manage("shell", "--no-imports", "-c", COUNT).split() == ["0", "0", "0"]
