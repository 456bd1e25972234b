"""What only the running server shows."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from chatjuicer import asgi, http_protocol
from chatjuicer.api import peer
from chatjuicer.http_protocol import BoundedHTTP, Seat
from chatjuicer.socket_protocol import SharedFrames
from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.services import until
from tests.harness.sites import Sites

MB = 1024 * 1024
CHUNKED = b"POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(processes=1, demo=True)


def talk(
    site: Site, *chunks: bytes, path: str = "/api/auth/login", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """POST with a body that is sent in pieces, without its length."""
    connection = HTTPConnection("127.0.0.1", site.servers[0].port, timeout=10)
    connection.request(
        "POST",
        path,
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


def test_requests_that_come_together_are_answered_one_after_the_other(site: Site) -> None:
    paths = [b"/api/health/live", b"/api/config", b"/api/auth/me", b"/api/health/live"]
    heads = [b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: n-%d\r\n" % (p, n) for n, p in enumerate(paths)]
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        connection.sendall(b"\r\n".join(heads) + b"Connection: close\r\n\r\n")
        said = b""
        while part := connection.recv(65_536):
            said += part
    names = [line.partition(b": ")[2] for line in said.split(b"\r\n") if line.lower().startswith(b"x-request-id")]
    assert names == [b"n-0", b"n-1", b"n-2", b"n-3"]
    assert said.count(b"HTTP/1.1 200 OK") == 4
    assert said.endswith(b'{"status":"alive"}')


@pytest.mark.parametrize("path", ["/api/events", "/api/export"])
def test_the_head_of_a_stream_is_all_that_is_sent(site: Site, path: str) -> None:
    _, _, body = talk(site, json.dumps({"email": EMAIL, "password": PASSWORD}).encode())
    headers = {"Authorization": f"Bearer {json.loads(body)['access_token']}"}
    with closing(HTTPConnection("127.0.0.1", site.servers[0].port, timeout=10)) as connection:
        connection.request("HEAD", path, headers=headers)
        head = connection.getresponse()
        assert (head.status, head.read()) == (200, b"")
        connection.request("GET", "/api/auth/me", headers=headers)  # the same connection is free again
        assert json.loads(connection.getresponse().read())["email"] == EMAIL


def test_the_log_holds_no_token_and_no_query(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        connection.sendall(b"GET /api/health?token=eyJsecret HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        while connection.recv(4096):
            pass
    until(lambda: '"path":"/api/health"' in site.logs(), "the request is logged")
    assert "eyJsecret" not in site.logs()


def test_the_log_does_not_say_back_what_was_sent(site: Site) -> None:
    _, _, body = talk(site, json.dumps({"email": EMAIL, "password": PASSWORD}).encode())
    headers = {"Authorization": f"Bearer {json.loads(body)['access_token']}"}
    choice = json.dumps({"reasoning_effort": "Q" * 1_200_000}).encode()
    status, _, answer = talk(site, choice, path="/api/sessions", **headers)
    assert (status, len(answer) < 4_000) == (400, True)
    assert talk(site, b"{}", path="/api/sessions/" + "Q" * 20_000, **headers)[0] in (404, 405)
    until(lambda: '"path":"/api/sessions/QQQ' in site.logs(), "both requests are logged")
    assert "Q" * 201 not in site.logs()


@pytest.mark.parametrize(
    "piece",
    [b"x" * 65_536, b"X-A: " + b"v" * 90 + b"\r\n", b"x-" + b"n" * 1_000],
    ids=["one value", "many headers", "a name"],
)
@pytest.mark.parametrize("start", [b"GET /", b"GET /api/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-B: "])
def test_what_comes_before_a_body_is_bounded(site: Site, start: bytes, piece: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        sent_bytes = 0
        with suppress(ConnectionError):
            connection.sendall(start)
            while sent_bytes < 16 * MB:
                connection.sendall(piece * (65_536 // len(piece)))
                sent_bytes += 65_536
    assert sent_bytes < 16 * MB


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"FOO / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, "invalid_input"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n", 400, "invalid_input"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"x" * 70_000, 431, "headers_too_large"),
        (CHUNKED + b"2\r\n{}\r\nlength\r\n", 400, "invalid_input"),
    ],
    ids=["no method", "no length", "a large head", "no length of a chunk"],
)
def test_what_is_no_request_has_an_error_of_the_same_shape(site: Site, sent: bytes, status: int, code: str) -> None:
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        connection.sendall(sent)
        answer = HTTPResponse(connection)
        answer.begin()
        error = json.loads(answer.read())["error"]
    assert (answer.status, error["code"]) == (status, code)
    assert answer.getheader("Content-Type") == "application/json"
    assert answer.getheader("X-Request-ID") == error["request_id"]
    assert answer.getheader("Connection") == "close"


def test_what_comes_after_a_chunked_body_is_bounded(site: Site) -> None:
    head = CHUNKED + b"2\r\n{}\r\n0\r\n"
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        sent_bytes = 0
        with suppress(ConnectionError):
            connection.sendall(head + b"X-Trailer: ")
            while sent_bytes < 16 * MB:
                connection.sendall(b"x" * 65_536)
                sent_bytes += 65_536
    assert sent_bytes < 16 * MB


def test_a_long_body_after_a_long_head_is_none_of_it(site: Site) -> None:
    status, _, _ = talk(site, *[b"x" * 60_000], **{"X-Long": "v" * 60_000})
    assert status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/sessions/chat_1/files/upload", 401),
        ("POST", "/nowhere/files/upload", 413),
        ("POST", "/api/nowhere/files/upload", 404),
        ("PUT", "/api/files/put/0f0f:1:made-up", 404),
        ("POST", "/api/sessions", 401),
        ("POST", "/api/auth/login", 413),
        ("POST", "/admin/login/", 413),
    ],
)
def test_a_stranger_sends_no_large_body(site: Site, method: str, path: str, status: int) -> None:
    """The answer comes while the body, which stops in its middle, is still awaited."""
    headers = {"Content-Length": "1000000", "Content-Type": "application/json", "X-Forwarded-For": "192.0.2.1"}
    with closing(HTTPConnection("127.0.0.1", site.servers[0].port, timeout=5)) as connection:
        connection.request(method, path, b"x" * 500_000, headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
    assert answer.status == status
    assert said["error"]["request_id"] == answer.getheader("X-Request-ID")


def test_a_page_elsewhere_may_read_why(sites: Sites) -> None:
    page = {"Origin": "https://chat.example.org", "X-Request-ID": "of-a-page"}
    with sites.own({"CORS_ORIGINS": "https://chat.example.org"}, processes=1, demo=True) as site:
        _, _, tokens = talk(site, json.dumps({"email": EMAIL, "password": PASSWORD}).encode())
        for token, expected in ("old", 401), (json.loads(tokens)["access_token"], 413):
            whose = {"Authorization": f"Bearer {token}"} | page
            status, headers, said = talk(site, *[b"x" * 100_000] * 25, path="/api/sessions", **whose)
            assert (status, headers.get("access-control-allow-origin")) == (expected, "https://chat.example.org")
            assert json.loads(said)["error"]["request_id"] == headers["x-request-id"] == "of-a-page"
            assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
        until(lambda: '"status":413' in site.logs(), "what was refused is logged")


def test_who_is_known_may(site: Site) -> None:
    _, _, body = talk(site, json.dumps({"email": EMAIL, "password": PASSWORD}).encode())
    headers = {"Authorization": f"Bearer {json.loads(body)['access_token']}", "Content-Type": "application/json"}
    said = {"role": "user", "content": "x" * 500_000}
    with closing(HTTPConnection("127.0.0.1", site.servers[0].port, timeout=10)) as connection:
        connection.request("POST", "/api/sessions", json.dumps({"session_id": "large"}), headers)
        connection.getresponse().read()
        connection.request("POST", "/api/sessions/large/messages", json.dumps(said), headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["content"]) == (201, said["content"])


def test_readers_that_do_not_read_hold_little(site: Site) -> None:
    """What is said in a session is 20 MB; eight ask for all of it, and take nothing."""
    _, _, body = talk(site, json.dumps({"email": EMAIL, "password": PASSWORD}).encode())
    token = json.loads(body)["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", site.servers[0].port, timeout=20)) as connection:
        connection.request("POST", "/api/sessions", json.dumps({"session_id": "flood"}), headers)
        connection.getresponse().read()
        said = json.dumps({"role": "user", "content": "x" * 500_000})
        for _ in range(40):
            connection.request("POST", "/api/sessions/flood/messages", said, headers)
            assert connection.getresponse().read()
    before = site.servers[0].rss_bytes()
    asked = f"GET /api/sessions/flood HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(8):
            reader = stack.enter_context(closing(socket.socket()))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(20)
            reader.connect(("127.0.0.1", site.servers[0].port))
            reader.sendall(asked)
            assert reader.recv(1, socket.MSG_PEEK)  # it is being answered
        assert site.servers[0].rss_bytes() - before < 300 * MB


def test_a_client_that_ends_no_head_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.2)

    async def answered() -> bytes:
        async with serving(nobody) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
            said = await reader.read()
            writer.close()
        return said

    assert asyncio.run(answered()).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_stands_still_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STILL_S", 0.2)

    async def answered() -> bytes:
        async with serving(asgi.HTTP()) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(CHUNKED + b"2\r\n")
            said = await reader.read()  # until the server closes
            writer.close()
        return said

    assert asyncio.run(answered()).startswith(b"HTTP/1.1 408 ")


def test_one_address_holds_only_so_many_connections(settings: Any) -> None:
    settings.RATE_LIMIT_LOOPBACK, settings.MAX_CONNECTIONS_PER_ADDRESS = True, 3

    async def held() -> list[bytes]:
        said: list[bytes] = []
        async with serving(nobody) as address:
            several = [await asyncio.open_connection(*address) for _ in range(3)]
            reader, writer = await asyncio.open_connection(*address)
            said.append(await reader.read())
            for _, one in (*several, (reader, writer)):
                one.close()
                await one.wait_closed()
            while Seat.taken:
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"nonsense\r\n\r\n")
            said.append(await reader.read())
            writer.close()
        return said

    refused, served = asyncio.run(held())
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert served.startswith(b"HTTP/1.1 400 ")


def test_sockets_of_strangers_count_for_their_address(settings: Any) -> None:
    """Until their client is known: who is refused may keep the connection open for a while."""
    settings.RATE_LIMIT_LOOPBACK, settings.MAX_CONNECTIONS_PER_ADDRESS = True, 3

    async def door(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/known":
            scope[peer.IS_KNOWN]()
        await send({"type": "websocket.accept"})
        if scope["path"] != "/known":
            await send({"type": "websocket.close", "code": 4401})
        await asyncio.Future()

    async def opened(address: Any, path: str) -> tuple[bytes, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" % path.encode()
        )
        return (await reader.readline()).strip(), writer

    async def held() -> list[bytes]:
        async with serving(door) as address:
            several = [await opened(address, path) for path in ["/known"] * 5 + ["/stranger"] * 4]
            for _, writer in several:
                writer.close()
            while Seat.taken:
                await asyncio.sleep(0.01)
        return [said for said, _ in several]

    said = asyncio.run(held())
    assert [status.split()[1] for status in said] == [b"101"] * 8 + [b"503"]


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[tuple[str, int]]:
    """The address of this protocol in this loop."""
    config = uvicorn.Config(
        app, http=BoundedHTTP, ws=SharedFrames, lifespan="off", log_config=None, timeout_keep_alive=75
    )
    config.load()
    state = ServerState()
    listener = await asyncio.get_running_loop().create_server(
        lambda: BoundedHTTP(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with asyncio.timeout(20):
        yield listener.sockets[0].getsockname()
    listener.close()


GET = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def test_where_all_connections_are_held_health_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "most_connections", lambda: 3)
    monkeypatch.setattr(http_protocol, "HEALTH_HEAD_TIMEOUT_S", 0.3)

    async def asked(address: tuple[str, int], request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        said = await reader.read()  # until the server closes
        writer.close()
        return said

    async def answers() -> list[bytes]:
        async with serving(healthy) as address:
            held = [await asyncio.open_connection(*address) for _ in range(3)]
            requests = [GET % b"/api/health/live", GET % b"/api/sessions", HANDSHAKE + b"\r\n", b"GET /"]
            said = [await asked(address, request) for request in requests]
            for _, writer in held:
                writer.close()
        return said

    health, other, upgrade, silent = asyncio.run(answers())
    assert health.startswith(b"HTTP/1.1 200 ")
    assert other.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in other
    assert upgrade.startswith(b"HTTP/1.1 503 ")
    assert silent.startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow(reason="what a slow reader is given is waited out")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("head", [GET % b"/", b"GET / HTTP/1.0\r\n\r\n"], ids=["kept", "closing"])
def test_who_does_not_read_is_given_up_and_who_reads_slowly_is_not(
    monkeypatch: pytest.MonkeyPatch, loop: str, head: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "READING_STILL_S", 0.3)
    factory = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop

    async def read() -> tuple[int, int]:
        async with serving(large) as address:
            idle, slow = await _asked(address, head), await _asked(address, head)
            taken = 0
            while taken < LARGE_BYTES:
                piece = await asyncio.get_running_loop().sock_recv(slow, 512 * 1024)
                assert piece
                taken += len(piece)
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
            received = 0
            with suppress(ConnectionError):
                while piece := await asyncio.get_running_loop().sock_recv(idle, 1024 * 1024):
                    received += len(piece)
            idle.close()
            slow.close()
        return taken, received

    with asyncio.Runner(loop_factory=factory) as runner:
        taken, received = runner.run(read())
    assert taken >= LARGE_BYTES
    assert received < LARGE_BYTES


async def _asked(address: tuple[str, int], head: bytes) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    await asyncio.get_running_loop().sock_connect(connection, address)
    await asyncio.get_running_loop().sock_sendall(connection, head)
    return connection


LARGE_BYTES = 24 * MB


async def large(scope: Any, receive: Any, send: Any) -> None:
    """At once, as an answer that is not streamed is sent."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * LARGE_BYTES})


