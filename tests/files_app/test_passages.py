"""What stands in files is found, on both databases alike: by whom it belongs to, and where it stands."""

from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from chatjuicer.encryption import MARK
from files_app import extract
from files_app.models import File, Passage
from files_app.passages import text as text_of_files
from files_app.passages.split import LEAST_CHARS, MOST_CHARS, pieces
from sessions_app.models import ChatSession
from tests.conftest import refused
from tests.files_app.conftest import form_of
from tests.sessions_app.term_index import pages_of_index, rows_of_index

index_rows = partial(rows_of_index, index="files_app_passages", table="files_app_passage")

STORY = "The night train to Lisbon leaves at nine. "


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> None:
    files = {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"files": files}


@pytest.fixture
def project(alice: User) -> str:
    """With the sessions `s` and `other`; `apart` is in none."""
    project = alice.projects.create(name="Trains")
    for name, in_project in (("s", project), ("other", project), ("apart", None)):
        ChatSession.objects.open(alice, public_id=name, title=f"Of {name}", project=in_project)
    return str(project.pk)


@pytest.fixture
def give(project: str, alice_client: APIClient) -> Callable[..., None]:
    def give(name: str, data: bytes | str, session: str = "s") -> None:
        path = f"/api/sessions/{session}/files/upload"
        body = form_of(name, data.encode() if isinstance(data, str) else data)
        answer = alice_client.post(path, body, content_type="multipart/form-data; boundary=B")
        assert answer.status_code == 201, answer.content

    return give


def pdf(*pages: str) -> bytes:
    kids = " ".join(f"{10 + 2 * n} 0 R" for n in range(len(pages)))
    parts = [
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
        f"2 0 obj<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>endobj",
        "5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj",
    ]
    for n, said in enumerate(pages):
        stream = f"BT /F1 12 Tf 20 200 Td ({said}) Tj ET"
        about = f"/MediaBox[0 0 300 300]/Contents {11 + 2 * n} 0 R/Resources<</Font<</F1 5 0 R>>>>"
        parts.append(f"{10 + 2 * n} 0 obj<</Type/Page/Parent 2 0 R{about}>>endobj")
        parts.append(f"{11 + 2 * n} 0 obj<</Length {len(stream)}>>stream\n{stream}\nendstream endobj")
    return "\n".join([*parts, "trailer<</Root 1 0 R>>\n"]).encode()


def housekeep(task: str = "documents") -> str:
    """What it says of that task."""
    told = StringIO()
    call_command("housekeep", "--wait", "0", stdout=told)
    return next(line for line in told.getvalue().splitlines() if line.startswith(f"{task}:")).split(" in ")[0]


