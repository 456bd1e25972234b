"""What bytes are, told by the bytes themselves; a name decides only among texts and within one container."""

import mimetypes
from pathlib import PurePosixPath

import puremagic

HEAD_BYTES = 8 * 1024
TAIL_BYTES = 64 * 1024

UNKNOWN = "application/octet-stream"
OOXML = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX, PPTX = (
    f"{OOXML}wordprocessingml.document",
    f"{OOXML}spreadsheetml.sheet",
    f"{OOXML}presentationml.presentation",
)
XLS = "application/vnd.ms-excel"
NOTEBOOK = "application/x-ipynb+json"
JSON = "application/json"

# The part that makes a zip archive such a document stands in the directory at its end.
OF_ZIP = {
    b"word/document.xml": DOCX,
    b"xl/workbook.xml": XLSX,
    b"ppt/presentation.xml": PPTX,
    b"META-INF/container.xml": "application/epub+zip",
}
OF_OLE = {
    ".xls": XLS,
    ".doc": "application/msword",
    ".ppt": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
}
OF_TEXT = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": JSON,
    ".ipynb": NOTEBOOK,
    ".html": "text/html",
    ".htm": "text/html",
    ".xml": "application/xml",
    ".svg": "image/svg+xml",
    ".py": "text/x-python",
    ".js": "text/javascript",
    ".css": "text/css",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
# Documents that begin like a text.
MARKED_TEXTS = (b"%PDF-", b"{\\rtf", b"%!PS")

VISIBLE_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# What a download may say that it is. Whatever else it is, a browser might run it, now or in its next version.
SHOWN = {
    *VISIBLE_IMAGES, "text/plain", "text/markdown", "text/csv", "text/tab-separated-values", JSON,
    "application/pdf", "application/zip", "application/epub+zip", DOCX, XLSX, PPTX, NOTEBOOK, *OF_OLE.values(),
    "audio/mpeg", "audio/wav", "audio/ogg", "video/mp4", "video/webm",
}  # fmt: skip


def content_type(head: bytes, tail: bytes, name: str) -> str:
    """`head` and `tail` are the first and last bytes, as many as HEAD_BYTES and TAIL_BYTES."""
    extension = PurePosixPath(name).suffix.lower()
    if is_text(head) and not head.startswith(MARKED_TEXTS):
        return of_markup(head) or OF_TEXT.get(extension, "text/plain")
    if head.startswith(b"PK\x03\x04"):
        return next((kind for mark, kind in OF_ZIP.items() if mark in tail or mark in head), "application/zip")
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return OF_OLE.get(extension, "application/x-ole-storage")
    try:
        found = puremagic.magic_string(head, filename=f"file{extension}")
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    # One brace makes JSON there, and a text it is not.
    return next((match.mime_type for match in found if match.mime_type not in ("", JSON)), UNKNOWN)


def is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) % 2 == 0:
        return True
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut.
        return error.start >= len(head) - 3 and len(head) >= HEAD_BYTES
    return True


def of_markup(head: bytes) -> str:
    start = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith((b"<?xml", b"<!--", b"<svg", b"<!doctype svg")):
        if b"<svg" in start:
            return "image/svg+xml"
        return "text/html" if b"<html" in start else "application/xml"
    return ""


def extension_of(kind: str) -> str:
    """For a file of the server's own, so that other programs know what it holds."""
    return mimetypes.guess_extension(kind, strict=False) or ""


def harmless(kind: str) -> str:
    """What a download says that it is."""
    return kind if kind in SHOWN else UNKNOWN
