import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def generated_secret(directory: Path) -> str:
    """The key kept in `directory`, made at the first call by whichever process comes first."""
    path = directory / "secret_key"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A temporary file has mode 0600. Linking it into place succeeds once and never shows half a key.
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=".secret_key") as draft:
        draft.write(secrets.token_urlsafe(64))
        draft.flush()
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
    return path.read_text().strip()
