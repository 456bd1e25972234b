"""The JavaScript client, by Node: against a server of a few lines, and real ones that are cut off and killed."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.clients.js.stage import Stage
from tests.clients.relay import Relay
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.page.test_store import node

pytestmark = pytest.mark.only("sqlite", reason="what the databases do, other tests ask; one is enough for the client")
HERE = Path(__file__).parent
LONGEST_S = 90
EACH_MS = 20_000


async def passes(name: str, place: Path, environment: dict[str, str]) -> None:
    command = [node(), "--test", f"--test-timeout={EACH_MS}", "--test-reporter=spec", str(HERE / name)]
    said = place / "said"
    with said.open("wb") as output:
        program = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, "NODE_OPTIONS": "", **environment},
            stdout=output,
            stderr=output,
        )
        try:
            await asyncio.wait_for(program.wait(), LONGEST_S)
        except TimeoutError:
            program.kill()
            await program.wait()
    assert program.returncode == 0, said.read_text()
    assert "pass 0" not in said.read_text()


async def test_its_parts_do_what_they_say(tmp_path: Path) -> None:
    await passes("parts.test.mjs", tmp_path, {})


@pytest.mark.timing(reason="a killed server is started again meanwhile")
@pytest.mark.parametrize("name", ["talking.test.mjs", "account.test.mjs"])
async def test_it_keeps_its_promises_through_lost_connections_and_kills(
    site: Site, provider: Provider, name: str, tmp_path: Path
) -> None:
    async with Relay(site.url) as relay, Stage(site, provider, relay) as stage:
        await passes(name, tmp_path, {**stage.environment, "PLACE": str(tmp_path)})
