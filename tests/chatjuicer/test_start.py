"""What an operator reads when the server cannot begin: one line, and exit status 1."""

import socket
from pathlib import Path

import pytest

from tests.chatjuicer.test_settings import manage
from tests.harness import databases
from tests.harness.services import free_port
from tests.settings import MIGRATE

pytestmark = pytest.mark.slow(reason="each test starts processes")


def line_of(data: Path, command: str = "serve", **environment: str) -> str:
    done = manage(data, command, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("migrated")
    databases.copy_sqlite(data / "app.db", *MIGRATE)
    return data


@pytest.mark.parametrize("command", ["serve", "execute_runs", "seed_default_user", "export_audit", "sweep_files"])
def test_an_empty_database_is_to_be_migrated(tmp_path: Path, command: str) -> None:
    assert "run `python manage.py migrate`" in line_of(tmp_path, command)


@pytest.mark.parametrize("command", ["migrate", "seed_default_user", "sweep_files"])
def test_a_database_that_is_none_or_away(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.db").write_text("not a database" * 1000)
    assert "The database cannot be used: file is not a database." in line_of(tmp_path, command)
    away = manage(tmp_path, command, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert away.returncode == 1
    assert "The database cannot be used: " in away.stderr.splitlines()[-1]
    assert "Traceback" not in away.stderr


def test_no_database_to_back_up(tmp_path: Path) -> None:
    done = manage(tmp_path / "data", "backup", str(tmp_path / "copy"))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "app.db cannot be copied" in line
    assert not (tmp_path / "copy").exists()


def test_a_taken_port(migrated: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        line = line_of(migrated, PORT=port)
    assert f"Cannot listen on HOST 127.0.0.1, PORT {port}: another program does" in line


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOST": "192.0.2.7"}, "HOST 192.0.2.7, PORT {port}: this machine has no such address"),
        ({"HOST": "chat.invalid"}, "HOST chat.invalid, PORT {port}: this machine has no such address"),
        ({"PORT": "80000"}, "The setting PORT is not valid: a whole number from 0 to 65535"),
        ({"OPENAI_API": "graphql"}, "The setting OPENAI_API is not valid: responses or chat_completions"),
    ],
)
def test_what_cannot_be_served(migrated: Path, environment: dict[str, str], expected: str) -> None:
    port = str(free_port())
    line = line_of(migrated, **({"PORT": port, "ALLOWED_HOSTS": "chat.example.org"} | environment))
    assert expected.format(port=port) in line
