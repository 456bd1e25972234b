"""Signing in, refreshing, signing out, and who may come in without."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import jwt
import pytest

from tests.harness.client import Client, socket
from tests.harness.server import EMAIL, PASSWORD, Site


def claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def test_a_login_answers_tokens_with_the_promised_claims(stranger: Client) -> None:
    body = await stranger.post("/api/auth/login", {"email": EMAIL.upper(), "password": PASSWORD})
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 900
    assert body["user"].keys() >= {"id", "email", "display_name"}
    for name, kind, life in (("access_token", "access", 900), ("refresh_token", "refresh", 7 * 86400)):
        told = claims(body[name])
        assert {"exp", "iat", "jti", "sub", "type"} <= told.keys()
        assert (told["type"], told["sub"]) == (kind, body["user"]["id"])
        assert told["exp"] - told["iat"] == life  # type: ignore[operator]
    stranger.http.headers["Authorization"] = f"Bearer {body['access_token']}"
    me = await stranger.get("/api/auth/me")
    assert me["email"] == EMAIL


async def test_a_wrong_password_and_an_unknown_user_look_the_same(stranger: Client) -> None:
    answers, times = [], []
    for email in (EMAIL, "nobody@example.org"):
        since = time.monotonic()
        answers.append(await stranger.http.post("/api/auth/login", json={"email": email, "password": "wrong one"}))
        times.append(time.monotonic() - since)
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = (answer.json() for answer in answers)
    assert first["detail"] == second["detail"] == "Invalid credentials"
    assert max(times) < 10 * min(times)


async def test_a_taken_address_cannot_be_registered(stranger: Client) -> None:
    email = f"{uuid4().hex[:8]}@example.org"
    await stranger.post("/api/auth/register", {"email": email, "password": "eight chars"}, status=201)
    again = await stranger.http.post("/api/auth/register", json={"email": email.upper(), "password": "eight chars"})
    assert again.status_code == 409
    for password in ("short", "x" * 129):
        body = {"email": f"a{email}", "password": password}
        assert (await stranger.http.post("/api/auth/register", json=body)).status_code == 400


@pytest.fixture
async def bob(site: Site) -> AsyncIterator[Client]:
    """Someone whose tokens may be spent."""
    client = await Client(site.url).register(f"bob-{uuid4().hex[:8]}@example.org")
    client.http.headers["X-Forwarded-For"] = "203.0.113.7"
    yield client
    await client.close()


async def refreshed(client: Client, token: str) -> tuple[int, dict[str, str]]:
    answer = await client.http.post("/api/auth/refresh", json={"refresh_token": token})
    return answer.status_code, answer.json()


async def test_a_refresh_spends_the_old_token_and_a_replay_from_elsewhere_kills_the_family(bob: Client) -> None:
    chain = [bob.refresh_token]
    for _ in range(3):
        status, tokens = await refreshed(bob, chain[-1])
        assert status == 200
        chain.append(tokens["refresh_token"])
    assert len(set(chain)) == 4
    bob.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    await bob.get("/api/auth/me")
    # Another part of the same client has slept meanwhile.
    for spent in chain[:-1]:
        status, tokens = await refreshed(bob, spent)
        assert (status, tokens["refresh_token"]) == (200, chain[-1])
    for elsewhere in ({"User-Agent": "curl/8"}, {"X-Forwarded-For": "198.51.100.9"}):
        thief = Client(bob.url)
        async with thief.http:
            thief.http.headers.update({**bob.http.headers, **elsewhere})
            assert (await refreshed(thief, chain[0]))[0] == 401
    assert (await refreshed(bob, chain[-1]))[0] == 401
    assert (await bob.http.get("/api/auth/me")).status_code == 401


async def test_tabs_that_refresh_together_get_one_successor(bob: Client, site: Site) -> None:
    other = bob.at(site.servers[-1].url)
    other.http.headers.update(bob.http.headers)  # else it is somewhere else, and the family ends if it comes first
    async with other.http:
        answers = await asyncio.gather(*(refreshed((bob, other)[n % 2], bob.refresh_token) for n in range(10)))
        assert Counter(status for status, _ in answers) == {200: 10}
        assert len({tokens["refresh_token"] for _, tokens in answers}) == 1
        assert (await refreshed(bob, answers[0][1]["refresh_token"]))[0] == 200


async def test_a_token_of_the_wrong_kind_is_refused(bob: Client) -> None:
    assert (await refreshed(bob, bob.token))[0] == 401
    bob.http.headers["Authorization"] = f"Bearer {bob.refresh_token}"
    assert (await bob.http.get("/api/auth/me")).status_code == 401


async def test_a_logout_ends_the_tokens_and_closes_the_sockets(bob: Client, site: Site) -> None:
    session = await bob.create_session()
    async with bob.chat(session) as here, bob.at(site.servers[-1].url).chat(session) as there:
        body = await bob.post("/api/auth/logout", {"refresh_token": bob.refresh_token})
        assert body["success"] is True
        assert [await chat.wait_closed(5) for chat in (here, there)] == [4401, 4401]
    assert (await bob.http.get("/api/auth/me")).status_code == 401
    assert (await refreshed(bob, bob.refresh_token))[0] == 401


@pytest.mark.parametrize("way", ["device", "everywhere", "password"])
async def test_what_ends_elsewhere_is_closed_there_and_stays_here(bob: Client, site: Site, way: str) -> None:
    session = await bob.create_session()
    email = (await bob.get("/api/auth/me"))["email"]
    other = await Client(site.servers[-1].url).login(email)
    async with bob.chat(session, 0) as here, other.chat(session) as there:
        if way == "device":
            devices = (await bob.get("/api/auth/devices"))["devices"]
            (elsewhere,) = [device["id"] for device in devices if not device["current"]]
            assert (await bob.http.delete(f"/api/auth/devices/{elsewhere}")).status_code == 200
        elif way == "everywhere":
            await bob.post("/api/auth/logout-everywhere", {})
        else:
            await bob.post("/api/auth/password", {"current_password": PASSWORD, "new_password": f"{PASSWORD}!"})
        assert await there.wait_closed(5) == 4401
        assert (await other.http.get("/api/auth/me")).status_code == 401
        await here.send({"type": "ping"})
        await here.expect("pong")
        await bob.get("/api/auth/me")
    await other.close()


def short_lived(site: Site, token: str, life_s: int) -> str:
    """The access token as it is when `life_s` are left of it."""
    key = (site.directory / "data" / "secret_key").read_text().strip()
    return jwt.encode(claims(token) | {"exp": int(time.time()) + life_s}, key, algorithm="HS256")


async def test_a_connection_outlives_its_access_token_and_not_its_family(bob: Client, site: Site) -> None:
    """Tokens are good for 30 s longer than they say, because clocks differ."""
    session = await bob.create_session()
    short = short_lived(site, bob.token, -25)
    own = {"Authorization": f"Bearer {short}"}
    ticket = (await bob.http.post("/api/auth/ws-ticket", headers=own)).json()["ticket"]
    mine = {"additional_headers": {"Authorization": f"Bearer {bob.token}"}}
    async with (
        bob.sse("GET", f"/api/sessions/{session}/events", **own) as frames,
        socket(bob.url, session, f"?token={short}&after=0") as by_token,
        socket(bob.url, session, f"?ticket={ticket}&after=0") as by_ticket,
        socket(bob.url, session, "?after=0", **mine) as renewed,
    ):
        sockets = [by_token, by_ticket, renewed]
        for chat in sockets:
            await chat.expect("connected")
        await renewed.send({"type": "auth", "token": short})
        await renewed.expect("authenticated")
        await expect_status(bob, own, 401)
        await asyncio.sleep(2 * CHECKED_S)
        await bob.http.patch(f"/api/sessions/{session}", json={"title": "still here"})
        assert (await anext(frames))["title"] == "still here"
        for chat in sockets:
            assert (await chat.expect("session_updated"))["title"] == "still here"
        await bob.post("/api/auth/logout", {"refresh_token": bob.refresh_token})
        assert [frame async for frame in frames] == []
        assert [await chat.wait_closed(5) for chat in sockets] == [4401] * 3


CHECKED_S = 2.0  # how often the server looks whether credentials still hold


async def expect_status(client: Client, headers: dict[str, str], status: int) -> None:
    async with asyncio.timeout(10):
        while (await client.http.get("/api/auth/me", headers=headers)).status_code != status:
            await asyncio.sleep(0.1)


async def test_a_ticket_opens_one_socket(alice: Client, session: str) -> None:
    ticket = (await alice.post("/api/auth/ws-ticket"))["ticket"]
    async with socket(alice.url, session, f"?ticket={ticket}") as chat:
        await chat.expect("connected")
    async with socket(alice.url, session, f"?ticket={ticket}") as chat:
        assert await chat.wait_closed() == 4401


async def test_one_of_many_uses_of_a_ticket_wins(alice: Client, elsewhere: Client, session: str) -> None:
    ticket = (await alice.post("/api/auth/ws-ticket"))["ticket"]

    async def use(url: str) -> bool:
        async with socket(url, session, f"?ticket={ticket}") as chat:
            await chat.wait_for(lambda frames: frames or chat.close_code is not None)
            return bool(chat.frames)

    won = await asyncio.gather(*(use((alice, elsewhere)[n % 2].url) for n in range(8)), return_exceptions=True)
    assert [outcome for outcome in won if outcome is True] == [True]


async def test_a_socket_opens_by_each_of_the_four_ways(alice: Client, session: str) -> None:
    ticket = (await alice.post("/api/auth/ws-ticket"))["ticket"]
    ways: list[tuple[str, dict[str, Any]]] = [
        ("", {"additional_headers": {"Authorization": f"Bearer {alice.token}"}}),
        (f"?ticket={ticket}", {}),
        ("", {"subprotocols": ["bearer", alice.token]}),
        (f"?token={alice.token}", {}),
    ]
    for query, options in ways:
        async with socket(alice.url, session, query, **options) as chat:
            await chat.expect("connected")
            if "subprotocols" in options:
                assert chat.connection.subprotocol == "bearer"


async def test_a_socket_without_right_is_closed_with_its_code(alice: Client, mallory: Client, session: str) -> None:
    away = {"X-Forwarded-For": "203.0.113.7"}
    own = {"Authorization": f"Bearer {alice.token}"}
    foreign = {"Authorization": f"Bearer {mallory.token}"}
    for headers, query, code in (
        (away, "", 4401),
        (away | {"Authorization": "Bearer rubbish"}, "", 4401),
        (away, "?ticket=rubbish", 4401),
        (away, "?token=rubbish", 4401),
        ({"Authorization": "Bearer rubbish"}, "", 4401),
        (own | {"Origin": "https://evil.example"}, "", 4403),
        (own | {"Origin": "null"}, "", 4403),
        (foreign, "", 4404),
    ):
        async with socket(alice.url, session, query, additional_headers=headers) as chat:
            assert await chat.wait_closed() == code, (headers, query)
            assert chat.frames == []
    async with socket(alice.url, "chat_nosuchsession", additional_headers=own) as chat:
        assert await chat.wait_closed() == 4404
    # A browser looks for one of the subprotocols that it offered, before it looks for a code.
    async with socket(alice.url, session, subprotocols=["bearer", "rubbish"]) as chat:
        assert chat.connection.subprotocol == "bearer"
        assert await chat.wait_closed() == 4401
    async with socket(alice.url, session, additional_headers=own | {"Origin": alice.url}) as chat:
        await chat.expect("connected")


async def test_a_path_that_is_no_socket_is_refused(alice: Client) -> None:
    own = {"Authorization": f"Bearer {alice.token}"}
    async with socket(alice.url, "a/b/c", additional_headers=own) as chat:
        assert await chat.wait_closed() == 4404


async def test_credentials_are_renewed_in_place(alice: Client, mallory: Client, session: str) -> None:
    async with alice.chat(session) as chat:
        await chat.send({"type": "auth", "token": alice.token})
        await chat.send({"type": "ping"})
        await chat.expect("pong")
        await chat.send({"type": "auth", "token": mallory.token})
        await chat.wait_for(lambda frames: frames[-1]["type"] == "error" or chat.close_code)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Authorization": "Bearer rubbish"}, 401),
        ({"X-Forwarded-For": "127.0.0.1"}, 401),
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"X-Forwarded-Host": "localhost"}, 401),
        ({"X-Real-IP": "127.0.0.1"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
        ({"Origin": "https://evil.example"}, 401),
        ({"Origin": "null"}, 401),
    ],
)
async def test_only_a_request_from_here_needs_no_login(site: Site, headers: dict[str, str], status: int) -> None:
    client = Client(site.url)
    async with client.http:
        assert (await client.http.get("/api/sessions", headers=headers)).status_code == status


async def test_another_host_name_is_not_here(site: Site) -> None:
    client = Client(site.url)
    async with client.http:
        answer = await client.http.get("/api/sessions", headers={"Host": "rebound.example"})
        assert answer.status_code in (400, 401)
        own = await client.http.get("/api/sessions", headers={"Origin": site.url})
        assert own.status_code == 200


async def test_what_is_not_yours_does_not_exist(alice: Client, mallory: Client, session: str) -> None:
    unknown = "chat_0123456789abcdef"
    routes = [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/messages"),
        ("POST", "/messages"),
        ("GET", "/events"),
        ("POST", "/clear"),
        ("POST", "/summarize"),
        ("POST", "/interrupt"),
    ]
    for method, tail in routes:
        body: Any = {"role": "user", "content": "x"} if tail == "/messages" else {}
        answers = [
            await mallory.http.request(method, f"/api/sessions/{name}{tail}", json=None if method == "GET" else body)
            for name in (session, unknown)
        ]
        assert [answer.status_code for answer in answers] == [404, 404], (method, tail)
        first, second = (answer.json() for answer in answers)
        for body in (first, second):
            body["error"].pop("request_id")
        assert first == second
    chat = {"session_id": session, "messages": [{"role": "user", "content": "x"}]}
    assert (await mallory.http.post("/api/chat", json=chat)).status_code == 404
    assert (await mallory.get("/api/sessions"))["total_count"] == 0
    assert (await alice.detail(session))["session"]["session_id"] == session
