"""What only the running server shows."""

import json
import signal
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.harness.server import EMAIL, PASSWORD, Site
from tests.settings import PROFILE


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(PROFILE, processes=1) as site:
        yield site


def talk(site: Site, *chunks: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """POST to login with a body that is sent in pieces, without its length."""
    connection = HTTPConnection("127.0.0.1", site.servers[0].port, timeout=10)
    connection.request(
        "POST",
        "/api/auth/login",
        iter(chunks),
        {"Content-Type": "application/json", **headers},
        encode_chunked=True,
    )
    answer = connection.getresponse()
    result = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return result


def test_a_chunked_body_is_read(site: Site) -> None:
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    status, _, _ = talk(site, body[:10], body[10:])
    assert status == 200


def test_a_chunked_body_has_the_same_bound(site: Site) -> None:
    status, headers, body = talk(site, *[b"x" * 100_000] * 25)
    assert status == 413
    assert json.loads(body)["error"]["request_id"] == headers["x-request-id"]


def test_the_server_does_not_say_what_it_is(site: Site) -> None:
    _, headers, _ = talk(site, b"{}")
    assert "server" not in headers


def test_the_log_holds_no_token_and_no_query(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        connection.sendall(b"GET /api/health?token=eyJsecret HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        while connection.recv(4096):
            pass
    assert '"path":"/api/health"' in site.logs()
    assert "eyJsecret" not in site.logs()


def test_it_ends_within_its_grace_when_asked() -> None:
    with Site(PROFILE, processes=1) as site:
        site.servers[0].stop(signal.SIGINT, timeout=15)
        assert "Traceback" not in site.logs()
