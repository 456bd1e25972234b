"""One site for the tests of the clients, and the programs that talk to it."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chatjuicer_client import AsyncClient
from tests.harness.provider import Provider
from tests.harness.server import EMAIL, PASSWORD, ROOT, Site
from tests.harness.sites import TIMES, Sites

SOURCE = ROOT / "clients" / "python" / "src"


@pytest.fixture(scope="module")
def client_site(sites: Sites) -> Site:
    return sites.get({"TOOLS_REQUIRE_APPROVAL": "generate_document", **TIMES})


@pytest.fixture
def site(client_site: Site, provider: Provider) -> Iterator[Site]:
    """Whatever a test did to its processes, the next one finds them all."""
    yield client_site
    for server in client_site.servers:
        if server.process is None or server.process.poll() is not None:
            server.restart()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[AsyncClient]:
    """Signed in as the default user."""
    async with AsyncClient(site.url, trust_env=False, patience_s=60) as client:
        await client.sign_in(EMAIL, PASSWORD)
        yield client


@pytest.fixture
def environment(site: Site, tmp_path: Path) -> dict[str, str]:
    """Of a command line that has never been used."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATJUICER_")}
    return kept | {
        "PYTHONPATH": str(SOURCE),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CHATJUICER_CONFIG_DIR": str(tmp_path / "config"),
        "CHATJUICER_URL": site.url,
        "no_proxy": "127.0.0.1",
    }
