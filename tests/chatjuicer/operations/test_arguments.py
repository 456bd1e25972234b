"""What is typed after a command, and cannot be meant: one sentence says so, and nothing is done."""

import socket
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chatjuicer.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "typed",
    [
        "usage_report --from x",
        "usage_report --to 2026-13-01",
        "usage_report --to ",
        "usage_report --from 2026-11-02 --to 2026-11-01",
        "usage_report --by hour",
        "usage_report --user nobody@example.org",
        "usage_report --user ",
        "housekeep --wait x",
        "housekeep --wait nan",
        "housekeep --wait inf",
        "housekeep --wait -1",
        "rotate_message_key --batch 0",
        "rotate_message_key --batch -1",
        "rotate_message_key --batch 99999999999999999999",
        "sweep_files --older-than x",
        "sweep_files --older-than -1",
        "sweep_files --older-than 99999999999999999999",
        "archive_sessions --older-than x",
        "archive_sessions --older-than -1d",
        "execute_runs --grace nan",
        "execute_runs --metrics x",
        "execute_runs --metrics 127.0.0.1:",
        "execute_runs --metrics 127.0.0.1:99999",
        "migrate_database --from x --to y",
        "migrate_database --from sqlite:///nowhere/app.db --to postgresql://nobody@127.0.0.1:1/nothing",
        "migrate_database --from postgresql://nobody@127.0.0.1:x/nothing --to sqlite:////tmp/new.db",
        "export_account nobody@example.org",
        "reset_password nobody@example.org",
        "import_chatjuicer x",
        "import_chatjuicer postgresql://nobody@127.0.0.1:1/nothing",
        "import_chatjuicer postgresql://nobody@127.0.0.1:x/nothing",
        "import_chatjuicer postgresql://nobody@127.0.0.1:1/nothing --files /nowhere",
    ],
)
def test_it_is_said_in_a_sentence(typed: str) -> None:
    command, *options = typed.split(" ")
    with pytest.raises(CommandError) as refused:
        call_command(command, *options, stdout=StringIO(), stderr=StringIO())
    said = str(refused.value)
    assert 10 < len(said) < 300
    assert not any(word in said for word in ("Traceback", "fromisoformat", "lambda"))


def test_a_port_that_another_program_has_is_said_in_a_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(CommandError, match="Metrics cannot be served at"),
    ):
        call_command("execute_runs", "--metrics", f"127.0.0.1:{other.getsockname()[1]}", stdout=StringIO())


def test_the_first_and_the_last_day_are_days(alice: User) -> None:
    told = StringIO()
    call_command(
        "usage_report", "--from", "0001-01-01", "--to", "9999-12-31", "--user", "Alice@Example.org", stdout=told
    )
    assert told.getvalue().splitlines()[-1].startswith("all")
