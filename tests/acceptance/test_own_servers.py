"""MCP servers that a person adds: their authorization by the person's browser, over any process; how long it lasts, and
where nothing is reached."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.harness.authorized_mcp import AuthorizedMcp
from tests.harness.client import Client, Frame, text_of
from tests.harness.provider import Provider
from tests.harness.receiver import Receiver
from tests.harness.server import PASSWORD, Site
from tests.harness.services import until
from tests.harness.sites import TIMES, Sites

SERVERS = "/api/mcp-servers"
ENVIRONMENT = {"MCP_NETWORKS": "127.0.0.1", "MCP_SERVERS": "{}", "OPENAI_API": "responses", **TIMES}


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(ENVIRONMENT, processes=2)


@pytest.fixture(scope="module")
def numbers() -> Iterator[AuthorizedMcp]:
    with AuthorizedMcp() as server:
        yield server


@pytest.fixture
async def bob(site: Site) -> AsyncIterator[Client]:
    """Whoever adds something has an account of their own."""
    client = await Client(site.url).register(f"bob-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def add(client: Client, url: str, **fields: Any) -> Frame:
    return await client.post(SERVERS, {"name": "numbers", "url": url, **fields}, status=201)


async def connect(client: Client, server: Frame) -> Frame:
    return await client.post(f"{SERVERS}/{server['id']}/connect")


async def sent_back(client: Client, authorization_url: str) -> dict[str, str]:
    """What the browser brings to the page, which the person has let the authorization server send it to."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        away = await browser.get(authorization_url)
        assert away.status_code == 302, away.text
        back = await browser.get(away.headers["Location"])
        assert back.status_code == 302
    page = urlsplit(back.headers["Location"])
    assert (page.netloc, page.path) == ("", "/")
    place, _, query = page.fragment.partition("?")
    assert place == "/mcp-servers"
    return {name: values[0] for name, values in parse_qs(query).items()}


async def connected(client: Client, url: str, **fields: Any) -> Frame:
    server = await add(client, url, **fields)
    brought = await sent_back(client, (await connect(client, server))["authorization_url"])
    return await client.post(f"{SERVERS}/authorize", brought)


async def one(client: Client) -> Frame:
    (server,) = (await client.get(SERVERS))["servers"]
    return dict(server)


async def ask(client: Client, session: str, words: str) -> tuple[list[Frame], list[Frame]]:
    """The frames of the run, and all that came meanwhile."""
    last = (await client.detail(session))["last_seq"]
    async with client.chat(session, after=last) as chat:
        return await chat.ask(words), chat.frames


def results(frames: list[Frame]) -> list[tuple[str, bool]]:
    done = [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] == "completed"]
    return [(frame["result"], frame["success"]) for frame in done]


async def test_a_person_lets_us_in_by_their_browser_and_each_process_has_the_server(
    bob: Client, mallory: Client, site: Site, numbers: AuthorizedMcp
) -> None:
    server = await add(bob, numbers.url)
    assert (server["key"], server["status"], server["allowed"]) == ("own/numbers", "new", True)
    begun = await connect(bob, server)
    assert begun["server"]["status"] == "needs_authorization"
    asked = parse_qs(urlsplit(begun["authorization_url"]).query)
    assert (asked["resource"], asked["scope"]) == ([numbers.url], ["numbers"])
    assert asked["code_challenge_method"] == ["S256"]
    brought = await sent_back(bob, begun["authorization_url"])
    # Who has not asked for it cannot be made to end it, and nobody ends it twice.
    stolen = await mallory.http.post(f"{SERVERS}/authorize", json=brought)
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (404, "attempt_gone")
    there = bob.at(site.servers[-1].url)
    assert (await there.post(f"{SERVERS}/authorize", brought))["status"] == "connected"
    again = await bob.http.post(f"{SERVERS}/authorize", json=brought)
    assert again.status_code == 404
    client = numbers.authority.clients[asked["client_id"][0]]
    assert client.client_name == "Chat Juicer"
    for here in (bob, there):
        session = await here.create_session()
        assert (await here.detail(session))["session"]["mcp_config"] == ["own/numbers"]
        frames, _ = await ask(here, session, 'tool numbers_add {"a": 2, "b": 3}; say 2 words')
        assert (results(frames), text_of(frames)) == ([("5", True)], "word1 word2")
    # To others it does not exist, however they call it.
    session = await mallory.create_session(mcp_config=["own/numbers"])
    frames, _ = await ask(mallory, session, 'tool numbers_add {"a": 2, "b": 3}; say 1 word')
    assert [success for _, success in results(frames)] == [False]
    assert (await mallory.http.post(f"{SERVERS}/{server['id']}/connect")).status_code == 404
    await there.close()


