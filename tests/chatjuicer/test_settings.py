"""The settings as a process sees them: each test starts one."""

import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness import programs

pytestmark = pytest.mark.slow(reason="each test starts processes")

ROOT = Path(__file__).resolve().parents[2]


def python(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return programs.run([*arguments], inherited | {"ENV_FILE": "", "DATA_DIR": str(data)} | environment)


def manage(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(data, "manage.py", *arguments, **environment)


def value_of(data: Path, name: str, **environment: str) -> str:
    """Read without the applications, which take most of a start."""
    done = python(data, "-c", f"from chatjuicer import settings; print(settings.{name})", **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({"ALLOWED_HOSTS": "*"}, "Name the hosts"),
        ({"SECRET_KEY": "short"}, "Unset it, and one is generated"),
        ({"TOKEN_KEY": "short"}, "Unset it, and SECRET_KEY signs tokens"),
        ({"SECRET_KEY_FALLBACKS": f"{'a long key of before, ' * 2},short"}, "Take it out of SECRET_KEY_FALLBACKS"),
        ({"TOKEN_KEY_FALLBACKS": "short"}, "Take it out of TOKEN_KEY_FALLBACKS"),
        ({"CORS_ORIGINS": "*"}, "Name the origins"),
        ({"HOST": "0.0.0.0", "ALLOW_LOCALHOST_NOAUTH": "true"}, "Unset ALLOW_LOCALHOST_NOAUTH"),
        ({"HOST": "0.0.0.0", "DEBUG": "true"}, "Unset DEBUG"),
        ({"HOST": "0.0.0.0", "RUN_LOCALLY": "true", "ALLOWED_HOSTS": "*"}, "Name the hosts"),
        ({"DEFAULT_USER_PASSWORD": "short"}, "Give a longer one"),
        ({"FILE_STORAGE": "S3"}, "Unset it to keep files below DATA_DIR"),
        ({"FILE_STORAGE": "s3"}, "Set S3_BUCKET"),
    ],
)
def test_an_unsafe_server_does_not_start(tmp_path: Path, environment: dict[str, str], hint: str) -> None:
    done = manage(tmp_path, "serve", **environment)
    assert done.returncode == 1
    assert f"HINT: {hint}" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HOST": "0.0.0.0", "ALLOWED_HOSTS": "chat.example.org"},
        {"RUN_LOCALLY": "true", "ALLOWED_HOSTS": "*"},
    ],
)
def test_a_safe_one_has_nothing_to_say(tmp_path: Path, environment: dict[str, str]) -> None:
    done = manage(tmp_path, "check", **environment)
    assert done.returncode == 0, done.stderr


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as starts:
        keys = set(starts.map(lambda _: value_of(tmp_path / "new", "SECRET_KEY"), range(3)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    kept = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert kept == {"secret_key": 0o600, "vapid_key": 0o600}


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    for text in ("sk-from-a-file", "sk-from-a-file\n", "sk-from-a-file\r\n"):
        (tmp_path / "key").write_text(text)
        assert value_of(tmp_path, "OPENAI_API_KEY", OPENAI_API_KEY_FILE=str(tmp_path / "key")) == "sk-from-a-file"
    (tmp_path / "yes").write_text("true\n")
    assert value_of(tmp_path, "ALLOW_REGISTRATION", ALLOW_REGISTRATION_FILE=str(tmp_path / "yes")) == "True"


def test_names_in_a_list_may_stand_apart(tmp_path: Path) -> None:
    hosts = value_of(tmp_path, "ALLOWED_HOSTS", ALLOWED_HOSTS="chat.example.org, localhost")
    assert hosts == "['chat.example.org', 'localhost']"


def test_a_dot_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("DEFAULT_MODEL=from-the-file\nPORT=8123\n")
    file = {"ENV_FILE": str(tmp_path / "env")}
    assert value_of(tmp_path, "DEFAULT_MODEL", **file) == "from-the-file"
    assert value_of(tmp_path, "DEFAULT_MODEL", **file, DEFAULT_MODEL="said") == "said"


@pytest.mark.parametrize(
    ("environment", "open_to_loopback"),
    [
        ({}, "False"),
        ({"RUN_LOCALLY": "true"}, "True"),
        ({"RUN_LOCALLY": "true", "HOST": "0.0.0.0"}, "False"),
        ({"RUN_LOCALLY": "true", "ALLOW_LOCALHOST_NOAUTH": "false"}, "False"),
    ],
)
def test_no_password_is_needed_only_where_make_run_serves_this_machine(
    tmp_path: Path, environment: dict[str, str], open_to_loopback: str
) -> None:
    assert value_of(tmp_path, "ALLOW_LOCALHOST_NOAUTH", **environment) == open_to_loopback


def test_a_database_url_names_a_pooled_postgresql(tmp_path: Path) -> None:
    url = "postgresql://ann:p%40ss@db.example.org:5433/chat?sslmode=require"
    database = value_of(tmp_path, "DATABASES['default']", DATABASE_URL=url)
    for part in ("'NAME': 'chat'", "'PASSWORD': 'p@ss'", "'PORT': '5433'", "'sslmode': 'require'", "'pool'"):
        assert part in database


@pytest.mark.parametrize("environment", [{}, {"SECRET_KEY": "0123456789abcdef" * 4}])
def test_what_is_kept_is_nobody_else_s(tmp_path: Path, environment: dict[str, str]) -> None:
    """Nor is what was left open before."""
    data = tmp_path / "data"
    for left in (None, 0o755, 0o777):
        if left:
            data.chmod(left)
        assert manage(data, "check", **environment).returncode == 0
        assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_both_of_our_mcp_servers_are_there_unless_others_are_named(tmp_path: Path) -> None:
    code = "from django.test import Client; print(Client().get('/api/config', headers={'host': 'localhost'}).json())"

    def listed(**environment: str) -> str:
        done = manage(tmp_path, "shell", "--no-imports", "-c", code, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "'mcp_servers': ['sequential-thinking', 'fetch']" in listed()
    assert "'mcp_servers': []" in listed(MCP_SERVERS="{}")
    ours = value_of(tmp_path, "MCP_SERVERS")
    for module in ("chat_app.agent.mcp_servers.sequential_thinking", "chat_app.agent.mcp_servers.fetch"):
        assert f"'{module}'" in ours


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "web", "a whole number is expected, and it is 'web'"),
        ("LEASE_S", "nan", "a number of seconds is expected"),
        ("MAX_FILE_SIZE", "50 MB", "a whole number is expected"),
        ("DEBUG", "perhaps", "true or false is expected"),
        ("OPENAI_API", "graphql", "responses or chat_completions is expected"),
        ("LOG_FORMAT", "xml", "text or json is expected"),
        ("MCP_SERVERS", '{"a": ', "JSON (see position"),
        ("MCP_SERVERS", "[]", "a JSON object"),
        ("DATABASE_URL", "app.db", "postgresql://user:password@host:port/name is expected"),
        ("SECRET_KEY_FILE", "/no/such/file", "the path of a file that can be read is expected"),
        ("PORT", "70000", "a whole number from 0 to 65535 is expected, and it is '70000'"),
        ("TRASH_DAYS", "999999999", "a whole number from 0 to 36500 is expected"),
        ("ARCHIVE_AFTER_DAYS", "-1", "a number from 0 to 36500 is expected"),
        ("AGENT_MAX_TURNS", "0", "a whole number from 1 to"),
        ("MAX_FILE_SIZE", "-1", "a whole number from 0 to"),
        ("MAX_FILE_SIZE", str(2**64), "a whole number from 0 to"),
        ("LEASE_S", "0", "a number from 0.1 to"),
        ("FOLD_AFTER_S", "1e12", "a number from 0 to"),
        ("DATABASE_POOL_MIN", "21", "a whole number from 0 to 20 is expected"),
        ("DATABASE_URL", "postgresql://host:port/name", "postgresql://user:password@host:port/name is expected"),
        ("REDIS_URL", "http://127.0.0.1:6379", "redis://… or rediss://… is expected"),
        ("PUBLIC_URL", "chat.example.org", "https://… or http://… is expected"),
        ("OPENAI_BASE_URL", "https://provider.example:v1", "https://… or http://… is expected"),
        ("DATA_DIR", "/dev/null/data", "a directory that is there or can be made is expected"),
    ],
)
def test_a_value_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, name: str, value: str, expected: str) -> None:
    done = manage(tmp_path, "serve", **{name: value})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"The setting {name} is not valid: {expected}")


