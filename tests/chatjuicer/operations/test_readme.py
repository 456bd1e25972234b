"""The quick start, line by line, as a newcomer types it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.server import ROOT, Site
from tests.harness.sites import Sites

README = (ROOT / "README.md").read_text()
COUNTED = ", ".join(map(str, range(1, 21)))


@pytest.fixture(scope="module")
def site(sites: Sites) -> Iterator[Site]:
    with sites.own({"DEFAULT_USER_EMAIL": "local@chatjuicer.dev"}, processes=1, demo=True) as site:
        yield site


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def typed(text: str, site: Site) -> str:
    """What a reader types, for this site and this environment."""
    return text.replace("http://127.0.0.1:8000", site.url).replace(
        "ws://127.0.0.1:8000", site.url.replace("http", "ws", 1)
    )


def test_the_shell_lines(site: Site) -> None:
    script = "\n".join(blocks("bash"))
    assert script.count("curl") >= 8
    script = typed(script, site).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for said in (
        '"session_id":"first-steps"',
        '"type":"stream_end"',
        '"type":"stream_start"',
        '"total_count"',
        "id: 3",
    ):
        assert said in done.stdout, said
    assert '"email":"local@chatjuicer.dev"' in done.stdout


def test_the_socket_client_loses_its_connection_and_no_word(site: Site, tmp_path: Path) -> None:
    (program,) = blocks("python")
    (tmp_path / "talk.py").write_text(typed(program, site))
    opening = typed(blocks("bash")[0], site)
    subprocess.run(["bash", "-euo", "pipefail", "-c", opening], capture_output=True, check=True)
    done = subprocess.run(
        [sys.executable, tmp_path / "talk.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Counting as the offline demo model: {COUNTED}.\n"


def test_the_interactive_client_is_installed_with_the_server() -> None:
    assert ".venv/bin/websockets" in README
    assert "websockets==" in (ROOT / "requirements.txt").read_text()
    assert (Path(sys.executable).parent / "websockets").exists()
