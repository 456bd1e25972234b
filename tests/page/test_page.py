"""What the page may do, and that all it needs is here."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

STATIC = Path(__file__).parents[2] / "chat_app" / "static" / "chat"
MODULES = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)


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
    named = re.findall(r'(?:src|href)="/static/([^"]+)"', client.get("/").content.decode())
    assert named
    assert [name for name in named if finders.find(name) is None] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_import_of_a_module_is_there(module: Path) -> None:
    for target in re.findall(r'(?:from|import)\s*\(?"([^"]+)"', module.read_text()):
        assert (module.parent / target).resolve().is_file(), target


def test_vendored_libraries_come_with_version_and_licence() -> None:
    listed = (STATIC / "vendor" / "VENDORED.md").read_text()
    for folder in (path for path in (STATIC / "vendor").iterdir() if path.is_dir()):
        assert (folder / "LICENSE").is_file()
        (source,) = folder.glob("*.js")
        assert f"`{folder.name}/{source.name}`" in listed
        version = re.search(r"\d+\.\d+\.\d+", source.read_text()[:400])
        assert version and version.group() in listed