@pytest.mark.parametrize(
    ("servers", "problem", "status"),
    [
        ('{"notes": "notes-mcp"}', "the entry 'notes' is not an object", 1),
        ('{"notes": {"transport": "pigeon"}}', "the entry 'notes' has a transport that is neither stdio nor", 0),
        ('{"notes": {"transport": "stdio"}}', "the entry 'notes' has no command", 0),
        ('{"notes": {"transport": "streamable_http", "command": "x"}}', "the entry 'notes' has no url", 0),
    ],
)
def test_an_mcp_server_that_is_none_gets_a_hint(tmp_path: Path, servers: str, problem: str, status: int) -> None:
    done = manage(tmp_path, "check", MCP_SERVERS=servers)
    assert done.returncode == status
    assert f"MCP_SERVERS: {problem}" in done.stderr
    assert "HINT: Give each a transport" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_set_and_empty_counts_as_unset(tmp_path: Path) -> None:
    """All of them at once: the settings are then what they are without any."""
    names = re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', (ROOT / "chatjuicer" / "settings.py").read_text())
    code = (
        "from chatjuicer import settings\n"
        f"print({{name: getattr(settings, name) for name in {names} if name not in ('SECRET_KEY', 'DATA_DIR')}})"
    )

    def values(**environment: str) -> str:
        done = python(tmp_path, "-c", code, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    empty = {name: "" for name in names if name != "DATA_DIR"}
    assert values(**empty) == values()
    assert "'PORT': 8000" in values(**empty)
