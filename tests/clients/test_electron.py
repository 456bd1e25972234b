"""The desktop shell, as far as it goes without Electron: its modules parse, and its own tests pass."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.page.test_store import node

SHELL = Path(__file__).parents[2] / "clients" / "electron"
MODULES = sorted(
    path
    for pattern in ("*.js", "*.mjs", "lib/*.js", "pages/*.js", "pages/*.cjs", "test/*.mjs")
    for path in SHELL.glob(pattern)
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NODE_OPTIONS": ""}
    return subprocess.run([node(), *arguments], cwd=SHELL, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_each_module_parses(module: Path) -> None:
    done = run("--check", str(module))
    assert done.returncode == 0, done.stderr


def test_the_shell_stays_at_its_server_and_keeps_its_settings() -> None:
    done = run("--test", "--test-reporter=spec", "test/shell.test.mjs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 0" not in done.stdout
