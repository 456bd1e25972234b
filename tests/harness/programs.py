"""Python programs as processes of their own: servers and commands of `manage.py`.

Nine tenths of what a server takes to start are the imports of libraries, and a test run starts hundreds of servers and
commands. So after `fork_from_now_on()` one process loads the libraries, nothing of the product, and forks for each
program: the product itself is loaded anew each time, from the environment that the program is given. What is measured
(tests/benchmarks) is started the plain way.

As a module this is that process: a line of JSON each way for each request.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn, Protocol

from tests.harness.after_loading import ROOT

# What they import in turn comes along. None reads the environment or starts a thread when it is loaded.
LIBRARIES = (
    "agents.extensions",
    "agents.mcp.manager",
    "agents.mcp.server",
    "aiohttp",
    "anyio._backends._asyncio",
    "asgiref.sync",
    "channels.db",
    "channels.generic.websocket",
    "channels.layers",
    "channels_redis.pubsub",
    "corsheaders.middleware",
    "cryptography.fernet",
    "cryptography.hazmat.primitives.ciphers.aead",
    "django.contrib.admin.decorators",
    "django.contrib.admin.views.main",
    "django.contrib.admin.templatetags.admin_list",
    "django.contrib.admindocs.views",
    "django.contrib.auth.password_validation",
    "django.contrib.messages.middleware",
    "django.contrib.postgres.fields",
    "django.contrib.postgres.operations",
    "django.contrib.sessions.backends.db",
    "django.contrib.staticfiles.storage",
    "django.core.management.commands.makemigrations",
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.forms",
    "django.template.engine",
    "django.test.client",
    "django.views.debug",
    "dotenv",
    "drf_spectacular.utils",
    "httpcore2",
    "httptools",
    "httpx",
    "inflection",
    "jinja2",
    "jwt",
    "markdown_it",
    "mcp.client.auth",
    "msgspec",
    "openai.types.chat",
    "openai.types.responses",
    "opentelemetry.trace",
    "orjson",
    "prometheus_client",
    "psycopg_pool",
    "puremagic",
    "pygments.formatters.html",
    "pygments.lexers.special",
    "pyotp",
    "redis.asyncio",
    "requests",
    "rest_framework.metadata",
    "rest_framework.response",
    "rest_framework.serializers",
    "rest_framework_simplejwt.utils",
    "rich.progress",
    "rich.syntax",
    "smtplib",
    "starlette.applications",
    "tiktoken",
    "tomllib",
    "truststore",
    "uritemplate",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
    "websockets.asyncio.client",
    "whitenoise.middleware",
    "yaml",
)


class Program(Protocol):
    """As much of `subprocess.Popen` as the tests need."""

    pid: int
    returncode: int | Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


NOTHING = Path(os.devnull)


def start(
    arguments: list[str],
    environment: dict[str, str],
    output: Path,
    errors: Path | None = None,
    given: Path = NOTHING,
) -> Program:
    """Starts `python <arguments>`: a file, `-m` and a module, or `-c` and code.

    What it says is appended to `output`, and what it says on its standard error to `errors` if that is given. It reads
    what is `given`.
    """
    output.touch()  # so that it can be read from now on
    if _forks:
        return fork_server().start(arguments, environment, given, output, errors or output)
    with given.open("rb") as read, output.open("ab") as out, (errors or output).open("ab") as err:
        command = [sys.executable, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=read, stdout=out, stderr=err)


def run(
    arguments: list[str], environment: dict[str, str], given: str = "", timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """What the program, to which that is `given` to read, has said and its exit status, once it has ended."""
    with (
        tempfile.NamedTemporaryFile("w") as read,
        tempfile.NamedTemporaryFile("r") as output,
        tempfile.NamedTemporaryFile("r") as errors,
    ):
        read.write(given)
        read.flush()
        program = start(arguments, environment, Path(output.name), Path(errors.name), Path(read.name))
        return subprocess.CompletedProcess(arguments, program.wait(timeout), output.read(), errors.read())


def fork_from_now_on() -> None:
    global _forks
    _forks = True


class Forked:
    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.ask(wait=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.02)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int, /) -> None:
        # Until `poll` has seen its end the number is its own, as that of any child that nobody has waited for.
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    def __init__(self) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        atexit.register(self.stop)

    def start(self, arguments: list[str], environment: dict[str, str], *streams: Path) -> Forked:
        pid = self.ask(arguments=arguments, environment=environment, streams=[str(path) for path in streams])
        assert isinstance(pid, int)
        return Forked(self, pid)

    def ask(self, **request: Any) -> int | None:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the fork server has ended")
        return json.loads(answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


_forks = False


@functools.cache
def fork_server() -> ForkServer:
    """The one of this process, which ends with it."""
    return ForkServer()


def main() -> None:
    gc.disable()
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.enable()
    gc.freeze()  # else each program walks through all of the libraries' objects again, which takes half of its start
    for line in sys.stdin:
        request = json.loads(line)
        answer = _status(request["wait"]) if "wait" in request else _fork(request)
        print(json.dumps(answer), flush=True)


def _status(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        _become(**request)
    return pid


def _become(arguments: list[str], environment: dict[str, str], streams: list[str]) -> NoReturn:
    """Does what `python <arguments>` does, and ends as it would."""
    for descriptor, path in enumerate(streams):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT if descriptor else os.O_RDONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    encoding = environment.get("PYTHONIOENCODING")
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115 - as long as the program
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    # Compiled once, and not by each of hundreds of programs, also where the shell's Python is to leave no files behind.
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.modules.pop("sitecustomize", None)
    with suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")
    status: object = None
    try:
        _run(arguments)
    except SystemExit as left:
        status = left.code
    if isinstance(status, str):
        raise SystemExit(status)
    # As any Python ends, but for taking apart all that was loaded: ten times the work of the fork.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0)


def _run(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(ROOT, arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
