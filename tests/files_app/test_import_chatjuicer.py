"""Moving in from an original Chat Juicer: its database as its schemas say, filled by hand."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import bcrypt
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from moto.server import ThreadedMotoServer
from rest_framework.test import APIClient

from chatjuicer.accounts.models import AuditEntry, User
from chatjuicer.settings import PASSWORD_HASHERS
from files_app.models import File, StoredBytes
from files_app.storage import chunks
from files_app.transfer.juicer.bucket import S3Bucket
from files_app.transfer.juicer.database import opened
from files_app.transfer.juicer.moving import move_in
from files_app.transfer.juicer.report import Report
from sessions_app.models import AccountLog, ChatSession, Project
from sessions_app.models.model_context import linked_rows
from tests.harness import services
from tests.harness.bucket import Bucket

pytestmark = [pytest.mark.django_db, pytest.mark.slow(reason="a database of the original is made, and moved in")]

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89" + b"pixels"
PASSWORD = "the old one, " + "which is longer than bcrypt reads " * 3
USERS = """
CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255) UNIQUE NOT NULL, password_hash varchar(255) NOT NULL,
    display_name varchar(100), created_at timestamptz DEFAULT now(), settings {json});
CREATE TABLE sessions (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, session_id varchar(20) NOT NULL,
    title varchar(500), model varchar(50), reasoning_effort varchar(20), mcp_config {json}, pinned boolean,
    is_named boolean, message_count int, total_tokens int, created_at timestamptz, last_used_at timestamptz,
    UNIQUE (user_id, session_id));
CREATE TABLE messages (id uuid PRIMARY KEY, session_id uuid NOT NULL REFERENCES sessions, role varchar(20) NOT NULL,
    content text, metadata {json}, tool_call_id varchar(50), tool_name varchar(100), tool_arguments {json},
    tool_result text, tool_success boolean, created_at timestamptz);
CREATE TABLE llm_context (id uuid PRIMARY KEY, session_id uuid NOT NULL REFERENCES sessions, role varchar(20),
    content text, metadata {json}, created_at timestamptz DEFAULT clock_timestamp());
CREATE TABLE files (id uuid PRIMARY KEY, session_id uuid NOT NULL REFERENCES sessions, filename varchar(255) NOT NULL,
    file_path varchar(500) NOT NULL, content_type varchar(100), size_bytes bigint, folder varchar(20),
    uploaded_at timestamptz);
"""
YOUNGER = """
CREATE TABLE projects (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, name varchar(255) NOT NULL,
    description text, created_at timestamptz, updated_at timestamptz);
