"""A stdio MCP server reads programs and what its entry names, writes to a folder of its own, and reaches nothing of
ours."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from chat_app.agent.mcp import jail, server
from files_app import sandbox

pytestmark = pytest.mark.skipif(bool(sandbox.missing()), reason="this system has neither Landlock nor seccomp, or both")

PROBE = """
import json, os, signal, socket, subprocess, sys
from pathlib import Path

def tried(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"

data, secret, given, work, *others = sys.argv[1:]
outside, kept = ("/" + other for other in others)  # which is not how an argument names what may be read
print(json.dumps({
    "own script": tried(lambda: open(__file__).read()),
    "own folder": tried(lambda: Path("made").write_text("x")),
    "home": tried(lambda: (Path.home() / "made too").write_text("x")),
    "a program": tried(lambda: subprocess.run(["/bin/sh", "-c", "exit 0"], check=True)),
    "a pair of sockets": tried(lambda: socket.socketpair()),
    "what is given": tried(lambda: open(given + "/shown").read()),
    "to write beside a secret": tried(lambda: open(given + "/new", "w")),
    "to work where it is told to": tried(lambda: open(work + "/new", "w")),
    "to write what its environment names": tried(lambda: open(os.environ.get("ITS_LOG", "/none"), "w")),
    "where it may write": tried(lambda: open(kept + "/new", "w")),
    "the database": tried(lambda: open(data + "/app.db").read()),
    "the data": tried(lambda: os.listdir(data)),
    "a secret": tried(lambda: open(secret).read()),
    "another file": tried(lambda: open(outside).read()),
    "to write outside": tried(lambda: open(outside, "w")),
    "a process": tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    "a signal": tried(lambda: os.kill(os.getppid(), 0)),
    "the internet": tried(lambda: socket.socket(socket.AF_INET)),
    "a socket of the system": tried(lambda: socket.socket(socket.AF_UNIX)),
    "environment": sorted(os.environ),
}))
"""
INSIDE = {
    "own script", "own folder", "home", "a program", "a pair of sockets", "what is given", "where it may write",
    "to work where it is told to", "to write what its environment names",
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.DATA_DIR = data = tmp_path / "server" / "data"
    settings.BASE_DIR = tmp_path / "server"
    for folder in (data, *(tmp_path / name for name in ("given", "kept", "work", "server/scripts"))):
        folder.mkdir(parents=True)
    for file in (data / "app.db", tmp_path / "server" / ".env", tmp_path / "given" / "shown", tmp_path / "outside"):
        file.write_text("text")
    script = tmp_path / "server" / "scripts" / "probe.py"
    script.write_text(PROBE)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    secret = tmp_path / "given" / "key"
    secret.write_text("sk-secret")
    monkeypatch.setenv("SECRET_KEY_FILE", str(secret))
    unnamed = [str(tmp_path / name).lstrip("/") for name in ("outside", "kept")]
    args = [str(script), str(data), str(secret), str(tmp_path / "given"), str(tmp_path / "work"), *unnamed]

    def run(**entry: Any) -> dict[str, Any]:
        entry = {"command": sys.executable, "args": args, **entry}
        program = jail.program_of("probed", entry)
        ran = subprocess.run(
            [program.command, *program.args],
            cwd=program.cwd,
            env=program.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        said: dict[str, Any] = json.loads(ran.stdout)
        return said

    return run


def test_a_server_finds_nothing_of_ours(run: Any, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    own = {"ITS_OWN": "x", "ITS_LOG": str(tmp_path / "logs" / "new")}
    said = run(env=own, write=[str(tmp_path / "kept")])
    environment = said.pop("environment")
    assert {name for name, outcome in said.items() if outcome == "done"} == INSIDE, said
    assert {*own, "HOME", "PATH", "TMPDIR"} <= set(environment) <= {*jail.INHERITED, *own, "HOME", "TMPDIR"}


def test_the_network_is_there_where_the_entry_says_so(run: Any, tmp_path: Path) -> None:
    said = run(network=True, cwd=str(tmp_path / "server"), read=[str(tmp_path / "outside")])
    del said["environment"]
    assert said["the internet"] == said["another file"] == "done"
    assert said["a socket of the system"] == said["the database"] == said["a secret"] == "PermissionError"
    assert said["where it may write"] == "PermissionError"


def test_an_operator_may_do_without(run: Any) -> None:
    said = run(sandbox=False, cwd="/tmp")
    assert said["the database"] == said["the internet"] == "done"
    assert "OPENAI_API_KEY" not in said["environment"]


@pytest.mark.skipif(
    os.geteuid() != 0 or not sandbox.is_open_to_others("/usr/bin/python3"), reason="who is not root stays who they are"
)
def test_under_root_it_is_somebody_else() -> None:
    whoami = ["/usr/bin/python3", "-c", "import os; print(os.getuid(), os.getgid(), os.getgroups())"]
    system = [option for path in jail.PROGRAMS for option in ("--read", path)]
    ran = subprocess.run(
        ["/usr/bin/python3", "-I", sandbox.__file__, "--serve", *system, "--user", "61999", "--", *whoami],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("61999 61999 []\n", "")


async def test_nobody_waits_while_its_files_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large home, or one on a slow disk, that takes long."""
    others_went_on, seen = threading.Event(), []

    def look(*_: Any) -> None:
        seen.append(others_went_on.wait(10))
        raise ValueError

    monkeypatch.setattr(server, "program_of", look)
    starting = asyncio.create_task(server.Server("slow", {"transport": "stdio"}).ready(60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others_went_on.set()
    assert not await starting
    assert seen == [True]
