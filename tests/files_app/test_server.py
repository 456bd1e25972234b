"""Uploads and downloads through a real server process: its memory, its disk, and what it leaves when it is killed."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.harness.bucket import Bucket
from tests.harness.server import EMAIL, PASSWORD, Server, Site
from tests.harness.services import until
from tests.harness.sites import Sites

pytestmark = pytest.mark.slow(reason="files of hundreds of megabytes")

MB = 1024 * 1024
LARGE_BYTES = int(os.environ.get("LARGE_UPLOAD_MB", "150")) * MB
GROWTH_LIMIT_BYTES = 32 * MB


@pytest.fixture(scope="module", params=["local", "s3"])  # encrypted on the disk, plain in the bucket
def site(request: pytest.FixtureRequest, sites: Sites, s3_endpoint: str) -> Iterator[Site]:
    keys = {"MESSAGE_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    environment = Bucket(s3_endpoint).environment if request.param == "s3" else keys
    environment |= {"MAX_FILE_SIZE": str(4096 * MB), "SUPERVISE_RUNS": "false"}
    with sites.own(environment, processes=1, demo=True) as site:
        yield site


@pytest.fixture
def alice(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=600, trust_env=False) as client:
        tokens = client.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client


@pytest.fixture
def files(alice: httpx.Client) -> str:
    """Of a session of its own."""
    return f"/api/sessions/{alice.post('/api/sessions', json={}).json()['session_id']}/files"


class Pattern:
    """That many bytes of a known content, never all in memory."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    def __iter__(self) -> Iterator[bytes]:
        block = bytes(range(256)) * (MB // 256)
        for _ in range(self.size_bytes // MB):
            yield block

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for block in self:
            digest.update(block)
        return digest.hexdigest()


class Peak:
    """The highest resident size of a process within the block, above what it was before."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.growth_bytes = 0

    def __enter__(self) -> "Peak":
        # Writing 5 there sets the kernel's own high-water mark back.
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")
        self.before_bytes = self.server.rss_bytes()
        return self

    def __exit__(self, *_: object) -> None:
        for line in Path(f"/proc/{self.server.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.growth_bytes = int(line.split()[1]) * 1024 - self.before_bytes


def form(size_bytes: int) -> tuple[bytes, bytes, dict[str, str]]:
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
    tail = b"\r\n--B--\r\n"
    headers = {
        "Content-Type": "multipart/form-data; boundary=B",
        "Content-Length": str(len(head) + size_bytes + len(tail)),
    }
    return head, tail, headers


def upload(client: httpx.Client, files: str, data: Any, size_bytes: int) -> httpx.Response:
    head, tail, headers = form(size_bytes)

    def body() -> Iterator[bytes]:
        yield head
        yield from data
        yield tail

    return client.post(f"{files}/upload", content=body(), headers=headers)


def test_a_large_file_goes_through_in_a_small_memory(site: Site, alice: httpx.Client, files: str) -> None:
    for _ in range(2):  # what is loaded at the first use is no growth
        assert upload(alice, files, [b"x" * MB] * 20, 20 * MB).status_code == 201
    data = Pattern(LARGE_BYTES)
    with Peak(site.servers[0]) as peak:
        answer = upload(alice, files, data, LARGE_BYTES)
    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == LARGE_BYTES
    print(f"an upload of {LARGE_BYTES / MB:.0f} MB: {peak.growth_bytes / MB:.1f} MB more")
    assert peak.growth_bytes < GROWTH_LIMIT_BYTES

    digest = hashlib.sha256()
    with Peak(site.servers[0]) as peak, alice.stream("GET", f"{files}/big.bin/download") as download:
        for chunk in download.iter_bytes():
            digest.update(chunk)
    print(f"its download: {peak.growth_bytes / MB:.1f} MB more")
    assert digest.hexdigest() == data.sha256()
    assert peak.growth_bytes < GROWTH_LIMIT_BYTES
    part = alice.get(f"{files}/big.bin/download", headers={"Range": f"bytes={LARGE_BYTES - 3}-"})
    assert part.status_code == 206
    assert part.content == bytes([253, 254, 255])


def test_the_way_over_presigned_addresses(site: Site, alice: httpx.Client, files: str) -> None:
    data = Pattern(20 * MB)
    announced = {"filename": "big.bin", "size": data.size_bytes}
    presigned = alice.post(f"{files}/presign-upload", json=announced).json()
    with httpx.Client(timeout=60, trust_env=False) as anybody:
        sent = anybody.put(
            presigned["upload_url"], content=iter(data), headers={"Content-Length": str(data.size_bytes)}
        )
        assert sent.status_code == 200, sent.text
        confirmed = alice.post(f"{files}/confirm", json={"file_key": presigned["file_key"]})
        assert confirmed.status_code == 201, confirmed.text
        url = alice.get(f"{files}/big.bin/presign-download").json()["download_url"]
        got = anybody.get(url)
    assert hashlib.sha256(got.content).hexdigest() == data.sha256()
    assert got.headers["content-disposition"].startswith("attachment")


def test_a_body_of_unknown_length_is_taken(site: Site, alice: httpx.Client, files: str) -> None:
    head, tail, headers = form(5)
    del headers["Content-Length"]
    answer = alice.post(f"{files}/upload", content=iter([head, b"hello", tail]), headers=headers)
    assert answer.json()["size"] == 5


def send_a_part(site: Site, alice: httpx.Client, files: str, part_bytes: int) -> None:
    """Of an upload that says it is 3 MB; then the line is cut."""
    head, _, headers = form(3 * MB)
    lines = [f"POST {files}/upload HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {alice.headers['Authorization']}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode() + head + b"x" * (3 * MB)
    with closing(socket.create_connection(("127.0.0.1", site.servers[0].port))) as line:
        line.sendall(request[:part_bytes])


@pytest.mark.parametrize("part_bytes", [50, 600, 64 * 1024, 2 * MB, 3 * MB])
def test_an_upload_cut_at_any_byte_leaves_no_row_and_no_bytes(
    site: Site, alice: httpx.Client, files: str, part_bytes: int
) -> None:
    before = stored(site)
    send_a_part(site, alice, files, part_bytes)
    assert alice.get(files).json()["count"] == 0
    assert stored(site) == before


def stored(site: Site) -> set[str]:
    """What lies on the server's disk; the bucket's content is behind the sweep below."""
    directory = site.directory / "data" / "files"
    return {path.name for path in directory.rglob("*") if path.is_file()}


def test_a_server_killed_during_uploads_has_whole_files_and_strays_that_a_sweep_removes(
    site: Site, alice: httpx.Client, files: str
) -> None:
    answers: list[int] = []

    def keep_uploading(number: int) -> None:
        with httpx.Client(base_url=site.url, timeout=30, trust_env=False, headers=alice.headers) as client:
            for turn in range(100):
                body = {"file": (f"{number}-{turn}.bin", bytes([number]) * 3 * MB)}
                try:
                    answers.append(client.post(f"{files}/upload", files=body).status_code)
                except httpx.HTTPError:
                    return

    threads = [threading.Thread(target=keep_uploading, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: answers.count(201) >= 5, "some uploads are done")
    site.servers[0].kill()
    for thread in threads:
        thread.join()
    site.servers[0].restart()

    listed = alice.get(files).json()["files"]
    assert len(listed) >= answers.count(201)
    for entry in listed[:5]:
        got = alice.get(f"{files}/{entry['name']}/download")
        assert len(set(got.content)) == 1
        assert f'"{hashlib.sha256(got.content).hexdigest()}"' == got.headers["ETag"]
    assert "books balance" in site.manage("shell", "--no-imports", "-c", AFTER_AN_HOUR)
    assert alice.get(files).json()["count"] == len(listed)


AFTER_AN_HOUR = """
from django.core.management import call_command
from files_app.models import File, StoredBytes
from files_app.storage import file_storage

StoredBytes.objects.filter(state="writing").update(expires_at="2020-01-01T00:00:00Z")
call_command("sweep_files", "--older-than", "0")
rows = set(File.objects.values_list("storage_key", flat=True))
if rows == set(StoredBytes.objects.values_list("key", flat=True)) == {key for key, _ in file_storage().listing()}:
    print("books balance")
"""
