"""What docs/clients.md shows, typed as it stands; and the package as it is installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatjuicer_client import __version__
from tests.harness.server import EMAIL, ROOT, Site

DOCUMENT = (ROOT / "docs" / "clients.md").read_text()
PACKAGE = ROOT / "clients" / "python"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


@pytest.mark.only("sqlite", reason="the document is about the client")
def test_the_examples_do_what_the_document_says(environment: dict[str, str], site: Site, tmp_path: Path) -> None:
    (tmp_path / "chatjuicer").write_text(f'#!/bin/sh\nexec {sys.executable} -m chatjuicer_client "$@"\n')
    (tmp_path / "chatjuicer").chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    programs = [[sys.executable, "-W", "error", "-c", program] for program in blocks("python")]
    programs += [["bash", "-euo", "pipefail", "-c", script] for script in blocks("bash")]
    assert len(programs) == 3
    printed = []
    for program in programs:
        program[-1] = program[-1].replace("http://127.0.0.1:8000", site.url).replace("local@chatjuicer.dev", EMAIL)
        done = subprocess.run(
            program,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    first, second, third = printed
    assert first == "You said: count to 20\n(stop)\nYou said: and what time is it?\n"
    assert "word1 word2" in second and "interrupted" in second
    assert "You said: sort this\n\nBeans, rice, soap\n" in third
    assert "sources/list.txt\t18" in third
    assert "first-steps:" in third


def test_the_wheel_holds_the_package_and_its_command(tmp_path: Path) -> None:
    pytest.importorskip("flit_core", reason="the build backend of clients/python is not installed")
    build = "import sys; from flit_core.buildapi import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=PACKAGE, capture_output=True, text=True, check=True
    )
    wheel = tmp_path / built.stdout.strip().splitlines()[-1]
    assert wheel.name == f"chatjuicer_client-{__version__}-py3-none-any.whl"
    imported = (
        "import sys; sys.path.insert(0, sys.argv[1]); from chatjuicer_client.cli.main import main; main(['--version'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", imported, str(wheel)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"chatjuicer-client {__version__}\n"), done.stderr
