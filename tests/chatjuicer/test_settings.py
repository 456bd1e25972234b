"""The settings as a process sees them: each test starts one."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def manage(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=inherited | {"ENV_FILE": "", "DATA_DIR": str(data)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def value_of(data: Path, name: str, **environment: str) -> str:
    code = f"from django.conf import settings; print(settings.{name})"
    done = manage(data, "shell", "--no-imports", "-c", code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({"ALLOWED_HOSTS": "*"}, "Name the hosts"),
        ({"SECRET_KEY": "short"}, "Unset it, and one is generated"),
        ({"CORS_ORIGINS": "*"}, "Name the origins"),
        ({"HOST": "0.0.0.0", "ALLOW_LOCALHOST_NOAUTH": "true"}, "Unset ALLOW_LOCALHOST_NOAUTH"),
        ({"HOST": "0.0.0.0", "DEBUG": "true"}, "Unset DEBUG"),
        ({"HOST": "0.0.0.0", "RUN_LOCALLY": "true", "ALLOWED_HOSTS": "*"}, "Name the hosts"),
        ({"DEFAULT_USER_PASSWORD": "short"}, "Give a longer one"),
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
    assert stat.S_IMODE((tmp_path / "new" / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret_key"]


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
    data = tmp_path / "data"
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
