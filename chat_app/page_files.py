"""The files of the page as they are sent: under an address that changes with what is in them, and packed.

All have one version, so that modules may import each other by relative names without a build. Whoever has a file under
its version need never ask for it again. The JavaScript client, through which the page talks to its server, is sent with
them, below `client/`.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import orjson
from django.conf import settings

ROOT = Path(__file__).parent / "static" / "chat"
CLIENT = settings.BASE_DIR / "clients" / "js" / "src"
FOLDERS = {"": ROOT, "client/": CLIENT}
"""Where the files are, by what their names begin with."""
STYLES = ("fonts", "base", "layout", "conversation", "files", "code", "dialogs")
STYLESHEET = "page.css"  # all of them in one
LARGE_BYTES = 1_000_000
ENTRY = "app.js"
WORKER = "worker.js"
KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
COMPRESSED = (".woff2", ".png")  # by themselves
FONT = "fonts/inter-latin.woff2"  # the one that every page needs
ADDRESS = re.compile(r"/static/chat-(?P<version>[0-9a-f]{12})/(?P<name>[\w./-]+)")
# Imports that the page cannot begin without; those that it makes when something is met are calls.
_IMPORT = re.compile(r"^(?:import|export)\s[^;(]*?\bfrom\s+\"(\.[^\"]+)\"|^import\s+\"(\.[^\"]+)\"", re.MULTILINE)


class PageFile:
    def __init__(self, name: str, plain: bytes) -> None:
        self.name = name
        self.plain = plain
        ending = PurePosixPath(name).suffix
        self.content_type = KINDS.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"

    @cached_property
    def packed(self) -> bytes:
        """By gzip, without a time, so that all processes send the same bytes.

        Of the 178 kB of a first load brotli would save 10 kB as quickly, and 25 kB for a second of each start: too
        little, once for each version of the page, for a compiled package. (The two levels above this one save a
        hundred bytes, for a quarter more of the time.)
        """
        level = 0 if self.name.endswith(COMPRESSED) else 1 if self.is_large else 7
        return gzip.compress(self.plain, compresslevel=level, mtime=0)

    @property
    def is_large(self) -> bool:
        """Few ask for such a file: it is packed when the first one does, and not at each start."""
        return len(self.plain) >= LARGE_BYTES


class PageFiles:
    def __init__(self, folders: Mapping[str, Path]) -> None:
        files = [
            PageFile(prefix + path.relative_to(folder).as_posix(), path.read_bytes())
            for prefix, folder in folders.items()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
        styles = b"\n".join((folders[""] / "css" / f"{name}.css").read_bytes() for name in STYLES)
        files.append(PageFile(STYLESHEET, styles))
        self.by_name = {file.name: file for file in files}
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.name} {len(file.plain)}\n".encode() + file.plain)
        self.version = digest.hexdigest()[:12]

    @property
    def base(self) -> str:
        return f"/static/chat-{self.version}/"

    @cached_property
    def modules(self) -> list[str]:
        """What the page begins with, the module that imports all others first."""
        reached = [ENTRY]
        for name in reached:
            for target in _IMPORT.findall(self.by_name[name].plain.decode()):
                path = _joined(PurePosixPath(name).parent, "".join(target))
                if path not in reached:
                    reached.append(path)
        return reached

    @cached_property
    def worker(self) -> str:
        """The service worker, which keeps what the page needs to open without the server."""
        needed = sorted({*self.modules, "early.js", STYLESHEET, FONT, "favicon.svg"})
        about = orjson.dumps({"version": self.version, "files": [f"{self.base}{name}" for name in needed]}).decode()
        return f"const PAGE = {about};\n{self.by_name[WORKER].plain.decode()}"

    def pack(self) -> None:
        for file in self.by_name.values():
            if not file.is_large:
                _ = file.packed


def page_files() -> PageFiles:
    """Read once; under DEBUG again when one of them has changed."""
    found = (path for folder in FOLDERS.values() for path in folder.rglob("*"))
    return _read(max(path.stat().st_mtime_ns for path in found) if settings.DEBUG else 0)


@cache
def _read(changed_at: int) -> PageFiles:
    return PageFiles(FOLDERS)


def _joined(folder: PurePosixPath, target: str) -> str:
    parts: list[str] = list(folder.parts)
    for part in target.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
