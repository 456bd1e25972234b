"""Real server processes, as `make run` starts them."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.attack.marked import require_untold_of_site
from tests.harness import databases, programs, services
from tests.harness.databases import manage
from tests.harness.programs import Program
from tests.harness.services import free_port, until

ROOT = databases.ROOT
EMAIL, PASSWORD = "alice@example.org", "correct horse battery"
READY_TIMEOUT_S = 90
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """One process; its port stays the same when it is started again."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.environment = environment | {"PORT": str(self.port)}
        self.log = log
        self.process: Program | None = None
        self.program = "manage.py"
        self.run_by: list[str] = []  # of Python, before the program: a module that runs one

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, *options: str) -> None:
        """Returns at once; see `wait`."""
        arguments = [*self.run_by, self.program, "serve", *options]
        self.process = programs.start(arguments, self.environment, self.log)

    def wait(self, *, for_agent: bool = True) -> None:
        """Until it serves, and the agent, which is loaded meanwhile, can answer."""
        until(self._ready, f"{self.url} is ready, see {self.log}", READY_TIMEOUT_S)
        if for_agent:
            until(self._has_agent, f"{self.url} has its agent, see {self.log}", READY_TIMEOUT_S)

    def _has_agent(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/health", timeout=5) as answer:
                return bool(json.load(answer).get("agent", "ok") == "ok")  # of which the version before says nothing
        except TimeoutError:  # the agent is being loaded, and others have the processor
            return False

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-4000:]
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{tail}")
        try:
            with urllib.request.urlopen(f"{self.url}/api/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 30) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(how)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        return code

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        self.start()
        self.wait()

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def rss_bytes(self) -> int:
        return rss_bytes(self.pid)


def cpu_s(pid: int) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


KEY_OF_SEEDED = "a former key: what is in the database that sites are given was sealed by it"


class Site:
    """Server processes over one database: SQLite and one process, or PostgreSQL, Redis and several.

    The database is a copy of one that is migrated and has a default user. Where `environment` names another database or
    another user, the first server prepares it, as `make run` does.
    """

    def __init__(self, profile: str, provider_url: str = "", processes: int = 0, **environment: str) -> None:
        self.profile = profile
        self.directory = Path(tempfile.mkdtemp(prefix=f"site-{profile}-"))
        self.prepared = not environment.keys() & {"DATABASE_URL", "DEFAULT_USER_EMAIL", "DEFAULT_USER_PASSWORD"}
        self.database_url = _copy_of_postgres() if profile == "postgres" else ""
        self.environment = _inherited() | {
            "ENV_FILE": os.devnull,
            "HOST": "127.0.0.1",
            "DATA_DIR": str(self.directory / "data"),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": _own_database(services.redis().url) if profile == "postgres" else "",
            "OPENAI_API_KEY": "sk-tests" if provider_url else "",
            "OPENAI_BASE_URL": provider_url,
            "DEFAULT_USER_EMAIL": EMAIL,
            "DEFAULT_USER_PASSWORD": PASSWORD,
            "ALLOW_LOCALHOST_NOAUTH": "true",
            "ALLOW_REGISTRATION": "true",
            "TRUSTED_PROXIES": "1",
            "SECRET_KEY_FALLBACKS": KEY_OF_SEEDED,
            "RATE_LIMIT_LOGIN_ACCOUNT": "off",
            "RATE_LIMIT_LOGIN_EVERYWHERE": "off",
            "RATE_LIMIT_LOGIN_ADDRESS": "off",
            "MCP_SERVERS": "{}",  # each is a process; who needs them says so
            **environment,
        }
        if self.prepared and profile == "sqlite":
            databases.copy_sqlite(Path(self.environment["DATA_DIR"]) / "app.db", *_seeded())
        count = processes or (2 if profile == "postgres" else 1)
        self.servers = [Server(self.environment, self.directory / f"server-{n}.log") for n in range(count)]

    def __enter__(self) -> Self:
        first, *others = self.servers
        try:
            if self.prepared:
                first.start()
            else:
                first.start("--prepare")
                first.wait()
            for server in others:
                server.start()
            for server in self.servers:
                server.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.kill()
        require_untold_of_site(self.logs(), Path(self.environment["DATA_DIR"]))
        if self.database_url:
            services.postgres().drop_database(self.database_url)
        if not os.environ.get("KEEP_SITE"):
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def url(self) -> str:
        return self.servers[0].url

    def manage(self, *arguments: str) -> str:
        return manage(self.environment, *arguments)

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("server-*.log")))


def _seeded() -> tuple[dict[str, str], str, str]:
    user = {"DEFAULT_USER_EMAIL": EMAIL, "DEFAULT_USER_PASSWORD": PASSWORD}
    return _inherited() | {"ENV_FILE": os.devnull, "SECRET_KEY": KEY_OF_SEEDED} | user, "migrate", "seed_default_user"


def _copy_of_postgres() -> str:
    return services.postgres().create_database(databases.postgres_template(*_seeded()))


_databases = 0


def _own_database(redis_url: str) -> str:
    """Redis has sixteen numbered databases; sites of one run take them in turn."""
    global _databases
    if os.environ.get("TEST_REDIS_URL"):
        return redis_url
    _databases = (_databases + 1) % 16
    return urlunsplit(urlsplit(redis_url)._replace(path=f"/{_databases}"))


def _inherited() -> dict[str, str]:
    """The shell's environment, without what would configure the product or name its settings."""
    ours = (
        "OPENAI_",
        "AZURE_OPENAI_",
        "DJANGO_",
        "DATABASE_",
        "REDIS_",
        "S3_",
        "AWS_",
        "ALLOW",
        "CORS_",
        "MODEL_",
        "MCP_",
    )
    names = {"SECRET_KEY", "DEBUG", "DEFAULT_MODEL", "PROVIDERS", "HOST", "PORT"}
    names.add("PYTHONDONTWRITEBYTECODE")  # each of a hundred servers would compile all of the product
    return {k: v for k, v in os.environ.items() if not k.startswith(ours) and k not in names}
