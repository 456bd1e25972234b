"""The list of sessions is answered by a fast path, or by the view, and health at once, or as other requests: nobody can
tell which."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.harness.client import Client, signed_in
from tests.harness.server import Site
from tests.harness.sites import Sites

OWN_HOST = "chat.example.org"
OWN_ORIGIN, OTHER_ORIGIN = "https://chat.example.org", "https://evil.example"
MOST = 6  # a minute, of who does not come from this machine


@pytest.fixture(scope="module")
def site(sites: Sites) -> Iterator[Site]:
    environment = {
        "CORS_ORIGINS": OWN_ORIGIN,
        "RATE_LIMIT_USER": f"{MOST}/day",
        "MESSAGE_ENCRYPTION_KEYS": "",
        "ALLOWED_HOSTS": f"{OWN_HOST},localhost,127.0.0.1",
    }
    with sites.own(environment, processes=1, demo=True) as site:
        yield site


@pytest.fixture
async def alice(site: Site) -> AsyncIterator[Client]:
    async with signed_in(site.url) as alice:
        yield alice


async def both(alice: Client, query: str, **headers: str) -> tuple[httpx.Response, httpx.Response]:
    """A query that names a parameter twice is not usual, and means the last of them."""
    view = f"limit=9&{query}" if query else "limit=9&limit=50"
    return tuple([await alice.http.get(f"/api/sessions?{one}", headers=headers) for one in (query, view)])  # type: ignore[return-value]


def told(answer: httpx.Response) -> dict[str, str]:
    """Every header that is not of the one answer alone."""
    return {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}


def without_cursor(answer: httpx.Response) -> dict[str, Any]:
    """What the list says, but for the moment at which it was asked."""
    body: dict[str, Any] = answer.json()
    assert (body["next_cursor"] is not None) == body["has_more"]
    return body | {"next_cursor": "", "pagination": body["pagination"] | {"next_cursor": ""}}


async def test_a_list_is_the_same_by_both_ways(alice: Client) -> None:
    for title in ("One", "Zwei ü", "三"):
        key = await alice.create_session(title=title, metadata={"a": [1, {"b": None}]})
    await alice.http.patch(f"/api/sessions/{key}", json={"pinned": True})
    for query in ("", "limit=50", "limit=2", "limit=2&offset=2", "offset=2&limit=50", "limit=1&offset=77"):
        short, long = await both(alice, query)
        assert (short.status_code, short.json()["total_count"]) == (200, 3), query
        assert without_cursor(short) == without_cursor(long), query
        assert told(short) == told(long)
        assert short.headers["x-request-id"] != long.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": OWN_ORIGIN},
        {"Origin": OTHER_ORIGIN},
        {"X-Request-ID": "mine"},
        {"X-Forwarded-Proto": "https", "Host": OWN_HOST},
    ],
)
async def test_headers_are_the_same_by_both_ways(alice: Client, headers: dict[str, str]) -> None:
    short, long = await both(alice, "limit=50", **headers)
    assert told(short) == told(long)
    assert (short.headers["x-request-id"] == "mine") == ("X-Request-ID" in headers)
    assert ("strict-transport-security" in short.headers) == ("X-Forwarded-Proto" in headers)


@pytest.mark.parametrize("path", ["/api/health", "/api/health/live", "/api/config"])
@pytest.mark.parametrize("headers", [{}, {"Origin": OWN_ORIGIN}, {"Origin": OTHER_ORIGIN}, {"X-Request-ID": "mine"}])
async def test_what_is_known_is_said_as_it_would_be_looked_up(
    alice: Client, path: str, headers: dict[str, str]
) -> None:
    """With a query it is not usual."""
    await alice.http.get(path)
    known, asked = [await alice.http.get(one, headers=headers) for one in (path, f"{path}?x")]
    assert known.status_code == asked.status_code == 200
    assert known.content == asked.content
    assert told(known) == told(asked)
    assert (known.headers["x-request-id"] == "mine") == ("X-Request-ID" in headers)


@pytest.mark.parametrize(
    ("host", "forwarded", "told_so"),
    [
        (OWN_HOST, {"X-Forwarded-Proto": "https"}, True),
        (OWN_HOST, {"X-Forwarded-Proto": "HTTPS"}, True),
        (OWN_HOST, {"X-Forwarded-Proto": "http"}, False),
        (OWN_HOST, {}, False),
        ("localhost:8000", {"X-Forwarded-Proto": "https"}, False),
    ],
)
async def test_tls_once_is_tls_always_whoever_answers(
    site: Site, host: str, forwarded: dict[str, str], told_so: bool
) -> None:
    by_loop = ["/api/health", "/api/health/live", "/api/health/ready", "/api/config", "/api/health?x", "/api/config/"]
    headers = {"Host": host, **forwarded}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, trust_env=False) as anybody:
        page_file = re.search(r"/static/chat-[0-9a-f]{12}/[\w./-]+\.js", (await anybody.get("/")).text)
        assert page_file
        answers = [await anybody.get(path) for path in ("/", *by_loop, page_file[0], "/api/auth/me")]
        answers.append(await anybody.post("/api/auth/login", content=b"x" * 2_500_000))
    assert [answer.status_code for answer in answers] == [*[200] * 8, 401, 413]
    for answer in answers:
        assert ("strict-transport-security" in answer.headers) == told_so, answer.url
    assert len({answer.headers.get("strict-transport-security") for answer in answers}) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=ten", "offset=-1", "limit=5&cursor=x", "limit=²"])
async def test_what_is_wrong_is_said_by_the_view(alice: Client, query: str) -> None:
    answer = await alice.http.get(f"/api/sessions?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")


async def test_who_may_not_read_is_refused(alice: Client) -> None:
    key = (await alice.post("/api/auth/keys", {"name": "files", "scopes": ["files"]}, 201))["key"]
    for credentials, expected in ((key, 403), ("cj_none", 401), (alice.token[:-4] + "AAAA", 401), ("none", 401)):
        answer = await alice.http.get("/api/sessions", headers={"Authorization": f"Bearer {credentials}"})
        assert answer.status_code == expected, credentials
    await alice.post("/api/auth/logout", {"refresh_token": alice.refresh_token})
    assert (await alice.http.get("/api/sessions")).status_code == 401


async def test_lists_count_for_the_user_s_rate(site: Site) -> None:
    client = await Client(site.url).register("often@example.org")
    from_afar = {"X-Forwarded-For": "192.0.2.1"}
    statuses = [(await client.http.get("/api/sessions", headers=from_afar)).status_code for _ in range(MOST + 1)]
    await client.close()
    assert statuses == [200] * MOST + [429]
