"""What the page may do, and that all it needs is here."""

import hashlib
import posixpath
import re
from pathlib import Path

import httpx
import pytest
from django.test import Client

from chat_app.page_files import page_files
from tests.harness.server import Site

STATIC = Path(__file__).parents[2] / "chat_app" / "static" / "chat"
MODULES = sorted(name for name in page_files().by_name if name.endswith(".js") and not name.startswith("vendor/"))


def test_the_page_runs_only_its_own_files(client: Client) -> None:
    response = client.get("/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src testserver/static/;" in policy
    assert "unsafe" not in policy
    assert response["Cache-Control"] == "no-store"
    text = response.content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]+src=)", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


def test_every_file_that_the_page_names_is_there(client: Client) -> None:
    named = re.findall(r'(?:src|href)="([^"#]+)"', client.get("/").content.decode())
    files = page_files()
    assert {f"{files.base}{name}" for name in ("app.js", "early.js", "page.css")} <= set(named)
    assert [name for name in named if name.removeprefix(files.base) not in files.by_name] == []


def test_files_of_the_page_are_packed_and_kept_for_as_long_as_they_are_the_same(site: Site) -> None:
    files = page_files()
    with httpx.Client(base_url=site.url, trust_env=False) as browser:
        sent = browser.get(f"{files.base}app.js")
        assert sent.headers["Content-Encoding"] == "gzip"
        assert sent.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert sent.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert sent.content == files.by_name["app.js"].plain
        assert browser.get(f"{files.base}app.js", headers={"Accept-Encoding": "identity"}).content == sent.content
        of_yesterday = browser.get("/static/chat-000000000000/app.js")  # asked for by a page that is still open
        assert of_yesterday.headers["Cache-Control"] == "no-cache"
        assert of_yesterday.content == sent.content
        assert browser.get(f"{files.base}../../settings.py").status_code == 404


@pytest.mark.parametrize("module", MODULES)
def test_every_import_of_a_module_is_there(module: str) -> None:
    files = page_files().by_name
    for target in re.findall(r'(?:from|import)\s*\(?"(\.[^"]+)"', files[module].plain.decode()):
        assert posixpath.normpath(posixpath.join(posixpath.dirname(module), target)) in files, target


def test_fonts_come_with_licence_and_checksum() -> None:
    listed = (STATIC / "vendor" / "VENDORED.md").read_text()
    fonts = list((STATIC / "fonts").glob("*.woff2"))
    named = re.findall(r'url\("([^"]+)"', (STATIC / "css" / "fonts.css").read_text())
    assert sorted(named) == sorted(f"fonts/{font.name}" for font in fonts)
    for font in fonts:
        assert f"| `../fonts/{font.name}` | `{hashlib.sha256(font.read_bytes()).hexdigest()}` |" in listed
    for licence in re.findall(r"fonts/(LICENSE-\w+)", listed):
        assert "SIL Open Font License" in (STATIC / "fonts" / licence).read_text()


def test_vendored_libraries_come_with_version_and_licence() -> None:
    listed = (STATIC / "vendor" / "VENDORED.md").read_text()
    for folder in (path for path in (STATIC / "vendor").iterdir() if path.is_dir()):
        assert (folder / "LICENSE").is_file()
        (source,) = folder.glob("*.js")
        for path in (path for path in folder.rglob("*") if path.is_file() and "LICENSE" not in path.name):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert re.search(rf"`{path.relative_to(folder.parent)}`.*`{digest}` \|$", listed, re.MULTILINE), path
        version = re.search(r"\d+\.\d+\.\d+", source.read_text()[:400])
        assert version and version.group() in listed
