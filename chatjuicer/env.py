"""Every setting that comes from outside, read once, here.

Each variable `NAME` may also be given as `NAME_FILE`, the path of a file that holds the value. A `.env`
file at the root is read too; what the environment says wins over it.
"""

import contextlib
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

from environs import FileAwareEnv

from chatjuicer.api.loopback import is_loopback

BASE_DIR = Path(__file__).resolve().parent.parent

# An editor or `echo` ends a file's last line; the value does not hold that.
env = FileAwareEnv(strip_whitespace=True)
if env_file := os.environ.get("ENV_FILE", ".env"):
    env.read_env(str(BASE_DIR / env_file), recurse=False)

HOST: str = env.str("HOST", "127.0.0.1")
PORT: int = env.int("PORT", 8000)
# Set by `make run` alone: the server is somebody's own, on their own machine.
RUN_LOCALLY: bool = env.bool("RUN_LOCALLY", False)
DEBUG: bool = env.bool("DEBUG", False)
LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO").upper()

DATA_DIR: Path = BASE_DIR / env.path("DATA_DIR", Path("data")).expanduser()
DATABASE_URL: str = env.str("DATABASE_URL", "")
DATABASE_POOL_MIN: int = env.int("DATABASE_POOL_MIN", 2)
DATABASE_POOL_MAX: int = env.int("DATABASE_POOL_MAX", 20)
REDIS_URL: str = env.str("REDIS_URL", "")

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"], subcast=str.strip)
CORS_ORIGINS: list[str] = env.list("CORS_ORIGINS", [], subcast=str.strip)
ALLOW_LOCALHOST_NOAUTH: bool = env.bool("ALLOW_LOCALHOST_NOAUTH", RUN_LOCALLY and is_loopback(HOST))
# "count/unit"; empty or "off" is no limit.
RATE_LIMIT_USER: str = env.str("RATE_LIMIT_USER", "1200/min")
RATE_LIMIT_ADDRESS: str = env.str("RATE_LIMIT_ADDRESS", "3000/min")
RATE_LIMIT_LOGIN_ACCOUNT: str = env.str("RATE_LIMIT_LOGIN_ACCOUNT", "10/min")
RATE_LIMIT_LOGIN_ADDRESS: str = env.str("RATE_LIMIT_LOGIN_ADDRESS", "30/min")
# Whether clients on this machine are counted, too.
RATE_LIMIT_LOOPBACK: bool = env.bool("RATE_LIMIT_LOOPBACK", False)
# How many proxies stand before the server and add to X-Forwarded-For; None: one, if it is on this machine.
TRUSTED_PROXIES: int | None = env.int("TRUSTED_PROXIES", None)
ALLOW_REGISTRATION: bool = env.bool("ALLOW_REGISTRATION", False)
DEFAULT_USER_EMAIL: str = env.str("DEFAULT_USER_EMAIL", "local@chatjuicer.dev").strip().lower()
DEFAULT_USER_PASSWORD: str = env.str("DEFAULT_USER_PASSWORD", "")

OPENAI_API_KEY: str = env.str("OPENAI_API_KEY", "")
OPENAI_BASE_URL: str = env.str("OPENAI_BASE_URL", "")
OPENAI_API: str = env.str("OPENAI_API", "responses")
AZURE_OPENAI_ENDPOINT: str = env.str("AZURE_OPENAI_ENDPOINT", "")
AZURE_OPENAI_API_KEY: str = env.str("AZURE_OPENAI_API_KEY", "")
AZURE_OPENAI_API_VERSION: str = env.str("AZURE_OPENAI_API_VERSION", "")
DEFAULT_MODEL: str = env.str("DEFAULT_MODEL", "")
MODEL_STALL_TIMEOUT_S: float = env.float("MODEL_STALL_TIMEOUT_S", 120)
LEASE_S: float = env.float("LEASE_S", 15)
# How long a server that is told to stop lets running answers go on; a second signal ends them at once.
SHUTDOWN_GRACE_S: float = env.float("SHUTDOWN_GRACE_S", 8)
# Between rounds of the housekeeping; 0: none by this process.
HOUSEKEEP_EVERY_S: float = env.float("HOUSEKEEP_EVERY_S", 60)
# After the end of a run its deltas become few rows.
FOLD_AFTER_S: float = env.float("FOLD_AFTER_S", 600)
# Sessions that were not used for so long are archived; 0: none.
ARCHIVE_AFTER_DAYS: float = env.float("ARCHIVE_AFTER_DAYS", 0)
# Model calls of one run.
AGENT_MAX_TURNS: int = env.int("AGENT_MAX_TURNS", 25)
# Open sockets of this process; past them 4429.
MAX_SOCKETS: int = env.int("MAX_SOCKETS", 10_000)
MAX_SOCKETS_PER_USER: int = env.int("MAX_SOCKETS_PER_USER", 2_000)
# Where traces go; the OpenTelemetry SDK reads this and its other variables itself.
OTEL_EXPORTER_OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
# Lets others than this machine read /metrics.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")
# Answers that this process gives to one user at once; further ones wait, and past the second number are refused.
MAX_RUNS_PER_USER: int = env.int("MAX_RUNS_PER_USER", 250)
MAX_QUEUED_RUNS_PER_USER: int = env.int("MAX_QUEUED_RUNS_PER_USER", 1_000)
# Whether this process claims queued runs, or leaves them to others.
SUPERVISE_RUNS: bool = env.bool("SUPERVISE_RUNS", True)

# Fernet keys; the first writes, all read. None: texts are stored as they are.
MESSAGE_ENCRYPTION_KEYS: list[str] = env.list("MESSAGE_ENCRYPTION_KEYS", [], subcast=str.strip)

FILE_STORAGE: str = env.str("FILE_STORAGE", "local")
S3_BUCKET: str = env.str("S3_BUCKET", "")
S3_ENDPOINT: str = env.str("S3_ENDPOINT", "")
AWS_ACCESS_KEY_ID: str = env.str("AWS_ACCESS_KEY_ID", "")
AWS_SECRET_ACCESS_KEY: str = env.str("AWS_SECRET_ACCESS_KEY", "")
AWS_REGION: str = env.str("AWS_REGION", "")
MAX_FILE_SIZE: int = env.int("MAX_FILE_SIZE", 50 * 1024 * 1024)
# Of all files of one user.
USER_QUOTA_BYTES: int = env.int("USER_QUOTA_BYTES", 5 * 1024**3)


def our_mcp_server(module: str) -> dict[str, Any]:
    args = ["-m", f"chat_app.agent.mcp_servers.{module}"]
    return {"transport": "stdio", "command": sys.executable, "args": args, "cwd": str(BASE_DIR)}


OUR_MCP_SERVERS = {"sequential-thinking": our_mcp_server("sequential_thinking"), "fetch": our_mcp_server("fetch")}
MCP_SERVERS: dict[str, Any] = dict(json.loads(env.str("MCP_SERVERS", "") or json.dumps(OUR_MCP_SERVERS)))
# What one call of theirs may take.
MCP_CALL_TIMEOUT_S: float = env.float("MCP_CALL_TIMEOUT_S", 60)
# Names of tools that act only when a person has said so.
TOOLS_REQUIRE_APPROVAL: list[str] = env.list("TOOLS_REQUIRE_APPROVAL", [], subcast=str.strip)


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


SECRET_KEY: str = env.str("SECRET_KEY", "") or generated_secret(DATA_DIR)
