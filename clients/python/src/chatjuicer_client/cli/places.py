"""Where the command line keeps what it must know the next time."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from chatjuicer_client.client import LOCAL
from chatjuicer_client.stores import FileStore, write_private
from chatjuicer_client.unsent import UnsentMessages


def config_directory() -> Path:
    """The platform's own place for it; `CHATJUICER_CONFIG_DIR` names another."""
    if named := os.environ.get("CHATJUICER_CONFIG_DIR"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "chatjuicer"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "chatjuicer"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "chatjuicer"


@dataclass(frozen=True, slots=True)
class Place:
    """What is kept for one server."""

    directory: Path
    url: str

    @classmethod
    def of(cls, url: str | None) -> Place:
        """Without `url` it is `CHATJUICER_URL`, or the server that was signed in to last, or one on this machine."""
        directory = config_directory()
        url = url or os.environ.get("CHATJUICER_URL") or _last_server(directory) or LOCAL
        return cls(directory, url.rstrip("/"))

    @property
    def tokens(self) -> FileStore:
        return FileStore(self.directory / "sign-ins" / f"{self._name}.json")

    @property
    def unsent(self) -> UnsentMessages:
        """Of the account: what one person has typed is never sent as another."""
        tokens = self.tokens.load()
        if key := self.api_key:
            account = f"key-{sha256(key.encode()).hexdigest()[:12]}"
        else:
            account = str(tokens.user["id"]) if tokens else "open"
        return UnsentMessages(self.directory / "unsent" / self._name / account)

    @property
    def api_key(self) -> str | None:
        """`CHATJUICER_API_KEY`, or the one that was given to `login`."""
        if key := os.environ.get("CHATJUICER_API_KEY"):
            return key
        try:
            return self._key_file.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def keep_api_key(self, key: str) -> None:
        write_private(self._key_file, key)

    def forget_api_key(self) -> None:
        self._key_file.unlink(missing_ok=True)

    def remember(self) -> None:
        """As the server of commands that name none."""
        write_private(self.directory / "config.json", json.dumps({"server": self.url}))

    @property
    def _key_file(self) -> Path:
        return self.directory / "sign-ins" / f"{self._name}.key"

    @property
    def _name(self) -> str:
        """A file's name for the server: readable, and no other server's."""
        host = re.sub(r"[^A-Za-z0-9.]+", "-", self.url.partition("://")[2])[:40].strip("-")
        return f"{host}-{sha256(self.url.encode()).hexdigest()[:12]}"


def _last_server(directory: Path) -> str | None:
    try:
        server = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("server")
    except (FileNotFoundError, ValueError):
        return None
    return str(server) if server else None
