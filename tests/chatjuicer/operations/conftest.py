"""Commands of an operator, run as one would: as processes of their own, on a database of their own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.harness.server import ROOT, Site
from tests.harness.services import until

Start: TypeAlias = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `manage.py …` in a site's environment and waits until it says that it works."""
    started: list[subprocess.Popen[str]] = []

    def start(site: Site, *arguments: str, says: str) -> subprocess.Popen[str]:
        path = tmp_path / f"{len(started)}.log"
        with path.open("w") as log:
            command = [sys.executable, "manage.py", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, env=site.environment, stdout=log, stderr=log, text=True)
        started.append(process)
        until(lambda: says in path.read_text() or process.poll() is not None, f"{arguments} says {says!r}")
        assert process.poll() is None, path.read_text()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