def search(client: APIClient, q: str, session: str = "s", **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/api/sessions/{session}/documents/search", {"q": q, **query})
    assert answer.status_code == 200, answer.content
    assert answer.json()["pending"] == 0
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_a_text_is_cut_where_a_reader_would() -> None:
    text = "\n\n".join(STORY * 9 for _ in range(30)) + "x" * 5000
    whole = list(pieces(text, ()))
    assert "".join("".join(piece.text.split()) for piece in whole) == "".join(text.split())
    assert all(text[p.start : p.start + len(p.text)] == p.text for p in whole)
    assert all(LEAST_CHARS < len(piece.text) <= MOST_CHARS + LEAST_CHARS for piece in whole[:-1])
    assert all(piece.text.startswith("The night") and piece.text.endswith("nine.") for piece in whole[:7])
    of_pages = list(pieces("one\ntwo\n \nfour", (0, 4, 8, 10)))
    assert [(piece.page, piece.text) for piece in of_pages] == [(1, "one"), (2, "two"), (4, "four")]


def test_a_passage_says_where_it_stands(give: Callable[..., None], alice_client: APIClient) -> None:
    give("reports/whales.pdf", pdf("Of fish", "Blue whales sing", "The end"))
    give("letter.txt", f"Dear whale,\n{STORY}")
    assert housekeep() == "documents: 4"
    first, second = search(alice_client, "blue whales whale")
    file = File.objects.get(name="reports/whales.pdf")
    assert first == {
        "session_id": "s",
        "agent_name": None,
        "file_id": str(file.pk),
        "name": "reports/whales.pdf",
        "path": "sources/reports/whales.pdf",
        "content_type": "application/pdf",
        "page": 2,
        "start": first["start"],
        "end": first["start"] + 16,
        "text": "Blue whales sing",
        "marks": [[0, 4], [5, 11]],
        "citation": "[reports/whales.pdf, p. 2]",
    }
    assert (second["page"], second["start"], second["citation"]) == (None, 0, "[letter.txt]")
    assert len(search(alice_client, "whale blue", limit=1)) == 1
    assert search(alice_client, "kangaroo") == []


def test_the_more_and_rarer_words_the_earlier(give: Callable[..., None], alice_client: APIClient) -> None:
    texts = {"a.txt": "the train", "b.txt": "the ferry", "c.txt": "the night train", "d.txt": "the fox, 東京タワー"}
    for name, said in texts.items():
        give(name, said)
    housekeep()

    def found(q: str) -> list[str]:
        return [result["name"] for result in search(alice_client, q)]

    assert found("the night train of yore")[:2] == ["c.txt", "a.txt"]
    assert found("the ferry")[0] == "b.txt" and len(found("the ferry")) == 4
    assert found('"night train"') == ["c.txt"]
    assert found('"train night"') == []
    assert found("train -night") == ["a.txt"]
    assert found("FERR") == ["b.txt"]
    assert found("東京") == ["d.txt"]


@pytest.mark.parametrize("kept", ["plain", "hashed"])
def test_no_syntax_is_an_error(give: Callable[..., None], alice_client: APIClient, settings: Any, kept: str) -> None:
    if kept == "hashed":
        settings.MESSAGE_ENCRYPTION_KEYS, settings.SEARCH_ENCRYPTED = [Fernet.generate_key().decode()], "hashed"
    give("a.txt", "nothing of that kind, 東 é ½ a")
    housekeep()
    for q in (
        '"', "-", '""', "*", "a* OR b NOT (c", "'; DROP TABLE x; --", "AND", "NEAR(a b, 3)", "a:b", "\\", "^a",
        "{a b}: c", "%",
         "&|!", "':*", "a <-> b", "\u202e\ufeff", "a" * 1000, '"a ' * 300, "-a -b", "東" * 900, "é" * 900, "😀",
    ):  # fmt: skip
        search(alice_client, q)
    for query in ("", "q=", "q=%20", "q=a&limit=0", "q=a&limit=51", "q=%00"):
        refused(alice_client.get(f"/api/sessions/s/documents/search?{query}"), 400, "invalid_input")


def test_the_text_of_what_is_cited_is_read_page_by_page(
    give: Callable[..., None], alice_client: APIClient, mallory_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    give("reports/whales.pdf", pdf("Of fish", "Blue whales sing", "The end"))
    give("notes.md", "\n\n".join(f"{n}. {STORY * 20}" for n in range(6)), "other")
    housekeep()
    path = "/api/sessions/s/documents/text"

    def text(**query: Any) -> Any:
        answer = alice_client.get(path, query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    page = text(file="reports/whales.pdf", page=2)
    assert (page["session_id"], page["path"], page["pages"]) == ("s", "sources/reports/whales.pdf", 3)
    assert [(one["page"], one["text"]) for one in page["passages"]] == [(2, "Blue whales sing")]
    assert text(file="sources/reports/whales.pdf")["passages"][1] == page["passages"][0]
    assert text(file="reports/whales.pdf", page=9)["passages"] == []
    whole = text(file="notes.md")  # of the same project
    assert (whole["session_id"], whole["pages"], whole["next_start"]) == ("other", None, None)
    monkeypatch.setattr(text_of_files, "MAX_PASSAGES", 4)
    first = text(file="notes.md")
    rest = text(file="notes.md", start=first["next_start"])
    assert first["passages"] + rest["passages"] == whole["passages"]
    for name in ("fish.pdf", "sources/notes.md", "../notes.md"):
        refused(alice_client.get(path, {"file": name}), 404, "not_found")
    refused(mallory_client.get(path, {"file": "notes.md"}), 404, "not_found")
    for query in ("", "file=", "file=a&page=0", "file=%00"):
        refused(alice_client.get(f"{path}?{query}"), 400, "invalid_input")


def test_only_one_s_own_session_and_its_project_are_searched(
    give: Callable[..., None], project: str, alice: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    for session in ("s", "other", "apart"):
        give(f"{session}.txt", STORY, session)
    mallory_client.post("/api/sessions", {"session_id": "hers"})
    ChatSession.objects.filter(public_id="hers").update(project=project)  # as no door lets her
    housekeep()

    def found(client: APIClient, session: str) -> set[str]:
        return {result["name"] for result in search(client, "lisbon", session)}

    assert found(alice_client, "s") == found(alice_client, "other") == {"s.txt", "other.txt"}
    assert found(alice_client, "apart") == {"apart.txt"}
    assert found(mallory_client, "hers") == set()
    assert mallory_client.get("/api/sessions/s/documents/search?q=lisbon").status_code == 404
    ChatSession.objects.filter(public_id="other").update(namespace="elsewhere")
    assert found(alice_client, "s") == {"s.txt"}
    ChatSession.objects.filter(public_id="other").update(namespace="default")
    alice_client.delete("/api/sessions/other")
    assert found(alice_client, "s") == {"s.txt"}
    alice_client.post("/api/sessions/other/restore")
    assert found(alice_client, "s") == {"s.txt", "other.txt"}
    alice_client.patch("/api/sessions/s", {"project_id": None})
    assert found(alice_client, "s") == {"s.txt"}


def test_passages_go_with_their_bytes(give: Callable[..., None], alice: User, alice_client: APIClient) -> None:
    def left() -> tuple[int, int]:
        return index_rows("lisbon"), Passage.objects.count()

    give("a.txt", STORY)
    housekeep()
    assert left() == (1, 1)
    give("a.txt", "something else")  # in its place
    assert left() == (0, 0)
    housekeep()
    assert search(alice_client, "lisbon") == [] and len(search(alice_client, "something")) == 1
    give("b.txt", STORY)
    housekeep()
    alice_client.post("/api/sessions/s/clear")  # the files stay
    assert left() == (1, 2)
    alice_client.delete("/api/sessions/s/files/b.txt")
    assert left() == (0, 1)
    alice_client.delete("/api/sessions/s?permanent=true")
    assert left() == (0, 0)
    for session in ("other", "apart"):
        give("c.txt", STORY, session)
    housekeep()
    alice_client.delete("/api/sessions/other")
    assert left() == (2, 2)  # it may be restored
    ChatSession.trash.get().remove()
    assert left() == (1, 1)
    alice.remove()
    assert left() == (0, 0)


def test_equal_bytes_are_read_once_and_what_cannot_be_read_is_not_tried_again(
    give: Callable[..., None], alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(path: Path, content_type: str) -> Any:
        read.append(content_type)
        return text_of(path, content_type)

    text_of = extract.text_of
    monkeypatch.setattr(extract, "text_of", counted)
    for name in ("a", "b"):
        give(f"{name}.txt", STORY)
        give(f"{name}.pdf", b"%PDF-1.4 and nothing more")
        give(f"{name}.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40))
    assert housekeep() == "documents: 2"
    assert sorted(read) == ["application/pdf", "text/plain"]
    assert {file.name: file.unreadable for file in File.objects.all()} == {
        "a.txt": "", "b.txt": "",
        "a.pdf": "unreadable", "b.pdf": "unreadable",
        "a.png": "not_text", "b.png": "not_text",
    }  # fmt: skip
    assert len(search(alice_client, "lisbon")) == 2
    assert housekeep() == "documents: 0" and len(read) == 2


def test_after_a_crash_the_rest_is_made_and_strange_passages_go(
    give: Callable[..., None], alice_client: APIClient
) -> None:
    give("long.txt", "\n\n".join(f"{n} {STORY * 30}" for n in range(150)))
    housekeep()
    whole = list(Passage.objects.order_by("start").values_list("start", "text"))
    assert len(whole) == 150
    # In the middle of the second hundred.
    Passage.objects.filter(start__gte=whole[120][0]).delete()
    File.objects.update(indexed_as="")
    housekeep()
    assert list(Passage.objects.order_by("start").values_list("start", "text")) == whole
    # By a version that does not know of passages.
    Passage.objects.update(storage_key="other")
    assert search(alice_client, "lisbon") == []
    told = StringIO()
    call_command("doctor", "--repair", stdout=told)
    assert f"passages of file {File.objects.get().pk}: of bytes" in told.getvalue()
    assert not Passage.objects.exists()


@pytest.mark.only("sqlite", reason="PostgreSQL's vacuum does that")
def test_no_word_of_a_deleted_file_stays_in_the_index(give: Callable[..., None], alice_client: APIClient) -> None:
    give("a.txt", "quixotically written")
    give("b.txt", STORY)
    housekeep()
    alice_client.delete("/api/sessions/s/files/a.txt")
    assert pages_of_index("ixotically", "files_app_passages")
    housekeep()
    assert not pages_of_index("ixotically", "files_app_passages")
    assert (index_rows("lisbon"), len(search(alice_client, "lisbon"))) == (1, 1)


def test_with_encryption_the_same_holds_as_for_messages(
    give: Callable[..., None], alice_client: APIClient, settings: Any
) -> None:
    give("a.txt", STORY)
    housekeep()
    assert index_rows("lisbon") == 1
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    housekeep()
    assert not Passage.objects.exists() and index_rows("lisbon") == 0
    refused(alice_client.get("/api/sessions/s/documents/search?q=lisbon"), 403, "search_off")

    settings.SEARCH_ENCRYPTED = "hashed"
    housekeep()
    assert index_rows("lisbon") == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM files_app_passage")
        assert [row[0].startswith(MARK) for row in cursor.fetchall()] == [True]
    assert [result["marks"] for result in search(alice_client, '"night train" -ferry')] == [[[4, 15]]]

    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.MESSAGE_ENCRYPTION_KEYS]
    assert sum(File.objects.forget_outdated_passages()) == 1
    Passage.objects.overwrite_deleted()
    housekeep()
    assert len(search(alice_client, "lisbon")) == 1
