"""What is put into a server under the simulation: short tokens, and bugs that the simulation must find.

The simulation and the server share a directory: a file in it switches a bug on. Nothing of this is in the product; the
server is changed from outside when it has been loaded.
"""

from __future__ import annotations

from pathlib import Path

from tests.harness.after_loading import python_path

DIRECTORY = "DESKTOP_DIRECTORY"
TOKEN_LIFE = "DESKTOP_TOKEN_LIFE_S"
HERE = Path(__file__).resolve().parent


class Bugs:
    """The simulation's side."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        return {DIRECTORY: str(self.directory), "PYTHONPATH": python_path(HERE)}

    def plant(self, bug: str) -> None:
        (self.directory / bug).touch()

    def mend(self) -> None:
        for path in self.directory.iterdir():
            path.unlink(missing_ok=True)
