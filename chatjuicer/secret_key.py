import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from chatjuicer.environment import BadSetting


def make(directory: Path) -> None:
    """DATA_DIR. Raises BadSetting."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        raise BadSetting("DATA_DIR", "a directory that is there or can be made", str(directory)) from None
    close_to_others(directory)


def close_to_others(directory: Path) -> None:
    """One that was made before, by hand or by an older version, may be open. What is not ours is left alone."""
    with contextlib.suppress(OSError):
        mode = directory.stat().st_mode
        if mode & 0o077 and directory.stat().st_uid == os.geteuid():
            directory.chmod(mode & 0o700)


def generated_secret(directory: Path) -> str:
    return kept(directory, "secret_key", lambda: secrets.token_urlsafe(64))


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def generated_vapid_key(directory: Path) -> str:
    """A private key of the curve P-256, in base64url, as tools for Web Push write it."""
    return kept(directory, "vapid_key", lambda: base64url(secrets.randbelow(P256_ORDER - 1) + 1))


def base64url(key: int) -> str:
    return base64.urlsafe_b64encode(key.to_bytes(32)).rstrip(b"=").decode()


def kept(directory: Path, name: str, made: Callable[[], str]) -> str:
    """The key kept in `directory`, made at the first call by whichever process comes first."""
    make(directory)
    path = directory / name
    try:
        return _kept(path, made)
    except OSError:
        raise BadSetting("DATA_DIR", f"a directory in which {name} can be read and made", str(directory)) from None


def _kept(path: Path, made: Callable[[], str]) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    # A temporary file has mode 0600. Linking it into place succeeds once and never shows half a key.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}") as draft:
        draft.write(made())
        draft.flush()
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
    return path.read_text().strip()
