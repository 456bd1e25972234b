"""Files at rest: nothing of them lies in the storage as it is, and nothing that was changed there is served."""

import hashlib
import os
from collections.abc import Callable
from contextlib import closing
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from files_app import envelope
from files_app.envelope import HEADER_BYTES, PIECE_BYTES, SEALED_PIECE_BYTES, sealed_by
from files_app.exceptions import FileDamaged
from files_app.incoming import Draft
from files_app.models import Export, File, StoredBytes
from files_app.resealing import reseal_files
from files_app.storage import SealingStorage
from files_app.transfer.archive import archive
from files_app.transfer.exporter import make
from sessions_app.models import ChatSession
from tests.conftest import refused
from tests.files_app.conftest import assert_books_balance, body_of

pytestmark = pytest.mark.django_db(transaction=True)
FILES = "/api/sessions/s/files"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TEXT = b"gooseberries and quinces\n" * 7000
"""Of two pieces and a part of a third."""


@pytest.fixture
def sealing(storage: SealingStorage, settings: Any) -> SealingStorage:
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW]
    return storage


def stored(storage: SealingStorage, key: str) -> bytes:
    """As it lies there."""
    with closing(storage.beneath.reader(key)) as reader:
        return b"".join(iter(lambda: reader.read(2**20), b""))


def put_beneath(storage: SealingStorage, key: str, data: bytes) -> None:
    with Draft() as draft:
        draft.write(data)
        storage.beneath.put(key, draft)


def key_of(name: str) -> str:
    return File.objects.get(name=name).storage_key


def test_what_is_stored_is_sealed_and_what_is_served_is_as_it_was(
    sealing: SealingStorage, alice_client: APIClient, anybody: APIClient, upload: Callable[..., Any]
) -> None:
    for size in (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, len(TEXT)):
        data = TEXT[:size]
        entry = upload("a.txt", data)
        key = key_of("a.txt")
        assert entry["size"] == size == sealing.size_of(key)
        assert b"quinces" not in stored(sealing, key)
        answer = alice_client.get(f"{FILES}/a.txt/download")
        assert (body_of(answer), answer.headers["Content-Length"]) == (data, str(size))
        assert answer.headers["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    edges = (0, 9, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES - 1, 2 * PIECE_BYTES, len(TEXT) - 1)
    for first in edges:
        for last in filter(lambda last: last >= first, edges):
            answer = alice_client.get(f"{FILES}/a.txt/download", headers={"Range": f"bytes={first}-{last}"})
            assert (answer.status_code, body_of(answer)) == (206, TEXT[first : last + 1])

    # Nobody but this server can unseal and seal: it gives and takes the bytes itself, whatever the storage.
    url = alice_client.get(f"{FILES}/a.txt/presign-download").json()["download_url"]
    assert body_of(anybody.get(urlsplit(url).path)) == TEXT
    presigned = alice_client.post(f"{FILES}/presign-upload", {"filename": "b.txt", "size": len(TEXT)}).json()
    for data in (TEXT[::-1], TEXT):
        sent = anybody.put(urlsplit(presigned["upload_url"]).path, data, content_type="application/octet-stream")
        assert sent.status_code == 200
    assert b"quinces" not in b"".join(stored(sealing, key) for key, _ in sealing.listing())
    assert alice_client.post(f"{FILES}/confirm", {"file_key": presigned["file_key"]}).status_code == 201
    assert body_of(alice_client.get(f"{FILES}/b.txt/download")) == TEXT
    assert_books_balance(sealing)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


PIECES = [slice(HEADER_BYTES + n * SEALED_PIECE_BYTES, HEADER_BYTES + (n + 1) * SEALED_PIECE_BYTES) for n in range(3)]
TRICKS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "a salt that was changed": lambda own, other: flipped(own, HEADER_BYTES - 1),
    "a mark that was changed": lambda own, other: flipped(own, 0),
    "a bit of the first piece": lambda own, other: flipped(own, HEADER_BYTES),
    "a bit of the second piece": lambda own, other: flipped(own, PIECES[1].start),
    "a bit of the last tag": lambda own, other: flipped(own, len(own) - 1),
    "cut off between two pieces": lambda own, other: own[: PIECES[1].start],
    "cut off within one": lambda own, other: own[:-1],
    "cut off within the header": lambda own, other: own[:5],
    "nothing left": lambda own, other: b"",
    "something added": lambda own, other: own + b"\0",
    "two pieces that changed places": lambda own, other: (
        own[: PIECES[0].start] + own[PIECES[1]] + own[PIECES[0]] + own[PIECES[2].start :]
    ),
    "a piece of another file": lambda own, other: own[: PIECES[1].start] + other[PIECES[1]] + own[PIECES[2].start :],
    "another file": lambda own, other: other,
    "plain bytes": lambda own, other: TEXT,
}


