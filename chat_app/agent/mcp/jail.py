"""What a stdio MCP server may reach: the system's programs, what its entry names, and a folder of its own. Of the
server's data, files and secrets it may nothing. How that is kept: files_app/sandbox.py.

An entry names paths by its arguments and its environment: who gives a server a folder wants it to work there.
"""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings

from files_app import sandbox

from .transport import Program

FIRST_USER = 61_185
USERS = 1_000
# Of our environment. It holds our secrets, and a server has its own in its entry's `env`.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
INHERITED = ("PATH", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", *CERTIFICATES)

# Of a system, what programs need. Not /home, /root, /srv, /var and /tmp, and nothing of /etc that holds secrets. Of
# /proc, Landlock keeps them from what other processes hold.
PROGRAMS = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/proc", "/sys", "/run/systemd/resolve",
    *(f"/etc/{name}" for name in (
        "ssl", "ca-certificates", "pki", "crypto-policies", "alternatives", "fonts", "mime.types", "localtime",
        "timezone", "os-release", "passwd", "group", "nsswitch.conf", "resolv.conf", "hosts", "host.conf", "gai.conf",
        "protocols", "services", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    )),
)  # fmt: skip


def program_of(key: str, entry: dict[str, Any]) -> Program:
    """Of an entry of MCP_SERVERS. Looks at many files. Raises KeyError, TypeError or ValueError if it is not valid, and
    OSError if it has no place to write."""
    command, args = str(entry["command"]), [str(part) for part in entry.get("args") or []]
    own = {name: str(text) for name, text in (entry.get("env") or {}).items()}
    cwd = entry.get("cwd")
    if entry.get("sandbox") is False:
        return Program(command, args, inherited("HOME", "TMPDIR") | own, cwd)
    found = shutil.which(command, path=own.get("PATH", os.environ.get("PATH")))
    if found is None:
        raise ValueError("there is no such program")
    places = [*around(found), *around(os.path.realpath(found)), *given(args), *([cwd] if cwd else [])]
    written = [*workplaces(args, own), *paths(entry, "write")]
    user = user_of(key, [found, *places], written)
    folder = own_folder(key, user)
    env = inherited() | {"HOME": str(folder), "TMPDIR": str(folder)} | own
    if not sys.platform.startswith("linux"):
        return Program(command, args, env, cwd or str(folder))
    options = ["--serve", *(["--network"] if entry.get("network") is True else [])]
    options += named("--write", [str(folder), *written])
    certificates = [env[name] for name in CERTIFICATES if name in env]
    secret = hidden()
    for path in [*PROGRAMS, *places, *certificates, *paths(entry, "read")]:
        options += rules(Path(path), secret)
    options += ["--user", str(user)] if user is not None else []
    wrapped = ["-I", "-S", sandbox.__file__, *options, "--", found, *args]
    return Program(sys.executable, wrapped, env, cwd or str(folder))


def inherited(*more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in (*INHERITED, *more) if name in os.environ}


def named(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def paths(entry: dict[str, Any], name: str) -> list[str]:
    """Raises ValueError."""
    value = entry.get(name) or []
    if not isinstance(value, list) or not all(isinstance(path, str) and os.path.isabs(path) for path in value):
        raise ValueError(f"a list of absolute paths as {name}")
    return value


def around(program: str) -> Iterator[str]:
    """Where a program's own files are, such as a virtual environment or an installation of Node: above its `bin`."""
    folder = os.path.dirname(program)
    yield folder
    if os.path.basename(folder) == "bin":
        yield os.path.dirname(folder)
    for base in (sys.prefix, sys.base_prefix):  # what a virtual environment is made of
        if Path(program).is_relative_to(sys.prefix):
            yield base


def given(args: Iterable[str]) -> Iterator[str]:
    """What the operator has named among the arguments: files and folders, and of the first file, which may be a script,
    what lies beside it."""
    found = [arg for arg in args if os.path.isabs(arg) and os.path.exists(arg)]
    yield from found
    yield from (os.path.dirname(arg) for arg in [arg for arg in found if os.path.isfile(arg)][:1])


def workplaces(args: Iterable[str], env: dict[str, str]) -> Iterator[str]:
    """Folders among the arguments, and what the environment names: files, folders, and where a file is to be made."""
    named_in_env = [value for name, value in env.items() if not name.endswith("PATH") and os.path.isabs(value)]
    made = [value if os.path.exists(value) else os.path.dirname(value) for value in named_in_env]
    for place in [*(arg for arg in args if os.path.isabs(arg) and os.path.isdir(arg)), *made]:
        path = Path(os.path.realpath(place))
        is_program = any(path.is_relative_to(os.path.realpath(program)) for program in PROGRAMS)
        if path.exists() and not is_program and not holds_secrets(path):
            yield str(path)


def holds_secrets(path: Path) -> bool:
    """Whether there are secrets below the path, or it is itself below a place of secrets. A whole home, or the whole
    system, may hold any."""
    if path in (Path(path.anchor), Path(os.path.realpath(Path.home())), Path(os.path.realpath(tempfile.gettempdir()))):
        return True
    return any(place.is_relative_to(path) or path.is_relative_to(place) for place in hidden())


def hidden() -> list[Path]:
    """What no server reads, wherever it lies: our data, the settings' file, and files that hold secrets."""
    settings_files = (
        (name, value) for name, value in os.environ.items() if name.endswith("_FILE") and name not in CERTIFICATES
    )
    files = [Path(value) for _, value in settings_files if os.path.isabs(value)]
    base = Path(settings.BASE_DIR)
    found = [Path(settings.DATA_DIR), base / (settings.ENV_FILE or ".env"), base / ".git"]
    return [Path(os.path.realpath(path)) for path in (*found, *files)]


def rules(path: Path, secret: Sequence[Path]) -> Iterator[str]:
    """To read what lies below the path, but for what is secret; of a folder that holds something secret, all else."""
    path, home = Path(os.path.realpath(path)), Path(os.path.realpath(Path.home()))
    if any(path.is_relative_to(place) for place in secret) or path == Path(path.anchor):
        return
    if path == home != Path(os.path.realpath(settings.BASE_DIR)):  # which is so in a container
        return
    if not any(place.is_relative_to(path) for place in (*secret, home)):
        yield from ("--read", str(path))
    elif path.is_dir():
        yield from ("--list", str(path))
        for below in sorted(path.iterdir()):
            yield from rules(below, secret)


def user_of(key: str, reached: Iterable[str], written: Iterable[str]) -> int | None:
    """The user id that the server's process gets when we run as root. None keeps our own: we are not root, or another
    user could not reach the program, or write where it must."""
    if not sandbox.is_root() or sandbox.keeps_root() or not all(map(sandbox.is_open_to_others, reached)):
        return None
    if not all(os.stat(path).st_mode & 0o002 for path in written if os.path.exists(path)):
        return None
    return FIRST_USER + int.from_bytes(sha256(key.encode()).digest()[:4]) % USERS


def own_folder(key: str, user: int | None) -> Path:
    """Kept from one start to the next. Raises OSError."""
    name = sha256(key.encode()).hexdigest()[:16]
    if user is None:
        folder = Path(settings.DATA_DIR) / "mcp" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
    # Who is somebody else does not come into DATA_DIR.
    of_data = sha256(str(settings.DATA_DIR).encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"chatjuicer-{of_data}-{name}"
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, user, user)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
            raise PermissionError(f"{folder} is somebody else's") from None
    return folder
