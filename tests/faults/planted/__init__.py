"""What is put into a server under test: places where it may be killed, and bugs that the tools must find.

The tool and the server share a directory: a file in it arms a point or switches a bug on. Nothing of this is in the
product; the server is changed from outside when it has been loaded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.harness.after_loading import python_path

VARIABLE = "FAULTS_DIRECTORY"
HERE = Path(__file__).resolve().parent


class Switches:
    """The tool's side."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: str(self.directory), "PYTHONPATH": python_path(HERE)}

    def arm(self, point: str, nth: int = 1) -> None:
        """The first process to come to `point` for the `nth` time from now on dies there as by kill -9."""
        draft = self.directory / f"draft-{uuid4().hex}"
        draft.write_text(f"{nth} {uuid4().hex}")
        draft.rename(self.directory / f"at-{point}")

    def disarm(self) -> None:
        for path in self.directory.glob("at-*"):
            path.unlink(missing_ok=True)

    def plant(self, bug: str) -> None:
        self._trace(bug).unlink(missing_ok=True)
        (self.directory / f"bug-{bug}").touch()

    def came_into_play(self, bug: str) -> bool:
        """Whether a server did what `bug` is since it was planted: being switched on harms nobody yet."""
        return self._trace(bug).exists()

    def _trace(self, bug: str) -> Path:
        return self.directory / f"trace-of-{bug}"

    def mend(self) -> None:
        for path in self.directory.glob("bug-*"):
            path.unlink(missing_ok=True)

    def set_clock(self, port: int, error_s: float) -> None:
        """Of the server at that port, from now on and after it is started again."""
        draft = self.directory / f"draft-{uuid4().hex}"
        draft.write_text(str(error_s))
        draft.rename(self.directory / f"clock-{port}")

    def set_clocks_right(self) -> None:
        for path in self.directory.glob("clock-*"):
            path.unlink(missing_ok=True)

    def watch_commits(self) -> None:
        (self.directory / "watch-commits").touch()

    def stop_watching_commits(self) -> list[str]:
        """One line for each commit since then."""
        (self.directory / "watch-commits").unlink()
        notes = self.directory / "note-commits"
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return lines


def path_of(name: str) -> str:
    """The server's side."""
    return os.path.join(os.environ[VARIABLE], name)


def leave_trace(bug: str) -> None:
    Path(path_of(f"trace-of-{bug}")).touch()


def replace(owner: Any, name: str, new: Any) -> None:
    """Puts `new` where the product has `name`."""
    assert hasattr(owner, name), f"{owner} has no {name}"
    setattr(owner, name, new)
