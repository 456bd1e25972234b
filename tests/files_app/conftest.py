"""Both storages: a directory, and a bucket of a server that speaks S3."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from files_app.models import File, StorageUsage, StoredBytes
from files_app.storage import FileStorage, file_storage
from sessions_app.models import ChatSession
from tests.harness.bucket import Bucket
from tests.harness.services import until

ONCE = pytest.mark.only("sqlite", reason="storage and database know nothing of each other")


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:
    return Bucket(s3_endpoint)


@pytest.fixture(params=[pytest.param("local", marks=ONCE), "s3"])
def storage(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> FileStorage:
    settings.DATA_DIR = tmp_path
    files: dict[str, Any] = {
        "BACKEND": "files_app.storage.LocalStorage",
        "OPTIONS": {"location": tmp_path / "files"},
    }
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        files = {"BACKEND": "files_app.s3.BucketStorage", "OPTIONS": bucket.options}
    settings.STORAGES = settings.STORAGES | {"files": files}
    return file_storage()


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="s")[0]


@pytest.fixture
def upload(alice_client: APIClient, session: ChatSession) -> Callable[..., Any]:
    """Alice's upload of `data` as `name`; answers the entry, or the response where another status is expected."""

    def send(name: str, data: bytes = b"hello\n", folder: str = "sources", status: int = 201, **headers: str) -> Any:
        answer = alice_client.post(
            f"/api/sessions/s/files/upload?folder={folder}",
            form_of(name, data),
            content_type="multipart/form-data; boundary=B",
            headers=headers or None,
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    return send


def form_of(name: str, data: bytes) -> bytes:
    """By hand: Django's test client would send the last part of the name only."""
    said = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{said}"\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + data + b"\r\n--B--\r\n"


def body_of(response: HttpResponseBase) -> bytes:
    if not response.streaming:
        return bytes(response.content)  # type: ignore[attr-defined]

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in response.streaming_content])  # type: ignore[attr-defined]

    try:
        return asyncio.run(collect())
    finally:
        response.close()


def assert_books_balance(storage: FileStorage) -> None:
    """Each file has its bytes, nothing else is stored, and the owner is charged for exactly that."""
    until(lambda: not StoredBytes.objects.filter(state="doomed").exists(), "what was given up is deleted", 10)
    stored = {key for key, _ in storage.listing()}
    assert stored == set(File.objects.values_list("storage_key", flat=True))
    assert stored == set(StoredBytes.objects.values_list("key", flat=True))
    assert set(StoredBytes.objects.values_list("state", flat=True)) <= {"kept"}
    charged = sum(StorageUsage.objects.values_list("size_bytes", flat=True))
    assert charged == sum(File.objects.values_list("size_bytes", flat=True))
