"""Text from documents, and what a hostile document costs."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pptx
import pytest

from files_app import documents, extract, kinds
from files_app.extract import NotADocument, Text, TookTooLong, TookTooMuch, Unreadable

TINY_PDF = """%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F1 18 Tf 20 200 Td (Blue whales sing) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""


def word() -> bytes:
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r" Target="word/document.xml" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
        "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>Blue whales sing</w:t></w:r></w:p></w:body></w:document>",
    }
    return zipped(parts)


def zipped(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def excel() -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["Animal", "Sound"])
    book.active.append(["Blue whales", "sing|hum"])
    book.save(buffer)
    return buffer.getvalue()


def powerpoint() -> bytes:
    deck, buffer = pptx.Presentation(), io.BytesIO()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Blue whales"
    slide.shapes.add_table(1, 2, 0, 0, 100, 100).table.cell(0, 1).text = "sing"
    slide.notes_slide.notes_text_frame.text = "Louder"
    deck.save(buffer)
    return buffer.getvalue()


def notebook() -> bytes:
    cells = [
        {"cell_type": "markdown", "source": ["# Blue whales\n"]},
        {"cell_type": "code", "source": "print('sing')", "outputs": [{"text": ["sing\n"]}]},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str, bytes], Text]:
    def read(name: str, data: bytes) -> Text:
        path = tmp_path / "file"
        path.write_bytes(data)
        kind = kinds.content_type(data[: kinds.HEAD_BYTES], data[-kinds.TAIL_BYTES :], name)
        return extract.text_of(path, kind)

    return read


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.pdf", TINY_PDF.encode(), ["Blue whales sing"]),
        ("a.docx", word(), ["Blue whales sing"]),
        ("a.xlsx", excel(), ["## Sheet", "| Animal | Sound |\n| --- | --- |\n| Blue whales | sing\\|hum |"]),
        ("a.pptx", powerpoint(), ["## Slide 1", "Blue whales", "sing", "Notes: Louder"]),
        ("a.html", b"<html><h1>Blue</h1><script>x=1</script><ul><li>whales</ul>", ["# Blue", "* whales"]),
        ("a.csv", b"Animal;Sound\nBlue whales;sing\n", ["| Animal | Sound |\n| --- | --- |\n| Blue whales | sing |"]),
        ("a.ipynb", notebook(), ["# Blue whales", "```python\nprint('sing')\n```", "```\nsing\n```"]),
        ("a.txt", "Blåval".encode(), ["Blåval"]),
        ("a.txt", "\ufeffBlåval".encode("utf-16-le"), ["Blåval"]),
        ("a.txt", "Valå".encode("latin-1"), ["Valå"]),
        ("a.txt", "Blåvalå".encode()[:-1], ["Blåval"]),
        ("noname", b"plain", ["plain"]),
    ],
    ids=[
        "pdf",
        "word",
        "excel",
        "powerpoint",
        "html",
        "csv",
        "notebook",
        "text",
        "utf-16",
        "latin-1",
        "damaged",
        "unnamed",
    ],
)
def test_a_document_is_read_as_text(read: Callable[..., Text], name: str, data: bytes, said: list[str]) -> None:
    found = read(name, data)
    assert not found.cut
    for part in said:
        assert part in found.text
    assert "x=1" not in found.text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", b"%PDF-1.4 and nothing more"),
        ("a.docx", zipped({"word/document.xml": "<broken"})),
        ("a.xlsx", excel()[:2000] + b"xl/workbook.xml"),
        ("a.bin", bytes(range(256)) * 10),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    ],
)
def test_what_cannot_be_read_is_said_so(read: Callable[..., Text], name: str, data: bytes) -> None:
    with pytest.raises((Unreadable, NotADocument)):
        read(name, data)


def test_a_broken_table_is_read_as_the_text_it_is(read: Callable[..., Text]) -> None:
    assert read("a.ipynb", b'{"cells": 5, "said": "hello"}').text == '{"cells": 5, "said": "hello"}'


def test_no_binary_is_taken_for_a_text(read: Callable[..., Text]) -> None:
    with pytest.raises(NotADocument):
        read("a.txt", b"MZ\0\0" + bytes(100))


def test_no_binary_is_taken_for_json_for_its_first_brace() -> None:
    data = b"{\xd0=A\t\x01D\xaa" * 100
    assert kinds.content_type(data, data, "a.bin") == kinds.content_type(data, data, "a.json") == kinds.UNKNOWN


def test_a_long_text_is_cut(read: Callable[..., Text], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MAX_TEXT_BYTES", 1001)
    for name, data in (("a.csv", "ä,ö\n".encode() * 1000), ("a.txt", "ä".encode() * 1000)):
        found = read(name, data)
        assert found.cut
        assert 400 < len(found.text) <= 1001
        assert "\ufffd" not in found.text


@pytest.mark.slow(reason="it unpacks until its memory is used up")
def test_a_bomb_costs_one_call(read: Callable[..., Text], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MEMORY_LIMIT_BYTES", 150 * 1024 * 1024)
    bomb = zipped({"[Content_Types].xml": "<Types>" + "<x></x>" * 5_000_000 + "</Types>", "word/document.xml": "<w/>"})
    assert len(bomb) < 1_000_000
    with pytest.raises(TookTooMuch):
        read("a.docx", bomb)


def test_a_hang_costs_one_call(read: Callable[..., Text], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A reader that never ends, as a document could make of one.
    program = tmp_path / "hang.py"
    program.write_text("import os, time\nprint(os.getpid(), flush=True)\nos.fork()\ntime.sleep(600)\n")
    monkeypatch.setattr(documents, "__file__", str(program))
    monkeypatch.setattr(extract, "TIME_LIMIT_S", 1)
    started = time.monotonic()
    with pytest.raises(TookTooLong):
        read("a.pdf", TINY_PDF.encode())
    assert time.monotonic() - started < 10


TELLING = """
import os

def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False

print(sorted(os.environ))
print([number for number in range(1000) if is_open(number)])
"""


def test_a_reader_sees_nothing_of_ours(
    read: Callable[..., Text], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "tell.py"
    program.write_text(TELLING)
    monkeypatch.setattr(documents, "__file__", str(program))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    leaked = os.open(tmp_path, os.O_RDONLY)
    try:
        said = read("a.pdf", TINY_PDF.encode()).text
    finally:
        os.close(leaked)
    assert "OPENAI" not in said
    assert "[0, 1, 2]" in said
