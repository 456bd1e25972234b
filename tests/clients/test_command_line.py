"""`chatjuicer`, as a person at a terminal and a script in a pipe use it."""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.clients.relay import Relay
from tests.harness import programs
from tests.harness.gateway import Gateway
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, Site

pytestmark = pytest.mark.only("sqlite", reason="what the databases do, other tests ask; one is enough for the client")

LIMIT_S = 60
COMMAND = [sys.executable, "-m", "chatjuicer_client"]


def run(
    environment: dict[str, str], *arguments: str, said: str = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = programs.run([*COMMAND[1:], *arguments], environment, said, LIMIT_S)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "\x1b" not in done.stdout + done.stderr
    return done


def hear_ctrl_c() -> None:
    """Whoever is started in the background by a shell ignores it, and so does all that he starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A person in front of a program."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - no thread of the tests holds what it needs
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        """From where the last wait has ended. `meanwhile` is done whenever nothing was seen for a second."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            if select.select([self._master], [], [], 1)[0]:
                try:
                    self.seen += os.read(self._master, 65536).decode(errors="replace")
                except OSError as error:  # the program has left
                    raise AssertionError(f"no {text!r} in {self.seen!r}") from error
            else:
                meanwhile()
        self.seen = self.seen.partition(text)[2]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        os.close(self._master)


@contextmanager
def terminal(environment: dict[str, str], *arguments: str) -> Iterator[Terminal]:
    screen = Terminal(environment, *arguments)
    try:
        yield screen
    finally:
        screen.close()


def test_a_script_signs_in_talks_through_pipes_and_signs_out(
    environment: dict[str, str], site: Site, tmp_path: Path
) -> None:
    wrong = run(environment, "login", "--email", EMAIL, said="not the password\n", status=3)
    assert "invalid_credentials" in wrong.stderr
    run(environment, "login", "--email", EMAIL, "--server", site.url, said=f"{PASSWORD}\n")
    (tokens,) = (tmp_path / "config" / "sign-ins").iterdir()
    assert (tokens.stat().st_mode & 0o777, tokens.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    del environment["CHATJUICER_URL"]  # it is remembered

    answered = run(environment, "chat", "-s", "piped", "sum", "up", said="one\ntwo\n")
    assert answered.stdout == "You said: sum up\n\none\ntwo\n"
    assert answered.stderr == ""
    frames = [json.loads(line) for line in run(environment, "chat", "--json", said="echo a b").stdout.splitlines()]
    assert "".join(frame["content"] for frame in frames if frame["type"] == "delta") == "a b"
    assert (frames[0]["type"], frames[-1]["type"]) == ("message_created", "stream_end")
    assert "model" in run(environment, "chat", "-s", "piped", "-m", "missing", said="hello", status=1).stderr
    assert run(environment, "chat", status=2).stdout == ""

    listed = [json.loads(line) for line in run(environment, "sessions", "--json").stdout.splitlines()]
    assert "piped" in [session["session_id"] for session in listed]
    found = run(environment, "search", "-s", "piped", '"sum up"').stdout.splitlines()
    assert found and all(line.startswith("piped:") for line in found)
    assert run(environment, "search", "never said anywhere", status=1).stdout == ""

    blob = tmp_path / "blob.bin"
    blob.write_bytes(os.urandom(100_000))
    assert run(environment, "upload", "-s", "piped", str(blob)).stdout == "sources/blob.bin\t100000\n"
    run(environment, "download", "-s", "piped", "blob.bin", "-o", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == blob.read_bytes()
    assert "sum up" in run(environment, "export", "-s", "piped").stdout
    archive = str(tmp_path / "all.zip")
    run(environment, "export", "-o", archive)
    assert zipfile.is_zipfile(archive)
    imported = run(environment, "import", archive)
    assert re.match(r"0 imported, \d+ were here already, 0 failed\n", imported.stdout)
    assert imported.stderr == "The server is reading it…\n"
    alone = tmp_path / "one.json"
    said = json.loads(run(environment, "export", "-s", "piped", "-f", "json").stdout)
    said["session"]["origin"] = "another"
    alone.write_text(json.dumps([said, {"title": "Newer", "format": "chatjuicer-conversation", "version": 99}]))
    imported = run(environment, "import", str(alone), status=1)
    assert imported.stdout == "1 imported, 0 were here already, 1 failed\n"
    assert re.search(r"^Newer: .*newer version.*\nNot taken in: 1 files$", imported.stderr, re.MULTILINE)

    run(environment, "logout")
    assert list((tmp_path / "config" / "sign-ins").iterdir()) == []
    assert run(environment, "sessions", "--server", "http://127.0.0.1:9", "--patience", "0", status=5).stdout == ""
    refused = run(environment | {"CHATJUICER_API_KEY": "cj_wrong"}, "sessions", status=3)
    assert "chatjuicer login" in refused.stderr


def test_a_script_keeps_its_sessions_in_order_and_asks_again(environment: dict[str, str], site: Site) -> None:
    for name in ("first", "second"):
        run(environment, "chat", "-s", name, f"echo {name}")

    def listed(*more: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in run(environment, "sessions", "--json", *more).stdout.splitlines()]

    run(environment, "rename", "first", "A", "better", "name")
    run(environment, "pin", "first", "second")
    assert {row["session_id"] for row in listed()[:2]} == {"first", "second"}
    run(environment, "unpin", "second")
    assert (listed()[0]["session_id"], listed()[0]["title"]) == ("first", "A better name")
    assert run(environment, "draft", "-s", "first", "to be", "said").stdout == ""
    assert run(environment, "draft", "-s", "first").stdout == "to be said\n"
    run(environment, "draft", "-s", "first", "")
    assert run(environment, "draft", "-s", "first").stdout == ""
    marked = json.loads(run(environment, "read", "--json", "second").stdout)
    assert (marked["session_id"], marked["unread"]) == ("second", False)
    run(environment, "delete", "second")
    assert "second" in [row["session_id"] for row in listed("--deleted")]
    run(environment, "restore", "second")
    assert "second" in [row["session_id"] for row in listed()]
    run(environment, "delete", "--permanent", "second")
    assert run(environment, "restore", "second", status=1).stdout == ""
    assert run(environment, "regenerate", "-s", "first").stdout == "first\n"
    assert run(environment, "edit", "-s", "first", "echo", "other words").stdout == "other words\n"
    refused = run(environment, "continue", "-s", "first", status=1)
    assert "nothing_to_continue" in refused.stderr


def test_ctrl_c_stops_the_answer_and_a_second_one_leaves(environment: dict[str, str], site: Site) -> None:
    with terminal(environment, "chat", "-s", "stopped") as screen:
        screen.wait_for("> ")
        screen.type("say 3000 words; pace 100\n")
        screen.wait_for("word4")
        screen.process.send_signal(signal.SIGINT)
        screen.wait_for("Stopped.")
        screen.wait_for("> ")
        screen.type("echo on we go\n")
        screen.wait_for("on we go\r\n")
        screen.wait_for("> ")
        screen.type("\x04")  # the end of what is typed
        assert screen.process.wait(LIMIT_S) == 0
    with terminal(environment, "chat", "-s", "stopped", "say 3000 words; pace 100") as screen:
        screen.wait_for("word4")
        site.servers[0].process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        try:
            screen.process.send_signal(signal.SIGINT)
            screen.wait_for("Stopping")
            screen.process.send_signal(signal.SIGINT)
            assert screen.process.wait(LIMIT_S) == 130
        finally:
            site.servers[0].process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    told = run(environment, "export", "-s", "stopped", "-f", "json").stdout
    contents = [message.get("content", "") for message in json.loads(told)["messages"]]
    assert contents[0] == "say 3000 words; pace 100"
    assert contents[1].startswith("word1 word2 word3 word4")


def test_a_pipe_leaves_a_call_to_a_person_and_a_person_is_asked(environment: dict[str, str], site: Site) -> None:
    call = 'tool generate_document {"content": "made", "filename": "a.md"}; say 3 words'
    waiting = run(environment, "chat", "-s", "asked", call, status=4)
    assert "--yes" in waiting.stderr
    assert run(environment, "chat", "--yes", call).stdout == "word1 word2 word3\n"
    with terminal(environment, "chat", "-s", "asked by a person".replace(" ", "-"), call) as screen:
        screen.wait_for("Allow it?")
        screen.type("n\n")
        screen.wait_for("word3")
        assert screen.process.wait(LIMIT_S) == 0


@pytest.mark.timing(reason="a killed server is started again meanwhile")
def test_what_was_typed_outlives_the_program_and_the_server(
    environment: dict[str, str], site: Site, provider: Provider, tmp_path: Path
) -> None:
    run(environment, "chat", "-s", "kept", "echo one")
    server = site.servers[0]
    server.kill()
    # The session is looked for before anything is said: what cannot be said is kept as it was typed.
    lost = run(environment, "chat", "-s", "kept", "echo two", "--patience", "0", status=5)
    assert "unreachable" in lost.stderr
    assert "is kept" in lost.stderr
    (kept,) = (tmp_path / "config" / "unsent").rglob("*.json")
    assert json.loads(kept.read_text())["command"]["messages"] == [{"content": "echo two"}]
    server.restart()
    after = run(environment, "chat", "-s", "kept", "echo three")
    assert "echo two" in after.stderr
    assert after.stdout == "three\n"
    assert list((tmp_path / "config" / "unsent").rglob("*.json")) == []
    told = json.loads(run(environment, "export", "-s", "kept", "-f", "json").stdout)["messages"]
    assert [message["content"] for message in told] == ["echo one", "one", "echo two", "two", "echo three", "three"]


@pytest.mark.timing(reason="a killed server is started again meanwhile")
def test_an_answer_whose_server_is_killed_is_told_once_and_ends_with_the_servers_word(
    environment: dict[str, str], site: Site, provider: Provider
) -> None:
    server = site.servers[0]
    script = "say 60 words; gate never after 20"
    with subprocess.Popen(
        [*COMMAND, "chat", "-s", "cut-off", script],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as talking:
        assert talking.stdout is not None
        assert talking.stderr is not None
        seen = ""
        while "word20" not in seen:
            seen += talking.stdout.read(1)
        server.kill()
        server.restart()
        seen += talking.stdout.read()
        said = talking.stderr.read()
    assert talking.returncode == 1, said
    assert seen.split() == [f"word{number}" for number in range(1, 21)]
    assert said.count("is gone") == 1
    assert "Traceback" not in said
    assert run(environment, "chat", "-s", "cut-off", "echo on").stdout == "on\n"


@pytest.mark.timing(reason="a killed server is started again meanwhile")
def test_ctrl_c_while_the_server_is_away_stops_what_it_can_and_a_second_one_leaves(
    environment: dict[str, str], site: Site, provider: Provider
) -> None:
    server = site.servers[0]
    with terminal(environment, "chat", "-s", "away", "say 60 words; gate never after 20") as screen:
        screen.wait_for("word20")
        server.kill()
        screen.process.send_signal(signal.SIGINT)
        screen.wait_for("Stopping")
        server.restart()
        screen.wait_for("is gone")  # it had ended before it could be stopped
        assert screen.process.wait(LIMIT_S) == 1
    server.kill()
    with terminal(environment, "chat", "-s", "away", "echo later") as screen:
        while screen.process.poll() is None and not unsent(environment):
            time.sleep(0.02)
        screen.process.send_signal(signal.SIGINT)
        screen.wait_for("is kept")
        assert screen.process.wait(LIMIT_S) == 130
    server.restart()
    after = run(environment, "chat", "-s", "away", "echo now")
    assert "echo later" in after.stderr
    assert after.stdout == "now\n"


def unsent(environment: dict[str, str]) -> list[Path]:
    return list((Path(environment["CHATJUICER_CONFIG_DIR"]) / "unsent").rglob("*.json"))


@pytest.mark.timing(reason="a killed server is started again meanwhile")
@pytest.mark.parametrize("status", [502, 503])
def test_a_page_that_a_proxy_answers_by_loses_nothing_that_was_typed(
    environment: dict[str, str], site: Site, provider: Provider, status: int
) -> None:
    name = f"behind{status}"
    run(environment, "chat", "-s", name, "echo one")
    server = site.servers[0]
    server.kill()
    with Gateway(None, status, server.port):
        for words in ("echo two", "echo three"):
            lost = run(environment, "chat", "-s", name, words, "--patience", "0", status=5)
            assert "is kept" in lost.stderr
            assert "html" not in lost.stderr
            assert lost.stdout == ""
        for command in (["sessions"], ["export"], ["login", "--email", EMAIL], ["watch"]):
            refused = run(environment, *command, "--patience", "0", status=5, said=f"{PASSWORD}\n")
            assert str(status) in refused.stderr
    server.restart()
    assert run(environment, "chat", "-s", name, "echo four").stdout == "four\n"
    told = json.loads(run(environment, "export", "-s", name, "-f", "json").stdout)["messages"]
    said = [message["content"] for message in told if message["role"] == "user"]
    assert said == ["echo one", "echo two", "echo three", "echo four"]


async def test_what_waits_keeps_its_order_however_often_it_could_not_be_sent(
    environment: dict[str, str], site: Site
) -> None:
    async with Relay(site.url) as relay:
        environment["CHATJUICER_URL"] = relay.url
        chat = partial(run, environment, "chat", "-s", "in-order")
        await asyncio.to_thread(chat, "echo one")
        relay.swallow('"type":"connected"', times=100)  # the session can be looked for, and nothing be said
        for words in ("echo two", "echo three"):
            lost = await asyncio.to_thread(chat, words, "--patience", "0", status=5)
            assert "is kept" in lost.stderr
        relay.swallow("", times=0)
        assert (await asyncio.to_thread(chat, "echo four")).stdout == "four\n"
    told = json.loads(run(environment | {"CHATJUICER_URL": site.url}, "export", "-s", "in-order", "-f", "json").stdout)
    said = [message["content"] for message in told["messages"] if message["role"] == "user"]
    assert said == ["echo one", "echo two", "echo three", "echo four"]


@pytest.mark.timing(reason="a killed server is started again meanwhile")
def test_what_waits_is_not_given_up_where_a_proxy_knows_of_no_server(
    environment: dict[str, str], site: Site, provider: Provider
) -> None:
    """It says 404, which tells nothing of the session."""
    name = "beside"
    run(environment, "chat", "-s", name, "echo one")
    server = site.servers[0]
    server.kill()
    with Gateway(None, 404, server.port):
        for _ in range(2):  # what is typed, and what was kept
            lost = run(environment, "chat", "-s", name, "echo two", "--patience", "0", status=1)
            assert "is kept" in lost.stderr
            assert "no Chat Juicer server" in lost.stderr
            assert "html" not in lost.stderr
    assert len(unsent(environment)) == 2
    server.restart()
    assert run(environment, "chat", "-s", name, "echo three").stdout == "three\n"
    told = json.loads(run(environment, "export", "-s", name, "-f", "json").stdout)["messages"]
    said = [message["content"] for message in told if message["role"] == "user"]
    assert said == ["echo one", "echo two", "echo two", "echo three"]


@pytest.mark.timing(reason="a killed server is started again meanwhile")
def test_a_page_in_the_place_of_an_answer_is_said_in_a_sentence(environment: dict[str, str], site: Site) -> None:
    server = site.servers[0]
    server.kill()
    with Gateway(None, 200, server.port):
        for command in (["sessions"], ["chat", "hello"], ["login", "--email", EMAIL]):
            refused = run(environment, *command, "--patience", "0", said=f"{PASSWORD}\n", status=1)
            assert "no Chat Juicer server" in refused.stderr
            assert refused.stdout == ""
        assert "is kept" in run(environment, "chat", "hello", "--patience", "0", status=1).stderr
        assert len(unsent(environment)) == 2


def test_a_watcher_sees_what_another_program_does(environment: dict[str, str], site: Site) -> None:
    with terminal(environment, "watch", "--after", "0") as screen:
        screen.wait_for("before", meanwhile=partial(run, environment, "chat", "-s", "before", "hello"))
        # It is told how the chat stands, not each way that it stood: the answer goes on until it was seen.
        with terminal(environment, "chat", "-s", "watched", "say 3000 words; pace 5") as other:
            screen.wait_for("watched")
            screen.wait_for("running")
            other.process.send_signal(signal.SIGINT)
            screen.wait_for("idle")
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(LIMIT_S) == 130


def test_no_character_costs_an_answer_or_stands_in_the_way_of_the_next(environment: dict[str, str]) -> None:
    unreadable = os.fsdecode(b"\xff and ")
    assert run(environment, "chat", "-s", "odd", unreadable + "more").stdout == "You said: \ufffd and more\n"
    assert run(environment, "rename", "odd", unreadable).stderr == "odd\t\ufffd and\n"
    assert run(environment, "search", "-s", "odd", unreadable + "more").stdout
    old = environment | {"PYTHONIOENCODING": "ascii"}
    assert run(old, "chat", "-s", "odd", "ü 🦊").stdout == "You said: ? ?\n"
    frames = [json.loads(line) for line in run(old, "chat", "-s", "odd", "--json", "ü 🦊").stdout.splitlines()]
    assert "".join(frame["content"] for frame in frames if frame["type"] == "delta") == "You said: ü 🦊"


@pytest.mark.parametrize(
    ("streams", "status", "stdout"), [("<&-", 0, "You said: hi\n"), (">&-", 0, ""), (">/dev/full", 1, "")]
)
def test_streams_that_are_closed_or_full_end_in_no_traceback(
    environment: dict[str, str], streams: str, status: int, stdout: str
) -> None:
    shell = ["sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND, "chat", "-s", "closed", "hi"]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, done.stdout) == (status, stdout)
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--server", "http://127.0.0.1:99999"], 1),
        (["--server", "http://127.0.0.1:1/\x01"], 1),
        (["--server", "http://127.0.0.1:port"], 1),
        (["--patience", "nan"], 2),
    ],
)
def test_what_is_no_address_or_no_time_is_said_in_a_sentence(
    environment: dict[str, str], options: list[str], status: int
) -> None:
    done = run(environment, "sessions", *options, status=status)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("user", [None, {}, {"id": 5}])
def test_a_sign_in_that_was_not_written_by_us_is_none(
    environment: dict[str, str], tmp_path: Path, user: dict[str, int] | None
) -> None:
    run(environment, "login", "--email", EMAIL, said=f"{PASSWORD}\n")
    (tokens,) = (tmp_path / "config" / "sign-ins").iterdir()
    tokens.write_text(json.dumps(json.loads(tokens.read_text()) | {"user": user}))
    assert run(environment, "sessions").stderr == ""
    run(environment, "login", "--email", EMAIL, said=f"{PASSWORD}\n")