ALTER TABLE sessions ADD project_id uuid REFERENCES projects, ADD turn_count int;
ALTER TABLE llm_context ADD seq serial NOT NULL;
"""


def key(name: str) -> UUID:
    return uuid5(UUID(int=0), name)


class Original:
    """An original's database and the folder of its files."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.rows = 0

    def run(self, text: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(text)

    def add(self, table: str, **values: Any) -> None:
        self.rows += 1
        values = {"id": key(f"row {self.rows}"), **values}
        names = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        texts = [json.dumps(value) if isinstance(value, dict | list) else value for value in values.values()]
        with psycopg.connect(self.url) as connection:
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", texts)

    def user(self, email: str, hash: str) -> None:
        self.rows += 1
        at = f"2025-01-02 03:04:{self.rows:02}+00"
        self.add("users", id=key(email), email=email, password_hash=hash, display_name="Ann", created_at=at)

    def session(self, user: str, name: str, **fields: Any) -> None:
        times = {"created_at": "2025-12-01 10:00:00.123456+01", "last_used_at": "2025-12-02 10:00+00"}
        self.add("sessions", user_id=key(user), session_id=name, **{"id": key(name), **times, **fields})

    def say(self, session: str, role: str, content: str | None = None, **fields: Any) -> None:
        self.rows += 1
        at = f"2025-12-02 09:00:{self.rows % 60:02}.5+00"
        self.add("messages", session_id=key(session), role=role, content=content, **{"created_at": at, **fields})

    def give(self, session: str, item: object) -> None:
        content = item if isinstance(item, str) else json.dumps(item)
        self.add("llm_context", session_id=key(session), role="item", content=content)

    def lay(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def taken(self, **options: Any) -> str:
        """What the operator reads."""
        output = io.StringIO()
        call_command("import_chatjuicer", self.url, files=self.folder, stdout=output, **options)
        return output.getvalue()


@pytest.fixture(autouse=True)
def own_disk(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"
    settings.STORAGES = settings.STORAGES | {
        "files": {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "data" / "files"}}
    }


@pytest.fixture
def original(tmp_path: Path) -> Iterator[Original]:
    url = services.postgres().create_database()
    folder = tmp_path / "original"
    folder.mkdir()
    yield Original(url, folder)
    services.postgres().drop_database(url)


def picture_message() -> list[dict[str, str]]:
    address = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    return [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": address}]


@pytest.fixture
def lived_in(original: Original) -> Original:
    """Of the last version, with what its years have left in it."""
    original.run(USERS.format(json="jsonb") + YOUNGER)
    original.user("ann@example.org", bcrypt.hashpw(PASSWORD.encode()[:72], bcrypt.gensalt(4)).decode())
    original.user("Ann@Example.org", "$2b$12$" + "x" * 53)
    original.user("no address", "$2b$12$" + "x" * 53)
    original.user("local@chatjuicer.dev", bcrypt.hashpw(b"localdev", bcrypt.gensalt(4)).decode())
    original.user("odd@example.org", "$2b$31$" + "x" * 53)
    times = {"created_at": "2025-11-01", "updated_at": "2025-11-02"}
    original.add(
        "projects", id=key("p"), user_id=key("ann@example.org"), name="Garden", description="d" * 3000, **times
    )
    original.session(
        "ann@example.org", "chat_0a1b2c3d", title="Beans", is_named=True, pinned=True, model="gpt-5.1",
        reasoning_effort="high", mcp_config=["fetch"], project_id=key("p"),
    )  # fmt: skip
    original.session("ann@example.org", "chat_later", title=None, created_at="infinity")
    for number, owner in enumerate(("odd@example.org", "local@chatjuicer.dev"), 1):
        original.session(owner, "chat_twins", title=f"Twin {number}", id=key(f"twin {number}"))
    original.add("files", session_id=key("twin 1"), filename="own.txt", file_path="x", folder="sources")
    original.lay("chat_twins/sources/own.txt", b"own")
    original.lay("chat_twins/sources/whose.txt", b"whose")
    session = "chat_0a1b2c3d"
    original.say(session, "user", "Which bean?")
    original.say(session, "assistant", "A runner.")
    original.say(session, "user", json.dumps(picture_message()))
    call = {"tool_call_id": "c1", "tool_name": "read_file", "tool_result": "{}", "tool_success": False}
    original.say(session, "tool_call", "Called read_file", tool_arguments=json.dumps('{"a": 1}'),
                 metadata={"interrupted": True}, **call)  # fmt: skip
    original.say(session, "king", "Not one of ours.")
    original.say(session, "assistant", "A bean, I", metadata={"partial": True, "kept": [1]})
    original.give(session, {"role": "system", "content": "Previously: a runner."})
    original.give(session, {"role": "user", "content": picture_message()})
    original.give(session, {"type": "reasoning", "id": "r", "summary": []})
    original.give(session, {"type": "function_call", "call_id": "c1", "name": "read_file", "arguments": "{}"})
    original.give(session, "{ no JSON")
    original.give(session, {"type": "function_call_output", "call_id": "c1", "output": "{}"})
    answer = [{"type": "output_text", "text": "A bean, I", "annotations": []}]
    original.give(session, {"id": "m", "type": "message", "role": "assistant", "content": answer})
    for name, folder in (("notes.txt", "input"), ("gone.pdf", "sources"), ("bean.png", "sources")):
        original.add("files", session_id=key(session), filename=name, file_path=f"data/files/{name}", folder=folder,
                     uploaded_at="2025-12-02 08:00+00")  # fmt: skip
    for path, data in (
        ("input/notes.txt", b"younger"), ("sources/notes.txt", b"older"), ("sources/bean.png", PNG),
        ("output/deep/plan.md", b"# Plan"), ("code/run.csv", b"a,b"), (".DS_Store", b"x"),
        ("sources/big.bin", b"x" * 2000),
    ):  # fmt: skip
        original.lay(f"{session}/{path}", data)
    (original.folder / session / "sources" / "passwd").symlink_to("/etc/passwd")
    original.lay("chat_deleted/sources/a.txt", b"a")
    return original


@override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS, MAX_FILE_SIZE=1000)
def test_who_moves_in_signs_in_as_before_and_finds_it_all(lived_in: Original, anybody: APIClient) -> None:
    lived_in.taken()
    ann = User.objects.get(email="ann@example.org")
    assert (ann.pk, ann.display_name, ann.created_at.year, ann.is_staff) == (key(ann.email), "Ann", 2025, False)
    assert ann.password.startswith("bcrypt$$2b$04$")
    for _ in range(2):
        answer = anybody.post("/api/auth/login", {"email": "ANN@example.org", "password": PASSWORD})
        assert answer.status_code == 200
        assert User.objects.get(pk=ann.pk).password.startswith("argon2$")
    assert anybody.post("/api/auth/login", {"email": ann.email, "password": PASSWORD[:72]}).status_code == 401

    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    listed = anybody.get("/api/sessions").json()["sessions"]
    assert [row["session_id"] for row in listed] == ["chat_0a1b2c3d", "chat_later"]
    beans = listed[0]
    assert (beans["title"], beans["is_named"], beans["pinned"], beans["model"]) == ("Beans", True, True, "gpt-5.1")
    assert (beans["reasoning_effort"], beans["mcp_config"]) == ("high", ["fetch"])
    assert (beans["project_id"], beans["project_name"]) == (str(key("p")), "Garden")
    assert (beans["created_at"], beans["updated_at"]) == ("2025-12-01T09:00:00.123456Z", "2025-12-02T10:00:00.000000Z")
    assert beans["unread"] is False
    detail = anybody.get("/api/sessions/chat_0a1b2c3d").json()
    told = [(m["role"], m["content"], m["status"], m["partial"]) for m in detail["messages"]]
    assert told == [
        ("user", "Which bean?", "completed", False),
        ("assistant", "A runner.", "completed", False),
        ("user", "What is this?", "completed", False),
        ("tool_call", "", "interrupted", False),
        ("assistant", "A bean, I", "interrupted", True),
    ]
    call, last = detail["messages"][3:]
    assert (call["tool_name"], call["tool_arguments"], call["tool_success"]) == ("read_file", '{"a": 1}', False)
    assert (last["metadata"], last["created_at"][:17]) == ({"kept": [1]}, "2025-12-02T09:00:")


@override_settings(MAX_FILE_SIZE=1000)
def test_what_the_model_is_given_stays_with_its_messages_and_pictures_become_files(lived_in: Original) -> None:
    lived_in.taken()
    session = ChatSession.objects.get(owner_id=key("ann@example.org"), public_id="chat_0a1b2c3d")
    files = {file.path: b"".join(chunks(file.storage_key)) for file in session.files.all()}
    assert files == {
        "sources/notes.txt": b"younger",
        "sources/sources/notes.txt": b"older",
        "sources/bean.png": PNG,
        "output/deep/plan.md": b"# Plan",
        "output/code/run.csv": b"a,b",
    }
    picture = session.files.get(name="bean.png")
    assert picture.modified_at.hour == 8
    attached = session.messages.get(content="What is this?").metadata["attachments"]
    assert [one["file_id"] for one in attached] == [str(picture.pk)]
    items = [item.value for item in session.context_items.order_by("position")]
    assert [item.get("type", item.get("role")) for item in items] == [
        "system", "user", "reasoning", "function_call", "function_call_output", "message",
    ]  # fmt: skip
    assert items[1]["content"][1]["image_url"] == f"attachment:{picture.pk}"
    said = {message.pk: message for message in session.messages.all()}
    rows = linked_rows(session)
    assert rows[0].summary
    assert [said[row.message_id].content for row in rows if row.message_id] == [
        "A runner.", "What is this?", "", "", "", "A bean, I",
    ]  # fmt: skip


@override_settings(MAX_FILE_SIZE=1000)
def test_the_report_says_what_was_left_and_a_second_time_nothing_is_doubled(lived_in: Original) -> None:
    told = lived_in.taken()
    for line in (
        "account ann@example.org: Another account there has this address in other letters.",
        "account no address: Its id or address is none.",
        "password local@chatjuicer.dev: Everybody can read it",
        "password odd@example.org: Its hash is none of bcrypt's.",
        "project Garden: Its description is cut",
        "file chat_0a1b2c3d/sources/gone.pdf: Its bytes are not there; in S3 this is its key.",
        "file chat_0a1b2c3d/sources/big.bin: It has 2000 bytes",
        "file chat_0a1b2c3d/sources/passwd: It is a link",
        "folder chat_deleted: No session has this name",
        "(role king)",
        "It is no JSON object.",
        "Taken in: 3 accounts, 6 context items, 6 files, 5 messages, 1 project, 4 sessions",
    ):
        assert line in told
    assert not User.objects.get(email="odd@example.org").has_usable_password()
    assert not User.objects.get(email="local@chatjuicer.dev").has_usable_password()
    # Two sessions of two people have one folder: each gets what its rows name.
    assert [file.path for file in File.objects.filter(session__public_id="chat_twins")] == ["sources/own.txt"]
    forgotten, last = AccountLog.objects.open(key("ann@example.org"))
    assert forgotten == last > 0
    ChatSession.objects.get(public_id="chat_later").discard()  # and stays in the trash
    kept: list[Any] = [User, Project, ChatSession, File, AuditEntry]
    before = [model.objects.count() for model in kept]
    again = lived_in.taken()
    assert "Taken in: nothing" in again
    assert "Here already: 3 accounts, 1 project, 4 sessions" in again
    assert [model.objects.count() for model in kept] == before


@pytest.mark.django_db(transaction=True)
def test_a_session_that_cannot_be_taken_in_is_not_there_at_all_until_it_can(lived_in: Original, settings: Any) -> None:
    settings.MAX_FILE_SIZE, settings.USER_QUOTA_BYTES = 10_000, 1000
    told = lived_in.taken()
    assert "session ann@example.org chat_0a1b2c3d: " in told
    ann = User.objects.get(email="ann@example.org")
    assert [session.public_id for session in ann.chat_sessions.all()] == ["chat_later"]
    assert not StoredBytes.objects.filter(owner_id=ann.pk).exists()
    settings.USER_QUOTA_BYTES = 10_000
    assert "Taken in: 6 context items, 6 files, 5 messages, 1 session" in lived_in.taken()


def test_an_original_of_the_first_version_comes_in_too(original: Original, mallory: User) -> None:
    original.run(USERS.format(json="json"))
    original.user(mallory.email, bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode())
    original.session(mallory.email, "chat_11112222", title="Old", mcp_config='["fetch"]')
    original.say("chat_11112222", "user", "One")
    original.say("chat_11112222", "assistant", "Two", metadata='{"odd": "\\u0000"}')
    original.give("chat_11112222", {"role": "user", "content": "One"})
    original.give("chat_11112222", {"role": "assistant", "content": "Two"})
    told = original.taken()
    assert "account mallory@example.org: There is one of this address. It keeps its own password" in told
    mallory.refresh_from_db()
    assert not mallory.password.startswith("bcrypt")
    session = mallory.chat_sessions.get()
    assert [message.content for message in session.messages.order_by("position")] == ["One", "Two"]
    assert [item.value["content"] for item in session.context_items.order_by("position")] == ["One", "Two"]
    assert session.messages.get(content="Two").metadata == {"odd": "\ufffd"}


@override_settings(MAX_FILE_SIZE=1000)
def test_files_that_are_in_a_bucket_are_fetched_and_those_that_cannot_be_had_are_told(
    lived_in: Original, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = "chat_0a1b2c3d"
    with closing(bucket.client()) as s3:
        for name, data, kind in (
            (f"{session}/sources/gone.pdf", b"not gone", "STANDARD"),
            (f"{session}/input/notes.txt", b"as it was before", "STANDARD"),
            (f"{session}/output/notes/only there.md", b"# There", "STANDARD"),
            (f"{session}/output/frozen.txt", b"cold", "GLACIER"),
            (f"{session}/output/large.bin", b"x" * 2000, "STANDARD"),
            (f"{session}/output/../../etc/passwd", b"x", "STANDARD"),
            (f"{session}/output/.DS_Store", b"x", "STANDARD"),
            (f"{session}/output/", b"", "STANDARD"),
            ("chat_twins/sources/whose else.txt", b"x", "STANDARD"),
            ("chat_removed/sources/a.txt", b"x", "STANDARD"),
        ):
            s3.put_object(Bucket=bucket.name, Key=name, Body=data, StorageClass=kind)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    where = {"endpoint": bucket.options["endpoint_url"], "region": "us-east-1"}
    with pytest.raises(CommandError, match=r"bucket none-of-ours cannot be read"):
        lived_in.taken(bucket="none-of-ours", **where)
    lived_in.add("files", session_id=key("chat_0a1b2c3d"), filename="lost.txt", file_path="x", folder="output")
    told = lived_in.taken(bucket=bucket.name, **where)
    files = {file.path: b"".join(chunks(file.storage_key)) for file in File.objects.filter(session__public_id=session)}
    assert files == {
        "sources/notes.txt": b"younger",  # in the folder, which was written to first
        "sources/sources/notes.txt": b"older",
        "sources/bean.png": PNG,
        "sources/gone.pdf": b"not gone",
        "output/deep/plan.md": b"# Plan",
        "output/code/run.csv": b"a,b",
        "output/notes/only there.md": b"# There",
    }
    assert File.objects.get(name="gone.pdf").modified_at.hour == 8
    for line in (
        f"file {session}/output/frozen.txt: The bucket does not give it: ",
        f"file {session}/output/large.bin: It has 2000 bytes",
        f"file {session}/output/../../etc/passwd: ",
        f"file {session}/output/lost.txt: Its bytes are neither in the folder nor in the bucket.",
        "folder chat_removed: No session has this name",
        "Taken in: 3 accounts, 6 context items, 8 files, 5 messages, 1 project, 4 sessions",
        ", 6 files, 2 folders, ",
    ):
        assert line in told, told
    assert not File.objects.filter(name="whose else.txt").exists()


def test_a_session_waits_for_a_bucket_that_does_not_answer(
    original: Original, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    original.run(USERS.format(json="jsonb"))
    original.user("ann@example.org", "$2b$12$" + "x" * 53)
    original.session("ann@example.org", "chat_11112222", title="Old")
    with closing(bucket.client()) as s3:
        s3.put_object(Bucket=bucket.name, Key="chat_11112222/input/a.txt", Body=b"a")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    told: list[str] = []
    with opened(original.url) as source:
        found = S3Bucket(bucket.name, f"http://{host}:{port}", "us-east-1", None)
        server.stop()
        move_in(source, None, found, Report(told.append, lambda *_: None))
    assert "session ann@example.org chat_11112222: The bucket failed: " in "\n".join(told)
    assert not ChatSession.objects.exists()
    assert "1 file, 1 session" in original.taken(
        bucket=bucket.name, endpoint=bucket.options["endpoint_url"], region="us-east-1"
    )


def test_what_is_no_original_is_refused(original: Original) -> None:
    for url in (original.url, "postgresql://127.0.0.1:9/none", "postgresql://x?y=z"):
        with pytest.raises(CommandError, match=r"original|address"):
            call_command("import_chatjuicer", url)
