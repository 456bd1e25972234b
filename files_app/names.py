"""What a file may be called. A name lives in a row and nowhere else: it never becomes a path on a disk."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from files_app.exceptions import InvalidName

SOURCES, OUTPUT = "sources", "output"
FOLDERS = (SOURCES, OUTPUT)
"""Of a session."""
AGENT = "agent"
"""That of an agent, whose files are read in the sessions that choose it."""
ALIASES = {"input": SOURCES}

MAX_NAME_BYTES = 255
# Controls, lone surrogates, and what breaks a line.
FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
# They turn the text that follows around, so that "exe.txt" may end in something else.
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
DRIVE = re.compile(r"[A-Za-z]:/")

# The same rules for OpenAPI, as ECMAScript writes them. It counts characters, of which a name has no more than bytes.
_REFUSED = r"/\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_SEGMENT = rf"(?!\.\.?(?:/|$))[^{_REFUSED}]*[^\s{_REFUSED}][^{_REFUSED}]*"
_NAME = rf"(?![A-Za-z]:/){_SEGMENT}(?:/{_SEGMENT})*"
NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES, "pattern": f"^{_NAME}$"}


def folder_schema(*folders: str) -> dict[str, Any]:
    return {
        "type": "string",
        # A name of its own below each of them, and in the one that is called longest as much as leaves room for one.
        "maxLength": len("input/") + MAX_NAME_BYTES,
        "pattern": f"^(?:(?:{'|'.join(folders)})(?:/{_NAME})?/?)?$",
    }


FOLDER_SCHEMA = folder_schema(*FOLDERS, *ALIASES)
AGENT_FOLDER_SCHEMA = folder_schema(AGENT)


def clean_name(text: str) -> str:
    """`text` as a relative path in Unicode's composed form. Raises InvalidName."""
    if not text:
        raise InvalidName("A file needs a name.")
    if len(text) > MAX_NAME_BYTES * 2:
        raise InvalidName(f"A name has at most {MAX_NAME_BYTES} bytes.")
    if any(unicodedata.category(character) in FORBIDDEN_CATEGORIES for character in text):
        raise InvalidName("A name has no control characters.")
    if TURNING.intersection(text):
        raise InvalidName("A name does not change the direction of writing.")
    name = unicodedata.normalize("NFC", text)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidName(f"A name has at most {MAX_NAME_BYTES} bytes.")
    if "\\" in name:
        raise InvalidName("A name has no backslashes.")
    if name.startswith("/") or DRIVE.match(name):
        raise InvalidName("A name is not an absolute path.")
    for segment in name.split("/"):
        if segment in ("", ".", "..") or segment.isspace():
            raise InvalidName("Each part of a name is a name of its own: neither empty nor dots alone.")
    return name


def clean_name_in(prefix: str, text: str) -> str:
    """`text` below a folder, whose name, or nothing, is the `prefix`. Raises InvalidName where either is no name."""
    return clean_name(prefix + clean_name(text))


def clean_folder(text: str, folders: Sequence[str] = FOLDERS) -> tuple[str, str]:
    """One of `folders`, or a folder below: the first of its parts, and the rest, empty or ending in "/"."""
    folder, slash, below = text.removesuffix("/").partition("/")
    folder = ALIASES.get(folder, folder)
    if folder not in folders:
        raise InvalidName(f"A folder is {' or '.join(folders)}, or stands below.")
    return folder, f"{clean_name(below)}/" if slash else ""


def clean_path(text: str, folders: Sequence[str] = FOLDERS) -> tuple[str, str]:
    """A path as an agent says it: its folder, "" if it names none of `folders`, and the rest, "" for the folder
    itself."""
    if text.startswith("/") or "//" in text:
        raise InvalidName("A path is relative to the session's own folders.")
    said = "/".join(part for part in text.split("/") if part not in ("", "."))
    if not said:
        return "", ""
    first, _, rest = clean_name(said).partition("/")
    first = ALIASES.get(first, first)
    if first in folders:
        return first, clean_name(rest) if rest else ""
    return "", clean_name(said)