async def healthy(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


HANDSHAKE = (
    b"GET /ws/chat/x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nX-Forwarded-For: 192.0.2.1\r\n"
)


@pytest.mark.parametrize(
    "header",
    [
        b"Sec-WebSocket-Protocol: ,,,",
        b"Sec-WebSocket-Protocol: bearer, \xff\xfe",
        b"Sec-WebSocket-Protocol: bearer bearer",
        b"Sec-WebSocket-Protocol: bearer,(@)",
        b"Sec-WebSocket-Protocol: bearer\r\nSec-WebSocket-Protocol: (",
        b"Sec-WebSocket-Protocol:",
        b"Sec-WebSocket-Extensions: ;;=",
        b"Authorization: Bearer \xff",
        b"Origin: http://[",
        b"Cookie: \xff=\xff",
    ],
)
def test_a_bad_handshake_is_answered_and_costs_no_traceback(site: Site, header: bytes) -> None:
    before = len(site.logs())
    with socket.create_connection(("127.0.0.1", site.servers[0].port), timeout=10) as connection:
        connection.sendall(HANDSHAKE + header + b"\r\n\r\n")
        answer = connection.recv(4096)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 101 ", b"HTTP/1.1 403 "))
    health = httpx.get(f"{site.url}/api/health/live", trust_env=False)
    assert health.status_code == 200
    said = site.logs()[before:]
    assert "Traceback" not in said
    assert '"exception"' not in said


async def nobody(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("no request has come")


def test_it_ends_within_its_grace_when_asked(sites: Sites) -> None:
    with sites.own(processes=1, demo=True) as site:
        site.servers[0].stop(signal.SIGINT, timeout=15)
        assert "Traceback" not in site.logs()
