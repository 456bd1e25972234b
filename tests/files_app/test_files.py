"""A person's files over REST, on both storages."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from files_app import opened
from files_app.models import File, StorageUsage, StoredBytes, Upload
from files_app.storage import FileStorage
from files_app.workspace import Workspace
from sessions_app.models import ChatSession
from tests.files_app.conftest import assert_books_balance, body_of

pytestmark = pytest.mark.django_db(transaction=True)
FILES = "/api/sessions/s/files"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)


def test_what_was_uploaded_is_listed_and_downloaded(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    entry = upload("pic.txt", PNG)
    assert entry["name"] == "pic.txt"
    assert entry["size"] == len(PNG)
    assert entry["content_type"] == "image/png"  # the bytes say so, whatever the name says
    listed = alice_client.get(f"{FILES}?folder=input").json()
    assert listed == {"files": [entry], "folder": "sources", "count": 1}
    assert alice_client.get("/api/sessions/s").json()["files"] == [entry]
    answer = alice_client.get(f"{FILES}/pic.txt/download")
    assert body_of(answer) == PNG
    assert answer.headers["ETag"] == f'"{hashlib.sha256(PNG).hexdigest()}"'
    assert answer.headers["Content-Length"] == str(len(PNG))
    assert_books_balance(storage)


def test_a_name_replaced_keeps_its_id_and_leaves_no_old_bytes(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    first, second = upload("a.txt", b"one"), upload("a.txt", b"second")
    assert first["id"] == second["id"]
    assert body_of(alice_client.get(f"{FILES}/a.txt/download")) == b"second"
    assert_books_balance(storage)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_file_that_is_replaced_while_it_is_asked_for_is_there_all_the_time(
    storage: FileStorage,
    alice_client: APIClient,
    upload: Callable[..., Any],
    session: ChatSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bytes that its row named are gone when they are looked for."""
    upload("a.txt", b"one")
    said, later = opened.opened, [b"second", b"the third"]

    def late(*args: Any) -> Any:
        if later:
            upload("a.txt", later.pop(0))
        return said(*args)

    monkeypatch.setattr(opened, "opened", late)
    answer = alice_client.get(f"{FILES}/a.txt/download", headers={"Range": "bytes=1-"})
    assert (answer.headers["Content-Range"], body_of(answer)) == ("bytes 1-8/9", b"he third")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(b"the third").hexdigest()}"'
    later += [b"one more"]
    file, data = Workspace(session).read_bytes("a.txt")
    assert (file.size_bytes, data) == (8, b"one more")


