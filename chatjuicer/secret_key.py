import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def close_to_others(directory: Path) -> None:
    """One that was made before, by hand or by an older version, may be open. What is not ours is left alone."""
    with contextlib.suppress(OSError):
        mode = directory.stat().st_mode
        if mode & 0o077 and directory.stat().st_uid == os.geteuid():
            directory.chmod(mode & 0o700)


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
