"""What the agent's tools do with a session's files, on both storages."""

from pathlib import Path
from typing import Any

import pytest

from chatjuicer.accounts.models import User
from files_app import attachments
from files_app.attachments import Attachment, InvalidAttachment
from files_app.exceptions import FileChanged, FileTooLarge, NoSuchFile
from files_app.models import File, bytes_of
from files_app.storage import FileStorage
from files_app.workspace import Workspace, copy_of
from sessions_app.models import ChatSession
from tests.files_app.conftest import assert_books_balance

pytestmark = pytest.mark.django_db(transaction=True)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)


@pytest.fixture
def workspace(storage: FileStorage, session: ChatSession) -> Workspace:
    return Workspace(session)


def test_what_is_written_is_found_by_every_spelling_of_its_path(workspace: Workspace, storage: FileStorage) -> None:
    workspace.write("sources/a.txt", b"from a person")
    workspace.write("b.txt", b"made")
    for said in ("sources/a.txt", "input/a.txt", "a.txt", "./a.txt", "./sources/a.txt"):
        assert workspace.read_bytes(said)[1] == b"from a person"
    assert workspace.read_bytes("output/b.txt")[1] == b"made"
    assert workspace.write("a.txt", b"edited").path == "sources/a.txt"
    assert workspace.read_bytes("a.txt")[1] == b"edited"
    with pytest.raises(NoSuchFile):
        workspace.read_bytes("output/a.txt")
    with pytest.raises(FileTooLarge):
        workspace.read_bytes("a.txt", 5)
    assert_books_balance(storage)


def test_folders_are_listed_and_names_searched(workspace: Workspace) -> None:
    for path in ("sources/a.txt", "sources/Reports/Q1.PDF", "sources/Reports/old/q2.pdf", "output/x.md"):
        workspace.write(path, b"x")
    assert [(entry.path, entry.kind, entry.file_count) for entry in workspace.list(".")] == [
        ("sources", "folder", 3),
        ("output", "folder", 1),
    ]
    assert [entry.name for entry in workspace.list("sources")] == ["Reports", "a.txt"]
    assert [entry.path for entry in workspace.list("Reports")] == ["sources/Reports/old", "sources/Reports/Q1.PDF"]
    with pytest.raises(NoSuchFile):
        workspace.list("nowhere")
    assert workspace.source_names() == ["Reports/Q1.PDF", "Reports/old/q2.pdf", "a.txt"]

    def found(pattern: str, base: str = ".") -> list[str]:
        return [entry.path for entry in workspace.search(pattern, base)]

    assert found("*.pdf") == found("**/*.pdf") == ["sources/Reports/Q1.PDF", "sources/Reports/old/q2.pdf"]
    assert found("sources/*.txt") == ["sources/a.txt"]
    assert found("q?.pdf", "sources/Reports/old") == ["sources/Reports/old/q2.pdf"]
    assert found("*", "output") == ["output/x.md"]
    assert found("[") == []


def test_an_edit_of_what_another_has_changed_is_refused(workspace: Workspace, storage: FileStorage) -> None:
    workspace.write("output/a.txt", b"one")
    read, _ = workspace.read_bytes("output/a.txt")
    workspace.write("output/a.txt", b"two")
    with pytest.raises(FileChanged):
        workspace.write("output/a.txt", b"three", replacing=read)
    assert workspace.read_bytes("output/a.txt")[1] == b"two"
    assert_books_balance(storage)


def test_a_local_copy_is_private_and_goes_with_its_block(workspace: Workspace) -> None:
    workspace.write("sources/evil; name.txt", b"x" * 1000)
    with copy_of(workspace.find("evil; name.txt")) as path:
        assert path.read_bytes() == b"x" * 1000
        assert path.name == "file.txt"
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()


def test_who_writes_into_a_deleted_session_leaves_no_bytes(
    workspace: Workspace, storage: FileStorage, session: ChatSession
) -> None:
    workspace.write("a.txt", b"x")
    ChatSession.objects.get(pk=session.pk).remove()
    with pytest.raises(ChatSession.DoesNotExist):
        workspace.write("b.txt", b"x")
    assert_books_balance(storage)


def test_a_write_that_fails_leaves_the_old_bytes(
    workspace: Workspace, storage: FileStorage, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("a.txt", b"old")

    def broken(*_: object, **__: object) -> File:
        raise OSError("the disk is full")

    monkeypatch.setattr(type(File.objects), "put", broken)
    with pytest.raises(OSError, match="full"):
        workspace.write("a.txt", b"new")
    assert workspace.read_bytes("a.txt")[1] == b"old"
    assert_books_balance(storage)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_local_bytes_are_readable_by_nobody_else(workspace: Workspace, storage: FileStorage) -> None:
    path = storage.local_path(workspace.write("a.txt", b"x").storage_key)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("shape", [None, 1, "x", {"a": 1}, [1], ["x"], [{}], [[]], [{"file_id": 5}]])
def test_what_a_client_calls_attachments_may_be_none(shape: Any) -> None:
    assert Attachment.all_of({"attachments": shape}) == Attachment.all_of({}) == []


def test_an_attachment_is_a_reference_to_a_file_of_the_session(
    workspace: Workspace, session: ChatSession, mallory: User
) -> None:
    picture, note = workspace.write("sources/cat.png", PNG), workspace.write("sources/note.txt", b"hello")
    by_path = {"type": "image_ref", "filename": "cat.png", "path": "input/cat.png"}
    by_name = {"type": "image_ref", "filename": "cat.png", "path": "/old/client/data/cat.png"}
    found = attachments.resolve(session, [{"file_id": str(note.pk)}, by_path, by_name, {"file_id": str(picture.pk)}])
    assert [(one.path, one.is_image) for one in found] == [("sources/note.txt", False), ("sources/cat.png", True)]
    assert Attachment.all_of({"attachments": [one.reference() for one in found]}) == found
    assert attachments.image_bytes(session.pk, found[1].file_id) == ("image/png", PNG)
    assert attachments.image_bytes(session.pk, found[0].file_id) is None
    assert attachments.image_bytes(session.pk, "what an import names") is None

    hers = ChatSession.objects.open(mallory)[0]
    foreign = Workspace(hers).write("sources/hers.png", PNG)
    assert attachments.image_bytes(session.pk, str(foreign.pk)) is None
    for wrong in (
        {"file_id": str(foreign.pk)},
        {"file_id": 5},
        {"file_id": None},
        {"file_id": "x"},
        {"type": "image_ref", "filename": "hers.png", "path": "sources/hers.png"},
        {"type": "image_ref", "filename": "../../etc/passwd", "path": ["a"]},
        {"type": "image_ref"},
        {"type": "image_url", "url": "http://127.0.0.1/"},
        {},
        "cat.png",
        None,
    ):
        with pytest.raises(InvalidAttachment):
            attachments.resolve(session, [wrong])
    with pytest.raises(InvalidAttachment):
        attachments.resolve(session, [by_path] * 21)
    workspace.find("cat.png").remove()
    assert attachments.image_bytes(session.pk, found[1].file_id) is None


def test_bytes_that_no_file_keeps_are_gone_after_the_block(
    workspace: Workspace, session: ChatSession, storage: FileStorage, tmp_path: Path
) -> None:
    from files_app.incoming import Incoming

    with Incoming(10) as incoming:
        incoming.write(b"x")
        with bytes_of(session, incoming) as (stored, _):
            assert storage.size_of(stored.key) == 1
    assert_books_balance(storage)