def test_what_was_changed_in_the_storage_is_never_served_as_good(
    sealing: SealingStorage,
    alice_client: APIClient,
    upload: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    upload("own.txt", TEXT)
    upload("other.txt", TEXT)
    key = key_of("own.txt")
    own, other = stored(sealing, key), stored(sealing, key_of("other.txt"))
    assert own != other
    for trick, played in TRICKS.items():
        put_beneath(sealing, key, played(own, other))
        caplog.clear()
        answer = alice_client.get(f"{FILES}/own.txt/download")
        if answer.status_code == 200:  # the first piece is as it was, and the answer has begun
            with pytest.raises(FileDamaged):
                body_of(answer)
        else:
            refused(answer, 500, "file_damaged")
        assert key in caplog.text, trick
    # Of a part, only the pieces that it is in are read.
    put_beneath(sealing, key, flipped(own, HEADER_BYTES))
    last = alice_client.get(f"{FILES}/own.txt/download", headers={"Range": "bytes=-5"})
    assert body_of(last) == TEXT[-5:]
    put_beneath(sealing, key, own)
    assert body_of(alice_client.get(f"{FILES}/own.txt/download")) == TEXT


def test_a_damaged_file_spoils_no_export(sealing: SealingStorage, alice: User, upload: Callable[..., Any]) -> None:
    upload("long.txt", TEXT * 4)
    upload("own.txt", TEXT)
    key = key_of("long.txt")
    whole = stored(sealing, key)
    put_beneath(sealing, key, flipped(whole, len(whole) - 1))
    with ZipFile(BytesIO(b"".join(archive(alice)))) as zipped:
        assert zipped.testzip() is None
        names = [name for name in zipped.namelist() if name.startswith("files/")]
    assert names == [f"files/{hashlib.sha256(TEXT).hexdigest()}"]


def test_without_its_key_a_file_is_an_error(
    sealing: SealingStorage, alice_client: APIClient, upload: Callable[..., Any], settings: Any
) -> None:
    upload("a.txt", TEXT)
    settings.MESSAGE_ENCRYPTION_KEYS = [OLD]
    refused(alice_client.get(f"{FILES}/a.txt/download"), 500, "file_damaged")
    with pytest.raises(CommandError, match="1 files could not be read"):
        rotate()
    settings.MESSAGE_ENCRYPTION_KEYS = [OLD, NEW]
    assert body_of(alice_client.get(f"{FILES}/a.txt/download")) == TEXT


def rotate() -> str:
    told = StringIO()
    call_command("rotate_message_key", "--batch", "2", stdout=told)
    return told.getvalue()


def test_a_rotation_that_was_killed_goes_on_and_leaves_no_file_as_it_was(
    storage: SealingStorage, alice: User, alice_client: APIClient, upload: Callable[..., Any], settings: Any
) -> None:
    upload("plain.txt", TEXT)
    upload("plain2.txt", TEXT)
    upload("trashed.txt", TEXT, folder="output")
    settings.MESSAGE_ENCRYPTION_KEYS = [OLD]
    upload("old.txt", TEXT)
    export = Export.objects.begin(alice)[0]
    make(export, lambda: None)
    archive = body_of(alice_client.get(f"/api/exports/{export.pk}/download"))
    assert archive.startswith(b"PK")
    before = {name: key_of(name) for name in ("plain.txt", "plain2.txt", "trashed.txt", "old.txt")}
    assert [bool(sealed_by(key)) for key in before.values()] == [False, False, False, True]
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW, OLD]
    # Here a process ends after the first file; a second one had its bytes, and not yet their row.
    assert next(reseal_files(1)).resealed == 1
    left = File.objects.filter(storage_key__in=before.values()).earliest("pk")
    halfway = StoredBytes.objects.begin(ChatSession.objects.get(public_id="s"), 0)
    storage.copy(left.storage_key, halfway.key)
    reader = storage.reader(left.storage_key)

    ChatSession.objects.get(public_id="s").discard()
    assert "bytes of files: 4" in rotate()  # three files, and the archive
    assert "bytes of files: 0" in rotate()
    settings.MESSAGE_ENCRYPTION_KEYS = [NEW]
    assert alice_client.post("/api/sessions/s/restore").status_code == 200
    for name in before:
        folder = "output" if name == "trashed.txt" else "sources"
        assert body_of(alice_client.get(f"{FILES}/{name}/download?folder={folder}")) == TEXT
    assert body_of(alice_client.get(f"/api/exports/{export.pk}/download")) == archive
    assert (
        {sealed_by(key) for key, _ in storage.listing()} == {sealed_by(halfway.key)} != {sealed_by(before["old.txt"])}
    )
    if storage.at_once:  # who was reading reads on
        assert b"".join(iter(lambda: reader.read(2**20), b"")) == TEXT
    reader.close()
    StoredBytes.objects.filter(pk=halfway.key).update(expires_at=export.created_at)
    call_command("sweep_files", stdout=StringIO())
    Export.objects.get().delete()
    assert_books_balance(storage)


