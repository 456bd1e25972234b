"""What the documents say is there is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", document.read_text())) <= targets


def test_every_setting_is_explained() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    names = re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', (ROOT / "chatjuicer" / "settings.py").read_text())
    assert "LOG_FORMAT" in names
    assert [name for name in names if name not in operations] == []
