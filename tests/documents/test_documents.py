"""What the documents say is there is there."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OF_TODAY = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
ROOMS = ("chat_app", "chatjuicer", "clients", "docs", "files_app", "sessions_app", "tests")
PATH = re.compile(r"`((?:[\w-]+/)+(?:[\w-]+\.(?:py|js|css|md|yaml|html|toml))?)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert broken == []


@pytest.fixture(scope="module")
def paths() -> str:
    """Of all files and folders, one a line: `/chat_app/log/journal.py`, `/chat_app/log/`."""
    lines = []
    for room in ROOMS:
        for folder, folders, files in os.walk(ROOT / room):
            folders[:] = [name for name in folders if name not in ("node_modules", "__pycache__")]
            place = Path(folder).relative_to(ROOT).as_posix()
            lines += [f"/{place}/\n", *(f"/{place}/{name}\n" for name in files)]
    return "".join(lines)


@pytest.mark.parametrize("document", OF_TODAY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_files_and_folders_that_it_names_are_there(document: Path, paths: str) -> None:
    """A path may leave out the room."""
    named = PATH.findall(document.read_text())
    assert [path for path in named if f"/{path}\n" not in paths] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", document.read_text())) <= targets


def test_every_setting_is_explained() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    names = re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', (ROOT / "chatjuicer" / "settings.py").read_text())
    assert "LOG_FORMAT" in names
    assert [name for name in names if name not in operations] == []
