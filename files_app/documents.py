"""Documents as Markdown. A program of its own, run by `extract` under limits; it knows nothing of the rest.

    python -I documents.py CONTENT_TYPE FILE TIME_S MEMORY_BYTES OUTPUT_BYTES

Each reader loads its library when it is called: all of them together take seconds. It gives the text in parts, and None
where a page begins; PAGE stands there in the output, and nowhere else.
"""

import contextlib
import csv
import io
import json
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

OUT_OF_MEMORY = 12
MAX_COLUMNS = 200
PAGE = "\f"

Parts = Iterator[str | None]


def pdf(path: str) -> Parts:
    from pdfminer.high_level import extract_pages  # noqa: PLC0415
    from pdfminer.layout import LTTextContainer  # noqa: PLC0415

    for page in extract_pages(path):
        yield None
        yield "".join(part.get_text() for part in page if isinstance(part, LTTextContainer))


def word(path: str) -> Iterator[str]:
    import mammoth  # noqa: PLC0415

    with open(path, "rb") as file:
        # Pictures would come as base64.
        yield from markdown(mammoth.convert_to_html(file, convert_image=lambda image: []).value)


def web_page(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        yield from markdown(file.read())


def markdown(html: str | bytes) -> Iterator[str]:
    from bs4 import BeautifulSoup  # noqa: PLC0415
    from markdownify import ATX, MarkdownConverter  # noqa: PLC0415

    page = BeautifulSoup(html, "lxml")
    for unread in page(["script", "style", "template", "noscript"]):
        unread.decompose()
    text: str = MarkdownConverter(heading_style=ATX).convert_soup(page)
    yield re.sub(r"\n{3,}", "\n\n", text).strip()


def workbook(path: str) -> Iterator[str]:
    from openpyxl import load_workbook  # noqa: PLC0415

    # By its name the library would judge what it is.
    with open(path, "rb") as file:
        book = load_workbook(file, read_only=True, data_only=True)
        for sheet in book.worksheets:
            yield f"## {sheet.title}\n"
            # What a sheet says of its own size may be a million empty columns.
            sheet.reset_dimensions()
            yield from table(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS))


def old_workbook(path: str) -> Iterator[str]:
    import xlrd  # noqa: PLC0415

    with xlrd.open_workbook(path, on_demand=True, logfile=io.StringIO()) as book:
        for sheet in book.sheets():
            yield f"## {sheet.name}\n"
            yield from table(sheet.row_values(number, 0, MAX_COLUMNS) for number in range(sheet.nrows))


def slides(path: str) -> Parts:
    from pptx import Presentation  # noqa: PLC0415

    for number, slide in enumerate(Presentation(path).slides, 1):
        yield None
        yield f"## Slide {number}\n"
        yield from shapes(slide.shapes)
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if notes is not None and notes.text.strip():
            yield f"Notes: {notes.text.strip()}\n"


def shapes(found: Iterable[Any]) -> Iterator[str]:
    for shape in found:
        if hasattr(shape, "shapes"):
            yield from shapes(shape.shapes)
        elif getattr(shape, "has_table", False):
            yield from table([cell.text for cell in row.cells] for row in shape.table.rows)
        elif shape.has_text_frame and shape.text_frame.text.strip():
            yield f"{shape.text_frame.text.strip()}\n"


def separated(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        text = decoded(file.read())
    csv.field_size_limit(2**31 - 1)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    yield from table(csv.reader(io.StringIO(text, newline=""), dialect))


def notebook(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        book = json.load(file)
    for cell in book["cells"]:
        source = joined(cell.get("source", ""))
        if cell.get("cell_type") != "code":
            yield f"{source}\n"
            continue
        yield f"```python\n{source}\n```\n"
        for output in cell.get("outputs", []):
            said = joined(output.get("text") or output.get("data", {}).get("text/plain") or "")
            if said.strip():
                yield f"```\n{said.rstrip()}\n```\n"


def joined(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def table(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """As Markdown, the first row its head; rows of nothing are left out."""
    head = True
    for row in rows:
        cells = ["" if cell is None else re.sub(r"\s+", " ", str(cell)).replace("|", "\\|") for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        yield f"| {' | '.join(cells)} |"
        if head:
            yield f"|{' --- |' * len(cells)}"
            head = False
    yield ""


READERS: dict[str, Callable[[str], Parts]] = {
    "application/pdf": pdf,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": word,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": workbook,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": slides,
    "application/vnd.ms-excel": old_workbook,
    "application/x-ipynb+json": notebook,
    "application/xhtml+xml": web_page,
    "text/html": web_page,
    "text/csv": separated,
    "text/tab-separated-values": separated,
}


def decoded(data: bytes, *, cut: bool = False) -> str:
    """`cut`: its last character may lack its end."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        if error.start >= len(data) - 3 and (cut or not before.isascii()):
            return before.decode()
        return data.decode("cp1252", "replace")


def limit(time_s: int, memory_bytes: int, output_bytes: int) -> None:
    with contextlib.suppress(AttributeError):  # no alarm on Windows
        # Should the server die, nobody else will stop this.
        signal.alarm(time_s + 5)
    try:
        import resource  # noqa: PLC0415
    except ImportError:
        return
    limits = {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CPU": time_s,
        "RLIMIT_FSIZE": output_bytes + 1024 * 1024,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 64,
    }
    for name, value in limits.items():
        # Not every system has each, or lets it be set.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def main(content_type: str, path: str, *limits: str) -> int:
    time_s, memory_bytes, output_bytes = map(int, limits)
    limit(time_s, memory_bytes, output_bytes)
    left = output_bytes
    try:
        for part in READERS[content_type](path):
            said = PAGE if part is None else f"{part}\n".replace(PAGE, " ")
            data = said.encode("utf-8", "replace")[:left]
            sys.stdout.buffer.write(data)
            left -= len(data)
            if not left:
                break
        sys.stdout.buffer.flush()
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
