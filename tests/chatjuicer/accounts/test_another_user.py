"""Another user of the machine asks a server that its owner uses without signing in."""

import asyncio
import os
import subprocess
import sys

import httpx
import pytest

from tests.harness.client import Client, socket
from tests.harness.server import Site
from tests.harness.sites import Sites

NOBODY = 65534

# It becomes another user once all is imported that this user could not read.
ASK = """
import encodings.idna, http.client, os, sys, urllib.error, urllib.request
os.setuid(int(sys.argv[2]))
try:
    print(urllib.request.urlopen(sys.argv[1] + "/api/auth/me", timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""

OPEN_SOCKET = """
import encodings.idna, os, socket, sys
host, port, path, uid = sys.argv[1:]
os.setuid(int(uid))
with socket.create_connection((host, int(port)), 10) as connection:
    connection.sendall((
        f"GET {path} HTTP/1.1\\r\\nHost: {host}:{port}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
        "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\\r\\n\\r\\n"
    ).encode())
    said = b""
    while b"\\r\\n\\r\\n" not in said:
        said += connection.recv(1)
    head = connection.recv(2)
    print("frame" if head[0] == 0x81 else int.from_bytes(connection.recv(2), "big"))
"""


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(processes=1, demo=True)


def as_other(uid: int, code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *arguments, str(uid)],
        env={"no_proxy": "*"},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def test_the_server_s_own_user_needs_no_sign_in(site: Site) -> None:
    client = Client(site.url)
    session = await client.create_session()
    async with socket(site.url, session) as chat:
        assert (await chat.expect("connected"))["session_id"] == session
    await client.close()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_of_the_machine_is_a_stranger(site: Site) -> None:
    client = Client(site.url)
    session = await client.create_session()
    await client.close()
    port = site.url.rpartition(":")[2]
    for uid, status, frame in ((0, "200", "frame"), (NOBODY, "401", "4401")):
        assert await asyncio.to_thread(as_other, uid, ASK, site.url) == status
        opened = await asyncio.to_thread(as_other, uid, OPEN_SOCKET, "127.0.0.1", port, f"/ws/chat/{session}")
        assert opened == frame


@pytest.mark.parametrize("header", ["Via", "X-Forwarded-For", "CF-Connecting-IP", "True-Client-IP", "Forwarded"])
def test_a_bare_proxy_is_not_its_owner(site: Site, header: str) -> None:
    answer = httpx.get(f"{site.url}/api/auth/me", headers={header: "203.0.113.7"}, trust_env=False)
    assert answer.status_code == 401


def test_a_foreign_page_gets_nothing_shown(site: Site) -> None:
    """What browsers send with a picture that a page elsewhere names."""
    url = f"{site.url}/api/sessions"
    asked = httpx.get(url, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, trust_env=False)
    assert asked.status_code == 401
    own = httpx.get(url, headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False)
    assert own.status_code == 200
    for answer in (asked, own, httpx.get(f"{site.url}/api/config", trust_env=False)):
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
