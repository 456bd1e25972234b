"""Whoever takes a reader of documents over finds nothing else to read, nobody to talk to and nothing to run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from files_app import sandbox

PROBE = """
import json, os, socket, subprocess, sys

def tried(what):
    try:
        what()
    except (PermissionError, OSError) as error:
        return type(error).__name__
    return "done"

import lxml.etree  # a library of its own may be loaded still
shown, secret, outside = sys.argv[1:]
print(json.dumps({
    "the document": tried(lambda: open(shown).read()),
    "another file": tried(lambda: open(secret).read()),
    "a list of files": tried(lambda: os.listdir(outside)),
    "a new file": tried(lambda: open("made", "w")),
    "the document's end": tried(lambda: os.truncate(shown, 0)),
    "its removal": tried(lambda: os.remove(shown)),
    "a socket": tried(lambda: socket.socket()),
    "a pair of sockets": tried(lambda: socket.socketpair()),
    "a program": tried(lambda: os.execv(sys.executable, [sys.executable, "-c", ""])),
    "a process": tried(lambda: subprocess.run(["/bin/true"])),
    "a signal": tried(lambda: os.kill(os.getppid(), 0)),
    "memory of others": tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),
}))
"""


@pytest.mark.skipif(bool(sandbox.missing()), reason="this system has neither Landlock nor seccomp, or not both")
def test_a_reader_can_do_nothing_but_read_its_document(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "shown.txt").write_text("text")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "probe.py").write_text(PROBE)
    arguments = ["shown.txt", str(tmp_path / "secret.txt"), str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-I", sandbox.__file__, "--read", str(folder), "--", str(tmp_path / "probe.py"), *arguments],
        cwd=folder,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said.pop("the document") == "done"
    assert set(said.values()) == {"PermissionError"}, said


def test_what_the_kernel_has_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "landlock_version", lambda: 0)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert sandbox.missing() == ["Landlock", "seccomp"]