def test_a_deleted_file_and_a_deleted_session_leave_no_bytes(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    upload("a.txt")
    upload("b/c.txt", folder="output")
    assert alice_client.delete(f"{FILES}/a.txt").json() == {"success": True}
    assert alice_client.delete(f"{FILES}/a.txt").status_code == 404
    assert_books_balance(storage)
    alice_client.post(f"{FILES}/presign-upload", {"filename": "never.txt", "size": 5})
    assert alice_client.post("/api/sessions/s/clear").status_code == 200
    assert File.objects.count() == 1  # files stay
    assert alice_client.delete("/api/sessions/s?permanent=true").status_code == 200
    assert not File.objects.exists()
    assert_books_balance(storage)


def test_a_user_who_goes_takes_the_bytes_along(storage: FileStorage, alice: User, upload: Callable[..., Any]) -> None:
    upload("a.txt")
    alice.delete()
    assert_books_balance(storage)


def test_what_is_not_yours_does_not_exist(
    storage: FileStorage, mallory_client: APIClient, anybody: APIClient, upload: Callable[..., Any]
) -> None:
    upload("a.txt")
    for path in ("", "/a.txt/download", "/a.txt/presign-download", "/a.txt/path"):
        foreign = mallory_client.get(f"{FILES}{path}")
        unknown = mallory_client.get(f"{FILES.replace('/s/', '/t/')}{path}")
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json()["error"]["code"] == unknown.json()["error"]["code"] == "not_found"
        assert anybody.get(f"{FILES}{path}").status_code == 401
    assert mallory_client.delete(f"{FILES}/a.txt").status_code == 404
    announced = {"filename": "x", "size": 1}
    assert mallory_client.post(f"{FILES}/presign-upload", announced).status_code == 404
    assert mallory_client.post(f"{FILES}/confirm", {"file_key": "x"}).status_code == 404
    sent = mallory_client.post(f"{FILES}/upload", {"file": SimpleUploadedFile("x", b"x")}, format="multipart")
    assert sent.status_code == 404


def test_a_presigned_upload_becomes_a_file_when_it_is_confirmed(
    storage: FileStorage, alice_client: APIClient, anybody: APIClient, session: ChatSession
) -> None:
    data = b"%PDF-1.7 ..."
    announced = {"filename": "sub/report.pdf", "size": len(data), "content_type": "text/html", "folder": "output"}
    presigned = alice_client.post(f"{FILES}/presign-upload", announced).json()
    key = {"file_key": presigned["file_key"]}
    assert presigned["expires_in"] > 0
    assert alice_client.post(f"{FILES}/confirm", key).json()["error"]["code"] == "not_uploaded"
    assert not File.objects.exists()

    assert put(anybody, presigned["upload_url"], data) == 200
    assert not File.objects.exists()
    confirmed = alice_client.post(f"{FILES}/confirm", key)
    assert confirmed.status_code == 201
    assert confirmed.json()["content_type"] == "application/pdf"
    assert alice_client.post(f"{FILES}/confirm", key).json() == confirmed.json()
    assert_books_balance(storage)

    # Its address may be good for a while; the file is not reached by it any more.
    put(anybody, presigned["upload_url"], b"%PDF-1.7 !!!")
    url = alice_client.get(f"{FILES}/sub/report.pdf/presign-download?folder=output").json()["download_url"]
    assert get(anybody, url) == data


def test_an_upload_that_had_room_when_it_was_announced_becomes_a_file_whatever_was_said_meanwhile(
    storage: FileStorage, alice_client: APIClient, anybody: APIClient, session: ChatSession, settings: Any
) -> None:
    presigned = alice_client.post(f"{FILES}/presign-upload", {"filename": "a", "size": 8}).json()
    assert put(anybody, presigned["upload_url"], b"8 bytes.") == 200
    settings.USER_QUOTA_BYTES = 5  # as if an answer, which is written to its end, had taken the rest
    assert alice_client.post(f"{FILES}/presign-upload", {"filename": "b", "size": 1}).status_code == 413
    assert alice_client.post(f"{FILES}/confirm", {"file_key": presigned["file_key"]}).status_code == 201
    assert_books_balance(storage)


@pytest.mark.parametrize("way", ["logout", "everywhere", "deactivated"])
def test_presigned_addresses_end_with_the_sign_in(
    alice: User, alice_client: APIClient, anybody: APIClient, upload: Callable[..., Any], way: str
) -> None:
    upload("a.txt", b"hello")
    url = alice_client.get(f"{FILES}/a.txt/presign-download").json()["download_url"]
    door = alice_client.post(f"{FILES}/presign-upload", {"filename": "b", "size": 1}).json()["upload_url"]
    assert body_of(anybody.get(urlsplit(url).path)) == b"hello"
    if way == "logout":
        alice.token_families.get().revoke()
    elif way == "everywhere":
        alice_client.post("/api/auth/logout-everywhere")
    else:
        alice.is_active = False
        alice.save()
    assert anybody.get(urlsplit(url).path).status_code == 404
    assert put(anybody, door, b"x") == 404


def test_a_presigned_upload_of_another_size_is_refused(
    storage: FileStorage, alice_client: APIClient, anybody: APIClient, session: ChatSession
) -> None:
    presigned = alice_client.post(f"{FILES}/presign-upload", {"filename": "a", "size": 5}).json()
    put(anybody, presigned["upload_url"], b"too many of them")
    answer = alice_client.post(f"{FILES}/confirm", {"file_key": presigned["file_key"]})
    assert answer.json()["error"]["code"] in ("size_mismatch", "not_uploaded")
    assert not File.objects.exists()


def test_an_upload_confirmed_twice_at_once_is_one_file(
    storage: FileStorage,
    alice: User,
    anybody: APIClient,
    client_of: Callable[[User], APIClient],
    session: ChatSession,
    side_by_side: Callable[..., list[Any]],
) -> None:
    clients = [client_of(alice) for _ in range(4)]
    presigned = clients[0].post(f"{FILES}/presign-upload", {"filename": "a", "size": 5}).json()
    put(anybody, presigned["upload_url"], b"hello")
    body = {"file_key": presigned["file_key"]}
    answers = side_by_side(lambda client: client.post(f"{FILES}/confirm", body), clients)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert_books_balance(storage)


def put(client: APIClient, url: str, data: bytes) -> int:
    if urlsplit(url).hostname != "testserver":
        return httpx.put(url, content=data, trust_env=False).status_code
    return client.put(urlsplit(url).path, data, content_type="application/octet-stream").status_code


def get(client: APIClient, url: str) -> bytes:
    if urlsplit(url).hostname != "testserver":
        answer = httpx.get(url, trust_env=False)
        assert answer.headers["content-disposition"].startswith("attachment")
        return answer.content
    found = client.get(urlsplit(url).path)
    assert found.headers["Content-Disposition"].startswith("attachment")
    return body_of(found)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_forged_or_foreign_link_opens_nothing(
    storage: FileStorage, alice_client: APIClient, anybody: APIClient, upload: Callable[..., Any]
) -> None:
    entry = upload("a.txt")
    url = urlsplit(alice_client.get(f"{FILES}/a.txt/presign-download").json()["download_url"]).path
    presigned = alice_client.post(f"{FILES}/presign-upload", {"filename": "b", "size": 1}).json()
    door = urlsplit(presigned["upload_url"]).path
    assert body_of(anybody.get(url)) == b"hello\n"
    for wrong in (url[:-1], url + "x", f"/api/files/get/{entry['id']}", door.replace("/put/", "/get/")):
        assert anybody.get(wrong).status_code == 404
    for wrong in (door[:-1], url.replace("/get/", "/put/")):
        assert anybody.put(wrong, b"x", content_type="text/plain").status_code == 404
    assert anybody.put(door, b"xx", content_type="text/plain").status_code == 413
    alice_client.delete(f"{FILES}/a.txt")
    assert anybody.get(url).status_code == 404


def test_a_part_of_a_file_is_sent_where_a_part_is_asked_for(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    data = bytes(range(256)) * 4000
    upload("a.bin", data)
    etag = f'"{hashlib.sha256(data).hexdigest()}"'

    def ask(**headers: str) -> Any:
        return alice_client.get(f"{FILES}/a.bin/download", headers=headers)

    for wanted, part in (("bytes=0-9", data[:10]), ("bytes=1000000-", data[1000000:]), ("bytes=-5", data[-5:])):
        answer = ask(Range=wanted)
        assert answer.status_code == 206
        assert body_of(answer) == part
    assert answer.headers["Content-Range"] == f"bytes {len(data) - 5}-{len(data) - 1}/{len(data)}"
    for beyond in (f"bytes={len(data)}-", "bytes=-0", "bytes=9-8", f"bytes={10**30}-"):
        answer = ask(Range=beyond)
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(data)}"
        assert answer.json()["error"]["code"] == "range_not_satisfiable"
    for whole in ({"Range": "bytes=0-1,4-5"}, {"Range": "lines=1-2"}, {"Range": "bytes=0-1", "If-Range": '"old"'}):
        answer = ask(**whole)
        assert answer.status_code == 200
        assert body_of(answer) == data
    assert ask(**{"If-None-Match": f'"x", W/{etag}'}).status_code == 304
    head = alice_client.head(f"{FILES}/a.bin/download")
    assert head.headers["Content-Length"] == str(len(data))
    assert body_of(head) == b""


@pytest.mark.parametrize("storage", ["local"], indirect=True)
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<!DOCTYPE html><script>alert(1)</script>"),
        ("pic.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("lie.png", b"<html><script>alert(1)</script>"),
        ("script.js", b"\x01;alert(1)"),
        ("script.mjs", b"alert(1)//\xff"),
        ("module.wasm", b"\0asm\x01\0\0\0"),
        ("style.css", b"body { background: url(//evil.example) }"),
    ],
)
def test_nothing_is_ever_shown_inline(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any], name: str, data: bytes
) -> None:
    upload(name, data)
    answer = alice_client.get(f"{FILES}/{name}/download")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "application/octet-stream"
    answer.close()


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_path_is_told_to_nobody_who_came_with_a_token(
    storage: FileStorage,
    alice: User,
    alice_client: APIClient,
    anybody: APIClient,
    upload: Callable[..., Any],
    settings: Any,
) -> None:
    upload("a.txt")
    assert alice_client.get(f"{FILES}/a.txt/path").status_code == 404
    settings.ALLOW_LOCALHOST_NOAUTH, settings.DEFAULT_USER_EMAIL = True, alice.email
    local = {"Host": "localhost"}
    here: dict[str, Any] = {"peer_uid": os.geteuid()}
    path = anybody.get(f"{FILES}/a.txt/path", headers=local, **here).json()["path"]
    assert Path(path).read_bytes() == b"hello\n"
    assert anybody.get(f"{FILES}/a.txt/path", headers=local | {"X-Forwarded-For": "::1"}).status_code == 401


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_folders_stand_first_and_count_what_is_in_them(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    for name in ("z.txt", "a.txt", "Sub/one.txt", "Sub/deep/two.txt", "sub/three.txt", "sub%/four.txt"):
        upload(name)
    top = alice_client.get(FILES).json()["files"]
    assert [(e["name"], e["type"], e.get("file_count")) for e in top] == [
        ("Sub", "folder", 2),
        ("sub", "folder", 1),
        ("sub%", "folder", 1),
        ("a.txt", "file", None),
        ("z.txt", "file", None),
    ]
    below = alice_client.get(f"{FILES}?folder=sources/Sub").json()
    assert [e["path"] for e in below["files"]] == ["sources/Sub/deep", "sources/Sub/one.txt"]
    assert [e["name"] for e in below["files"]] == ["deep", "one.txt"]
    assert body_of(alice_client.get(f"{FILES}/one.txt/download?folder=input/Sub")) == b"hello\n"
    assert alice_client.get(f"{FILES}?folder=elsewhere").status_code == 400


@pytest.mark.slow(reason="ten thousand files")
def test_ten_thousand_files_are_listed_by_one_query(alice_client: APIClient, session: ChatSession) -> None:
    facts = {"size_bytes": 1, "sha256": "0" * 64, "content_type": "text/plain"}
    File.objects.bulk_create(
        File(session=session, folder="sources", name=f"{n:05}.txt", storage_key=str(n), **facts) for n in range(10_000)
    )
    alice_client.get(FILES)
    with CaptureQueriesContext(connection) as queries:
        answer = alice_client.get(FILES)
    assert answer.json()["count"] == 10_000
    assert sum("files_app" in query["sql"] for query in queries.captured_queries) == 1
    assert len(alice_client.get("/api/sessions/s").json()["files"]) == 500


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_files_with_the_names_of_routes_can_be_deleted(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    for name in ("upload", "confirm", "presign-upload", "a/download", "download", "a/path", "é ü%20?.txt"):
        upload(name)
        url = f"{FILES}/{quote(name)}"
        assert alice_client.delete(url).status_code == 200, name
    assert_books_balance(storage)


def test_a_folder_and_a_name_that_are_too_long_together_name_nothing(
    alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    upload("a")
    for path in (f"/{'b' * 255}/download?folder=sources/a", f"/b/download?folder=sources/{'a' * 255}"):
        assert alice_client.get(f"{FILES}{path}").status_code == 404
        assert alice_client.delete(f"{FILES}{path}").status_code == 404
    assert alice_client.get(f"{FILES}/{'b' * 256}/download").status_code == 400


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("", "GET HEAD"),
        ("/upload", "POST DELETE"),
        ("/presign-upload", "POST DELETE"),
        ("/confirm", "POST DELETE"),
        ("/a/download", "GET HEAD DELETE"),
        ("/a/presign-download", "GET HEAD DELETE"),
        ("/a/path", "GET HEAD DELETE"),
        ("/a", "DELETE"),
        ("/download", "DELETE"),
        ("/a/upload", "DELETE"),
    ],
)
def test_a_path_allows_what_it_can(alice_client: APIClient, path: str, methods: str) -> None:
    answer = alice_client.options(f"{FILES}{path}")
    assert set(answer.headers["Allow"].split(", ")) == {*methods.split(), "OPTIONS"}
    refused = alice_client.put(f"{FILES}{path}")
    assert (refused.status_code, refused.headers["Allow"]) == (405, answer.headers["Allow"])


def quote(name: str) -> str:
    return name.replace("%", "%25").replace("?", "%3F").replace(" ", "%20")


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_too_large_is_413_and_leaves_nothing(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any], settings: Any
) -> None:
    settings.MAX_FILE_SIZE = 10
    assert upload("a", b"x" * 11, status=413)["error"]["code"] == "file_too_large"
    upload("a", b"x" * 10)
    announced = {"filename": "b", "size": 11}
    assert alice_client.post(f"{FILES}/presign-upload", announced).status_code == 413
    settings.USER_QUOTA_BYTES = 25
    upload("b", b"x" * 10)
    assert upload("c", b"x" * 6, status=413)["error"]["code"] == "quota_exceeded"
    assert alice_client.post(f"{FILES}/presign-upload", {"filename": "c", "size": 6}).status_code == 413
    assert_books_balance(storage)
    alice_client.delete(f"{FILES}/a")
    upload("c", b"x" * 10)
    assert_books_balance(storage)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_room_reserved_for_an_upload_that_never_came_is_given_back(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any], settings: Any
) -> None:
    settings.USER_QUOTA_BYTES = 10
    alice_client.post(f"{FILES}/presign-upload", {"filename": "never", "size": 8})
    upload("a", b"x" * 8, status=413)
    StoredBytes.objects.update(expires_at="2020-01-01T00:00:00Z")
    Upload.objects.update(expires_at="2020-01-01T00:00:00Z")
    upload("a", b"x" * 8)
    assert_books_balance(storage)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filename": "a"},
        {"filename": "a", "size": "5"},
        {"filename": "a", "size": True},
        {"filename": "a", "size": -1},
        {"filename": "a", "size": 1.5},
        {"filename": ["a"], "size": 1},
        {"filename": "../a", "size": 1},
        {"filename": "a", "size": 1, "folder": "elsewhere"},
        {"filename": "a", "size": 1, "folder": 5},
        [],
        5,
    ],
)
def test_a_bad_announcement_is_a_400(
    storage: FileStorage, alice_client: APIClient, session: ChatSession, body: Any
) -> None:
    answer = alice_client.post(f"{FILES}/presign-upload", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert not StoredBytes.objects.exists()


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_body_that_is_no_upload_is_a_400(storage: FileStorage, alice_client: APIClient, session: ChatSession) -> None:
    url, kind = f"{FILES}/upload", "multipart/form-data; boundary=B"
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nbytes'
    for body in (b"", b"nonsense", part, part + b"\r\n--B", part.replace(b"file", b"other") + b"\r\n--B--\r\n"):
        answer = alice_client.post(url, body, content_type=kind)
        assert answer.status_code == 400, body
    for kind in ("multipart/form-data", "multipart/form-data; boundary="):
        assert alice_client.post(url, part, content_type=kind).status_code == 400
    assert alice_client.post(url, {"file": "a"}).status_code == 415
    assert alice_client.post(url, {"file": "text"}, format="multipart").status_code == 400
    assert_books_balance(storage)
    assert not list((settings_dir(storage) / "incoming").iterdir())


def settings_dir(storage: Any) -> Any:
    return Path(storage.beneath.location)


def test_a_request_repeated_with_its_key_creates_once(
    storage: FileStorage, alice_client: APIClient, upload: Callable[..., Any]
) -> None:
    first = upload("a.txt", b"one", **{"Idempotency-Key": "k"})
    assert upload("a.txt", b"one", **{"Idempotency-Key": "k"}) == first
    answer = upload("a.txt", b"two", status=409, **{"Idempotency-Key": "k"})
    assert answer["error"]["code"] == "idempotency_mismatch"
    answer = upload("a.txt", b"one", "output", status=409, **{"Idempotency-Key": "k"})
    assert answer["error"]["code"] == "idempotency_mismatch"
    headers = {"Idempotency-Key": "p"}
    announced = {"filename": "b", "size": 3.0, "folder": None}
    keys = {alice_client.post(f"{FILES}/presign-upload", announced, headers=headers).json()["file_key"] for _ in "ab"}
    assert len(keys) == 1
    assert Upload.objects.count() == 1
    Upload.objects.all().delete()
    StoredBytes.objects.mark_deleted(StoredBytes.objects.filter(state="writing"))
    assert_books_balance(storage)


def test_of_two_uploads_of_one_name_at_once_one_wins(
    storage: FileStorage,
    alice: User,
    client_of: Callable[[User], APIClient],
    session: ChatSession,
    side_by_side: Callable[..., list[Any]],
) -> None:
    clients = [client_of(alice) for _ in range(6)]

    def send(number: int) -> int:
        body = {"file": SimpleUploadedFile("a.txt", str(number).encode() * 1000)}
        return clients[number].post(f"{FILES}/upload", body, format="multipart").status_code

    assert set(side_by_side(send, list(range(len(clients))))) == {201}
    assert File.objects.count() == 1
    data = body_of(clients[0].get(f"{FILES}/a.txt/download"))
    assert data in [str(number).encode() * 1000 for number in range(len(clients))]
    assert_books_balance(storage)
    assert StorageUsage.objects.get().size_bytes == len(data)
