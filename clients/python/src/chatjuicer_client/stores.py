"""Where the tokens of a sign-in are kept."""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_at: float
    """Of the access token, in seconds since 1970 by this machine's clock."""
    user: dict[str, Any]


class TokenStore(Protocol):
    """Others may change what is in it at any time: it is read before each use."""

    def load(self) -> Tokens | None: ...
    def save(self, tokens: Tokens | None) -> None: ...


class MemoryStore:
    """Forgotten with the program."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None

    def load(self) -> Tokens | None:
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        self._tokens = tokens


class FileStore:
    """A file that only its owner may read; several programs may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Tokens | None:
        """None also where the file is not one of ours."""
        try:
            tokens = Tokens(**json.loads(self.path.read_text(encoding="utf-8")))
            whole = tokens.access_token + tokens.refresh_token + tokens.user["id"]
            return tokens if isinstance(whole, str) and tokens.expires_at >= 0 else None
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def save(self, tokens: Tokens | None) -> None:
        if tokens is None:
            self.path.unlink(missing_ok=True)
        else:
            write_private(self.path, json.dumps(asdict(tokens)))


def write_private(path: Path, text: str) -> None:
    """All of it or nothing, with mode 0600 in a directory of mode 0700, and on the disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