async def test_tokens_are_renewed_once_whoever_needs_them(bob: Client, site: Site, numbers: AuthorizedMcp) -> None:
    await connected(bob, numbers.url)
    there = bob.at(site.servers[-1].url)
    clients = [bob, there] * 2
    sessions = [await client.create_session() for client in clients]

    async def all_add() -> list[list[tuple[str, bool]]]:
        asked = (
            ask(client, session, 'tool numbers_add {"a": 1, "b": 1}; say 1 word')
            for client, session in zip(clients, sessions, strict=True)
        )
        return [results(frames) for frames, _ in await asyncio.gather(*asked)]

    assert await all_add() == [[("2", True)]] * 4
    before = numbers.authority.renewals
    numbers.authority.end_access()  # each process finds out by itself
    assert await all_add() == [[("2", True)]] * 4
    assert numbers.authority.renewals == before + 1
    # Those that expire are not even sent.
    numbers.authority.lifetime_s = 1
    try:
        for _ in range(3):
            numbers.authority.end_access()
            assert await all_add() == [[("2", True)]] * 4
    finally:
        numbers.authority.lifetime_s = 3600
        await there.close()
    assert (await one(bob))["status"] == "connected"


async def test_a_server_that_needs_authorization_again_says_so_in_words(
    bob: Client, numbers: AuthorizedMcp, provider: Provider
) -> None:
    server = await connected(bob, numbers.url)
    session = await bob.create_session()
    await ask(bob, session, 'tool numbers_add {"a": 1, "b": 1}; say 1 word')
    numbers.authority.end_all()
    frames, _ = await ask(bob, session, 'tool numbers_add {"a": 1, "b": 1}; say 2 words')
    ((said, success),) = results(frames)
    assert (success, "needs the person's authorization again" in said) == (False, True)
    assert (text_of(frames), frames[-1]["finish_reason"]) == ("word1 word2", "stop")
    assert (await one(bob))["status"] == "needs_authorization"
    # The next turn goes without it, and tells the person and the model.
    told: list[Frame] = []
    for _ in range(10):  # without Redis the process of the socket hears of it only if it has the run
        frames, seen = await ask(bob, session, "say 2 words")
        assert text_of(frames) == "word1 word2"
        if told := [frame for frame in seen if frame["type"] == "status"]:
            break
    assert [(frame["code"], "own/numbers" in frame["message"]) for frame in told] == [("needs_authorization", True)]
    assert "authorizes them again" in str(provider.requests[-1].body["instructions"])
    # Whoever does not agree leaves it so.
    numbers.authority.agrees = False
    try:
        brought = await sent_back(bob, (await connect(bob, server))["authorization_url"])
    finally:
        numbers.authority.agrees = True
    assert "code" not in brought
    refused = await bob.http.post(f"{SERVERS}/authorize", json=brought)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_authorized")
    known = len(numbers.authority.clients)
    brought = await sent_back(bob, (await connect(bob, server))["authorization_url"])
    assert (await bob.post(f"{SERVERS}/authorize", brought))["status"] == "connected"
    assert len(numbers.authority.clients) == known, "who is registered does not register again"
    frames, _ = await ask(bob, session, 'tool numbers_add {"a": 4, "b": 5}; say 1 word')
    assert results(frames) == [("9", True)]


@pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")
async def test_a_server_that_refuses_calls_alone_is_authorized_once_it_has(bob: Client) -> None:
    with AuthorizedMcp(lenient=True) as numbers:
        server = await add(bob, numbers.url)
        begun = await connect(bob, server)
        assert (begun["server"]["status"], begun["authorization_url"]) == ("connected", None)
        session = await bob.create_session()

        async def add_up() -> tuple[str, bool]:
            frames, _ = await ask(bob, session, 'tool numbers_add {"a": 1, "b": 1}; say 1 word')
            return results(frames)[0]

        said, success = await add_up()
        assert (success, "needs the person's authorization again" in said) == (False, True)
        numbers.authority.is_over = True
        assert (await connect(bob, server))["server"]["status"] == "connected"
        assert await add_up() == ("2", True)
        numbers.authority.is_over = False
        assert (await add_up())[1] is False
        brought = await sent_back(bob, (await connect(bob, server))["authorization_url"])
        assert (await bob.post(f"{SERVERS}/authorize", brought))["status"] == "connected"
        assert await add_up() == ("2", True)


@pytest.mark.only("sqlite", reason="a row that is another by now is one on each database")
@pytest.mark.parametrize("change", ["DELETE", "PATCH"])
async def test_what_was_connected_meanwhile_is_of_another_address(bob: Client, change: str) -> None:
    with Receiver() as silent:
        silent.answers["/mcp"] = [0]
        server = await add(bob, f"{silent.url}/mcp")
        connecting = asyncio.create_task(bob.http.post(f"{SERVERS}/{server['id']}/connect"))
        await asyncio.to_thread(silent.wait, "/mcp")
        elsewhere = {"url": "https://example.org/mcp"} if change == "PATCH" else None
        assert (await bob.http.request(change, f"{SERVERS}/{server['id']}", json=elsewhere)).status_code == 200
    refused = await connecting
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert [row["status"] for row in (await bob.get(SERVERS))["servers"]] == ([] if change == "DELETE" else ["new"])


async def test_calls_ask_as_the_tool_or_the_person_says(bob: Client, numbers: AuthorizedMcp) -> None:
    server = await connected(bob, numbers.url)
    session = await bob.create_session()

    async def end_of(words: str) -> str:
        async with bob.chat(session) as chat:
            await chat.say(words)
            end = await chat.expect("stream_end")
            if end["finish_reason"] == "awaiting_approval":
                await chat.send({"type": "interrupt"})
                await chat.expect("stream_end")
            return str(end["finish_reason"])

    assert await end_of("tool numbers_erase {}; say 1 word") == "awaiting_approval"
    assert await end_of('tool numbers_add {"a": 1, "b": 1}; say 1 word') == "stop"
    changed = await bob.http.patch(f"{SERVERS}/{server['id']}", json={"require_approval": "always"})
    assert (changed.json()["require_approval"], changed.json()["status"]) == ("always", "connected")
    assert await end_of('tool numbers_add {"a": 1, "b": 1}; say 1 word') == "awaiting_approval"


@pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")
async def test_nothing_is_reached_where_only_the_server_may_be(bob: Client) -> None:
    async def error_of(url: str) -> str:
        server = await add(bob, url, name=f"s{uuid4().hex[:8]}")
        connected = (await connect(bob, server))["server"]
        assert connected["status"] == "failed"
        return str(connected["error"])

    with Receiver() as inside:
        port = urlsplit(inside.url).port
        # In the operator's network, and beside it; as the second, our own machine.
        assert await error_of(f"{inside.url}/mcp") == "no_mcp_server"
        assert inside.posted != []
        inside.posted.clear()
        for url in (
            f"http://127.0.0.2:{port}/mcp", f"http://localhost.localdomain.:{port}/", f"https://[::1]:{port}/mcp",
            f"https://2130706434:{port}/mcp", "https://169.254.169.254/latest", "http://1.1.1.1/mcp",
        ):  # fmt: skip
            assert await error_of(url) in ("not_public", "no_such_host"), url
        assert inside.posted == []
    for bad in ("ftp://example.org/", "https://user@example.org/", "https:///mcp", "javascript:alert(1)"):
        refused = await bob.http.post(SERVERS, json={"name": "bad", "url": bad})
        assert refused.status_code == 400, bad


@pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")
async def test_a_server_may_want_a_token_that_the_person_has(bob: Client, numbers: AuthorizedMcp) -> None:
    other = await connected(bob, numbers.url, name="by-browser")
    token = next(iter(numbers.authority.access))
    headers = [{"name": "Authorization", "value": f"Bearer {token}"}]
    server = await add(bob, numbers.url, headers=headers, in_new_chats=False)
    assert (server["header_names"], token in json.dumps(server)) == (["Authorization"], False)
    said = await connect(bob, server)
    assert (said["server"]["status"], said["authorization_url"]) == ("connected", None)
    session = await bob.create_session(mcp_config=["own/numbers"])
    frames, _ = await ask(bob, session, 'tool numbers_add {"a": 1, "b": 6}; say 1 word')
    assert results(frames) == [("7", True)]
    wrong = [{"name": "Authorization", "value": "Bearer wrong"}]
    changed = await bob.http.patch(f"{SERVERS}/{server['id']}", json={"headers": wrong})
    assert changed.json()["status"] == "new"
    assert (await connect(bob, server))["server"]["error"] == "refused"
    assert (await bob.detail(await bob.create_session()))["session"]["mcp_config"] == [other["key"]]


async def test_what_is_deleted_is_revoked_and_an_archive_holds_no_secret(
    bob: Client, site: Site, numbers: AuthorizedMcp
) -> None:
    revoked = numbers.authority.revoked
    server = await connected(bob, numbers.url)
    subject = f"grant {numbers.authority.grants}"
    secret = next(name for name, token in numbers.authority.access.items() if token.subject == subject)
    exported = await bob.http.get("/api/export")
    lines = zipfile.ZipFile(io.BytesIO(exported.content)).read("conversations.jsonl").decode()
    kept = [json.loads(line) for line in lines.splitlines() if '"mcp_server"' in line]
    assert [(line["name"], line["url"]) for line in kept] == [("numbers", numbers.url)]
    assert secret not in lines
    brought = await sent_back(bob, (await connect(bob, server))["authorization_url"])
    await bob.post(f"{SERVERS}/authorize", brought)
    await asyncio.to_thread(until, lambda: subject in revoked, "the grant that another replaces is revoked", 10)
    subject = f"grant {numbers.authority.grants}"
    assert subject not in revoked
    assert (await bob.http.delete(f"{SERVERS}/{server['id']}")).status_code == 200
    await asyncio.to_thread(until, lambda: subject in revoked, "the grant is revoked", 10)
    assert (await bob.get(SERVERS))["servers"] == []
    answer = await bob.http.post("/api/import", files={"file": ("a.zip", exported.content)})
    assert answer.status_code == 200, answer.text
    assert ((await one(bob))["status"], (await one(bob))["url"]) == ("new", numbers.url)
    brought = await sent_back(bob, (await connect(bob, await one(bob)))["authorization_url"])
    await bob.post(f"{SERVERS}/authorize", brought)
    subject = f"grant {numbers.authority.grants}"
    gone = await bob.http.request("DELETE", "/api/auth/me", json={"password": PASSWORD})
    assert gone.status_code == 200
    await asyncio.to_thread(until, lambda: subject in revoked, "the grant is revoked", 10)


@pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")
async def test_groups_say_who_may_have_their_own(alice: Client, bob: Client, numbers: AuthorizedMcp) -> None:
    server = await connected(bob, numbers.url)
    session = await bob.create_session()
    email = (await bob.get("/api/auth/me"))["email"]
    group = await alice.post("/api/groups", {"name": uuid4().hex, "mcp_servers": ["fetch"]}, status=201)
    try:
        await alice.post(f"/api/groups/{group['id']}/members", {"email": email}, status=201)
        refused = await bob.http.post(SERVERS, json={"name": "more", "url": numbers.url})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "server_not_allowed")
        assert (await bob.http.post(f"{SERVERS}/{server['id']}/connect")).status_code == 403
        assert (await one(bob))["allowed"] is False
        frames, _ = await ask(bob, session, 'tool numbers_add {"a": 1, "b": 1}; say 1 word')
        assert [success for _, success in results(frames)] == [False]
        assert (await bob.detail(await bob.create_session()))["session"]["mcp_config"] == []
        rules = {"mcp_servers": ["fetch", "own/*"]}
        assert (await alice.http.patch(f"/api/groups/{group['id']}", json=rules)).status_code == 200
        frames, _ = await ask(bob, session, 'tool numbers_add {"a": 1, "b": 1}; say 1 word')
        assert results(frames) == [("2", True)]
    finally:
        await alice.http.delete(f"/api/groups/{group['id']}")
