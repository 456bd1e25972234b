"""The version before, under load, is replaced by this one; then by itself again, as when an upgrade is taken back.

    python -m tests.faults.upgrade --profile postgres -n 2

First the tables are migrated below the old processes, which go on; then process after process is replaced, so that both
versions serve the same sessions for a while. The version before is taken from this repository's history.
"""

from __future__ import annotations

import asyncio
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from tests.faults import figures as command
from tests.faults.figures import Figures, Options
from tests.faults.rolling import STOP_TIMEOUT_S
from tests.faults.site import FaultySite, note_refusals
from tests.faults.talkers import revive, talking
from tests.harness.databases import ROOT, manage
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, Server

VERSION_BEFORE = "6fc41a9934fdf1a9992cd2b47444cf0cc9c13208"
"""The commit that was the release before this one. It runs with the libraries of this one, and must need no others."""

SESSIONS = 12
TALKING_S = 3.0
"""On each stage: so long that each session has several answers."""


async def run(options: Options) -> Figures:
    with upgradable_site(options.profile, options.processes) as (site, before):
        return await attack(site, before, options.n, options.seed)


async def attack(site: FaultySite, before: Path, rounds: int, seed: int, sessions: int = SESSIONS) -> Figures:
    figures = Figures("upgrade", site.profile, seed)
    async with talking(site, figures, sessions):
        for number in range(rounds):
            await asyncio.sleep(TALKING_S)
            if not number:
                await asyncio.to_thread(manage, site.environment, "migrate")
                figures.done["migrated"] += 1
                await asyncio.sleep(TALKING_S)
            for program, what in ((ROOT, "upgraded"), (before, "taken back")):
                for server in site.servers:
                    await replace(server, program, figures)
                    figures.done[what] += 1
                    await asyncio.sleep(TALKING_S)
    for server in site.servers:
        await replace(server, ROOT, figures)
    note_refusals(site, figures)
    return figures


async def replace(server: Server, root: Path, figures: Figures) -> None:
    await asyncio.to_thread(server.stop, timeout=STOP_TIMEOUT_S)
    server.program = str(root / "manage.py")
    await revive(server, figures)


@contextmanager
def upgradable_site(profile: str, processes: int = 0) -> Iterator[tuple[FaultySite, Path]]:
    """One that the version before has prepared and serves, and where that version is."""
    # Whoever names the user has a database made by the first server, and not a copy of today's.
    with Provider() as provider:
        site = FaultySite(profile, provider, processes, DEFAULT_USER_EMAIL=EMAIL)
        before = site.directory / "before"
        extract(VERSION_BEFORE, before)
        for server in site.servers:
            server.program = str(before / "manage.py")
            for name in site.switches.environment:  # they know the modules of this version only
                server.environment.pop(name)
        with site:
            yield site, before


def has_history() -> bool:
    return not subprocess.run(
        ["git", "cat-file", "-e", VERSION_BEFORE], cwd=ROOT, capture_output=True, check=False
    ).returncode


def extract(commit: str, target: Path) -> None:
    """Raises subprocess.CalledProcessError where the history is not there."""
    done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(target, filter="data")


if __name__ == "__main__":
    command.main(run, "rounds", 2)
