"""The page's state, frame by frame: store.test.mjs, run by the Node that Playwright brings along."""

import os
import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

HERE = Path(__file__).parent


def test_the_page_turns_frames_into_the_right_state() -> None:
    done = subprocess.run(
        [node(), "--test", "--test-reporter=spec", str(HERE / "store.test.mjs")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NODE_OPTIONS": ""},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 0" not in done.stdout


def node() -> str:
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    found = str(bundled) if bundled.exists() else shutil.which("node")
    if found is None:
        pytest.fail("Node is missing: install the playwright package of requirements-test.txt, or Node 20 or newer.")
    return found
