"""No name leads out of a session's own files."""

import re
import unicodedata
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from files_app import names
from files_app.exceptions import InvalidName, NoSuchFile
from files_app.models import File
from files_app.storage import FileStorage
from files_app.workspace import Workspace
from sessions_app.models import ChatSession
from tests.files_app import hostile
from tests.files_app.conftest import form_of

CANARY = b"nobody may read this"
# An agent's dot for "here" and a slash at the end mean nothing.
TOLERATED = {"a/.", "a/./b", "a/"}
KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(\.\w+)?")


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_a_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        names.clean_name(name)


@pytest.mark.parametrize("name", hostile.HARMLESS)
def test_a_name_that_only_looks_hostile_is_a_name(name: str) -> None:
    assert names.clean_name(name) == unicodedata.normalize("NFC", name)


@pytest.fixture
def canaries(mallory: User, tmp_path: Path, storage: FileStorage) -> list[str]:
    """Other people's things, and the paths and ids that name them."""
    (tmp_path / "app.db").write_bytes(CANARY)
    (tmp_path / "secret_key").write_bytes(CANARY)
    foreign = ChatSession.objects.open(mallory, public_id="hers")[0]
    file = Workspace(foreign).write("sources/hers.txt", CANARY)
    ids = [str(foreign.pk), foreign.public_id, str(file.pk), file.storage_key]
    said = [f"{before}{name}" for before in ("", "sources/", "../", "sources/../../") for name in ids]
    return [*said, "hers.txt", "sources/hers.txt", str(tmp_path / "app.db"), f"../{tmp_path.name}/app.db"]


def tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


@pytest.mark.django_db
def test_the_workspace_reads_nothing_but_the_sessions_own_files(session: ChatSession, canaries: list[str]) -> None:
    workspace = Workspace(session)
    for name in [*hostile.EVERY, *canaries]:
        for said in (name, f"sources/{name}"):
            with pytest.raises((InvalidName, NoSuchFile)):
                workspace.read_bytes(said)
        with pytest.raises((InvalidName, NoSuchFile)):
            workspace.find(name)
        with pytest.raises((InvalidName, NoSuchFile)):
            assert workspace.list(f"{name}/x") == []
        try:
            assert workspace.search(name) == []
        except InvalidName:
            continue


@pytest.mark.django_db
def test_what_the_workspace_writes_stays_below_keys_of_the_servers_own(
    session: ChatSession, canaries: list[str], tmp_path: Path, storage: FileStorage
) -> None:
    before = tree(tmp_path) - {key for key, _ in storage.listing()}
    workspace = Workspace(session)
    for name in set(hostile.REFUSED) - TOLERATED:
        with pytest.raises(InvalidName):
            workspace.write(f"output/{name}", b"x")
    for name in hostile.HARMLESS[::3]:
        assert workspace.write(f"output/{name}", b"mine").session_id == session.pk
    for name in canaries:
        try:
            workspace.write(name, b"mine")
        except InvalidName:
            continue
    keys = [key for key, _ in storage.listing()]
    assert all(KEY.fullmatch(key) for key in keys)
    assert tree(tmp_path) - {f"files/{key}" for key in keys} == {path for path in before if path[:6] != "files/"}
    assert (tmp_path / "app.db").read_bytes() == CANARY
    hers = File.objects.get(session__public_id="hers")
    assert hers.session is not None
    assert Workspace(hers.session).read_bytes("sources/hers.txt")[1] == CANARY


@pytest.mark.slow(reason="hundreds of names, each asked for")
@pytest.mark.django_db
@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_over_rest_a_hostile_name_is_a_400_and_any_other_a_404(
    alice_client: APIClient, session: ChatSession, canaries: list[str]
) -> None:
    for name in [*hostile.EVERY, *canaries]:
        path = quote(name.encode("utf-8", "surrogatepass"), safe="")
        answer = alice_client.get(f"/api/sessions/s/files/{path}/download")
        assert answer.status_code in (400, 404), name
        assert CANARY not in answer.content
        assert "error" in answer.json()
        if name in hostile.REFUSED:
            body = {"filename": name, "size": 1}
            if name not in hostile.SURROGATES:
                assert answer.status_code == 400, name
                for folder in ("sources", "sources/below"):
                    announced = alice_client.post("/api/sessions/s/files/presign-upload", body | {"folder": folder})
                    assert announced.status_code == 400, name


@pytest.mark.django_db
@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_an_upload_by_a_hostile_name_leaves_nothing(
    alice_client: APIClient, session: ChatSession, storage: FileStorage, tmp_path: Path
) -> None:
    names = [*hostile.TRAVERSAL[::5], *hostile.ABSOLUTE[::5], *hostile.BACKSLASHES[::5], *hostile.DOTS]
    for name, folder in product(names, ("sources", "sources/below")):
        answer = alice_client.post(
            f"/api/sessions/s/files/upload?folder={folder}",
            form_of(name, b"x"),
            content_type="multipart/form-data; boundary=B",
        )
        assert answer.status_code == 400, name
        assert answer.json()["error"]["code"] == "invalid_name"
    assert not File.objects.exists()
    assert tree(tmp_path) == set()


@pytest.mark.django_db
@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_composed_and_decomposed_letters_are_one_name(
    alice_client: APIClient, session: ChatSession, storage: FileStorage, upload: Callable[..., Any]
) -> None:
    decomposed = quote("cafe\u0301.txt")
    first = upload("cafe\u0301.txt")
    assert upload("caf\u00e9.txt")["id"] == first["id"]
    assert alice_client.delete(f"/api/sessions/s/files/{decomposed}").status_code == 200
