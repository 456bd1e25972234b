"""What was said and is not known to have been accepted, in files that outlive the program."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from chatjuicer_client.stores import write_private


@dataclass(frozen=True, slots=True)
class UnsentMessage:
    session_id: str
    command: dict[str, Any]
    """The `message` command, with its `client_id`: sent again, it is accepted once."""


class UnsentMessages:
    """One file for each, in a directory of one account at one server. Several programs may share it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def keep(self, message: UnsentMessage) -> None:
        """On the disk when this returns. What is kept already keeps its place in the order."""
        path = self._path(message.command["client_id"])
        if not path.exists():
            write_private(path, json.dumps(asdict(message)))

    def forget(self, client_id: str) -> None:
        self._path(client_id).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[UnsentMessage]:
        """Oldest first."""
        found = []
        for path in self.directory.glob("*.json"):
            try:
                found.append((path.stat().st_mtime, UnsentMessage(**json.loads(path.read_text(encoding="utf-8")))))
            except FileNotFoundError:  # another program's was accepted meanwhile
                continue
        found.sort(key=lambda pair: pair[0])
        return (message for _, message in found)

    def _path(self, client_id: str) -> Path:
        return self.directory / f"{sha256(client_id.encode()).hexdigest()[:32]}.json"