def test_files_may_be_left_plain(
    sealing: SealingStorage, alice_client: APIClient, upload: Callable[..., Any], settings: Any
) -> None:
    upload("sealed.txt", TEXT)
    settings.ENCRYPT_FILES = False
    upload("plain.txt", TEXT)
    assert stored(sealing, key_of("plain.txt")) == TEXT
    at_bucket = not sealing.at_once
    for name, by_bucket in (("sealed.txt", False), ("plain.txt", at_bucket)):
        url = alice_client.get(f"{FILES}/{name}/presign-download").json()["download_url"]
        assert (urlsplit(url).hostname != "testserver") == by_bucket
        assert body_of(alice_client.get(f"{FILES}/{name}/download")) == TEXT
    assert "bytes of files: 1" in rotate()
    assert stored(sealing, key_of("sealed.txt")) == TEXT
    assert_books_balance(sealing)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_who_may_open_the_path_of_a_file_is_told_that_of_a_copy_for_an_hour(
    sealing: SealingStorage,
    alice: User,
    alice_client: APIClient,
    anybody: APIClient,
    upload: Callable[..., Any],
    settings: Any,
) -> None:
    upload("a.txt", TEXT)
    assert alice_client.get(f"{FILES}/a.txt/path").status_code == 404
    assert not list((settings.DATA_DIR / "files" / "incoming").iterdir())
    settings.ALLOW_LOCALHOST_NOAUTH, settings.DEFAULT_USER_EMAIL = True, alice.email
    here: dict[str, Any] = {"headers": {"Host": "localhost"}, "peer_uid": os.geteuid()}
    paths = [Path(anybody.get(f"{FILES}/a.txt/path", **here).json()["path"]) for _ in range(2)]
    assert paths[0] == paths[1]
    assert (paths[0].suffix, paths[0].read_bytes(), paths[0].stat().st_mode & 0o777) == (".txt", TEXT, 0o600)
    call_command("sweep_files", stdout=StringIO())
    assert paths[0].exists()
    call_command("sweep_files", "--older-than", "0", stdout=StringIO())
    assert not paths[0].exists()


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_every_size_is_known_by_what_is_stored(sealing: SealingStorage) -> None:
    key = f"ab/c{envelope.ending()}"
    for size in (0, 1, 15, 16, 17, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES):
        with Draft() as draft:
            draft.write(bytes(size))
            sealing.put(key, draft)
        assert sealing.size_of(key) == size
        with closing(sealing.reader(key)) as reader:
            assert len(b"".join(iter(lambda: reader.read(1000), b""))) == size
