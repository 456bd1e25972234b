"""What happens to an account's sessions, told to all its devices: numbered, resumable, at whichever process."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Chat, Client, Frame, assert_gapless, socket_at
from tests.harness.provider import Provider
from tests.harness.server import Site


@asynccontextmanager
async def watch(client: Client, query: str = "", **options: Any) -> AsyncIterator[Chat]:
    headers = {"Authorization": f"Bearer {client.token}"} if client.token else {}
    async with socket_at(f"{client.url}/ws/account{query}", **{"additional_headers": headers} | options) as chat:
        yield chat


async def put(client: Client, path: str, body: Frame, status: int = 200) -> Frame:
    answer = await client.http.put(path, json=body)
    assert answer.status_code == status, answer.text
    result: Frame = answer.json()
    return result


async def in_list(client: Client, session_id: str) -> Frame:
    sessions = (await client.get("/api/sessions", limit=100))["sessions"]
    return next(session for session in sessions if session["session_id"] == session_id)


@pytest.fixture
async def bob(site: Site) -> AsyncIterator[Client]:
    """Has nothing yet, so that he counts from one."""
    client = await Client(site.url).register(f"bob-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def test_each_change_is_told_to_every_device_with_the_session_as_in_the_list(bob: Client, site: Site) -> None:
    there = bob.at(site.servers[-1].url)
    async with watch(bob) as here, watch(there, "?after=0") as elsewhere:
        assert (await here.expect("connected"))["last_seq"] == 0
        name = await bob.create_session(title="Plans")
        await bob.http.patch(f"/api/sessions/{name}", json={"title": "Better plans", "pinned": True})
        await put(bob, f"/api/sessions/{name}/draft", {"content": "Dear"})
        await bob.post(f"/api/sessions/{name}/messages", {"role": "assistant", "content": "Here I am."}, status=201)
        await put(bob, f"/api/sessions/{name}/read", {"position": 1})
        assert (await put(bob, f"/api/sessions/{name}/draft", {"content": ""}))["draft"] is None
        for device in (here, elsewhere):
            assert (await device.expect("session_created"))["session"]["session_id"] == name
            assert (await device.expect("session_updated"))["session_id"] == name
            assert "draft" in await device.expect("draft")
            await device.expect("session_updated")
            assert (await device.expect("read"))["session"]["unread"] is False
            last = await device.expect("draft")
            assert last["draft"] is None
            assert last["session"] == await in_list(bob, name)
            assert last["session"]["title"] == "Better plans"
        assert (await bob.http.delete(f"/api/sessions/{name}")).status_code == 200
        for device in (here, elsewhere):
            gone = await device.expect("session_deleted")
            assert gone["session_id"] == name
            assert "session" not in gone
            assert_gapless(device.frames)
    await there.close()


async def test_another_path_is_told_as_the_list_shows_it(bob: Client, provider: Provider) -> None:
    name = await bob.create_session(title="Paths")
    base = f"/api/sessions/{name}"
    async with bob.chat(name, after=0) as chat:
        await chat.ask("echo uno")
        await chat.ask("echo due")
    words = (await bob.detail(name))["messages"][2]
    async with watch(bob) as here:
        await here.expect("connected")
        assert (await bob.http.delete(f"{base}/messages/{words['id']}")).status_code == 200
        told = (await here.expect("session_updated"))["session"]
        assert (told["message_count"], told["last_message_preview"]) == (2, "uno")
        assert told == await in_list(bob, name)


async def test_who_was_away_gets_what_was_missed_once_and_each_session_as_it_is_now(bob: Client) -> None:
    first, second = await bob.create_session(title="1"), await bob.create_session(title="2")
    await bob.http.delete(f"/api/sessions/{first}")
    await bob.http.patch(f"/api/sessions/{second}", json={"title": "3"})
    async with watch(bob, "?after=1") as device:
        frames = [await device.expect("session_created", session_id=second)]
        assert frames[0]["session"]["title"] == "3"
        await device.expect("session_deleted", session_id=first)
        assert (await device.expect("session_updated", session_id=second))["seq"] == 4
        assert_gapless(device.frames, after=1)
    async with watch(bob, "?after=0") as device:
        # It is gone, whatever had happened to it.
        assert [(await device.expect("session_deleted"))["seq"] for _ in range(2)] == [1, 3]


@pytest.mark.parametrize("cursor", ["99", "-1", "many", str(2**70)])
async def test_a_cursor_that_cannot_be_served_is_told_so_and_goes_on_live(bob: Client, cursor: str) -> None:
    name = await bob.create_session()
    async with watch(bob, f"?after={cursor}") as device:
        assert (await device.expect("connected"))["last_seq"] == 1
        assert (await device.expect("resync"))["last_seq"] == 1
        await put(bob, f"/api/sessions/{name}/draft", {"content": "on"})
        assert (await device.expect("draft"))["seq"] == 2


async def test_what_a_run_does_to_its_session_is_seen_in_the_list(bob: Client, provider: Provider) -> None:
    name = await bob.create_session()
    async with watch(bob) as device, bob.chat(name) as chat:
        await device.expect("connected")
        await chat.ask("Hello")
        running = await device.expect("session_state")
        assert running["session_id"] == name
        idle = running if running["state"] == "idle" else await device.expect("session_state", state="idle")
        assert idle["session"]["unread"] is True
        assert idle["session"]["message_count"] == 2
        assert idle["session"]["last_message_preview"]
        await put(bob, f"/api/sessions/{name}/read", {"position": 2})
        assert (await device.expect("read"))["session"]["unread"] is False
        assert_gapless(device.frames, after=1)


async def test_words_that_wait_behind_an_answer_are_told_at_once(bob: Client, provider: Provider) -> None:
    name = await bob.create_session()
    async with watch(bob) as device, bob.chat(name) as chat:
        await chat.say("say 9 words; gate behind after 5")
        await device.expect("session_state", state="running")
        await chat.say("say 2 words")
        told = (await device.expect("session_state", state="running"))["session"]
        assert told["last_message_preview"] == "say 2 words"
        provider.open_gate("behind")
        await device.expect("session_state", state="idle")


async def test_the_same_as_an_event_stream(bob: Client) -> None:
    async with bob.sse("GET", "/api/events") as frames:
        assert await anext(frames) == {"type": "connected", "last_seq": 0}
        name = await bob.create_session(title="Seen")
        created = await anext(frames)
        assert (created["_id"], created["type"], created["session"]["title"]) == ("1", "session_created", "Seen")
    await put(bob, f"/api/sessions/{name}/draft", {"content": "on"})
    async with bob.sse("GET", "/api/events", **{"Last-Event-ID": "1"}) as frames:
        assert (await anext(frames))["last_seq"] == 2
        assert (await anext(frames))["session"]["draft"] == "on"


async def test_devices_agree_within_a_moment(bob: Client, site: Site) -> None:
    there = bob.at(site.servers[-1].url)
    name = await bob.create_session()
    took = []
    async with watch(there) as device:
        await device.expect("connected")
        for number in range(10):
            began = time.monotonic()
            await put(bob, f"/api/sessions/{name}/draft", {"content": f"{number}"})
            await device.expect("draft", draft=f"{number}")
            took.append(time.monotonic() - began)
    await there.close()
    assert sorted(took)[5] < 0.5, took  # 0.02 where nothing else has to be done; who asks once a second takes longer


async def test_strangers_and_other_frames_are_refused(bob: Client, mallory: Client, stranger: Client) -> None:
    name = await bob.create_session()
    assert (await mallory.http.put(f"/api/sessions/{name}/draft", json={"content": "x"})).status_code == 404
    assert (await stranger.http.get("/api/events")).status_code == 401
    for body in ({"content": 5}, {}, {"content": "x" * 32_001}, {"content": "\x00"}):
        await put(bob, f"/api/sessions/{name}/draft", body, status=400)
    for position in (-1, "1", True, 2**40, None):
        await put(bob, f"/api/sessions/{name}/read", {"position": position}, status=400)
    async with watch(stranger, additional_headers={"X-Forwarded-For": "203.0.113.7"}) as device:
        assert await device.wait_closed() == 4401
    async with watch(mallory) as hers, watch(bob) as device:
        await hers.expect("connected")
        await device.send({"type": "ping"})
        await device.expect("pong")
        await device.send({"type": "message", "messages": ["hello"]})
        assert (await device.expect("error"))["code"] == "unknown_type"
        await put(bob, f"/api/sessions/{name}/draft", {"content": "mine"})
        await device.expect("draft")
        assert [frame["type"] for frame in hers.frames] == ["connected"]


async def test_a_device_that_is_signed_out_is_closed(bob: Client, site: Site) -> None:
    async with watch(bob) as device:
        await device.expect("connected")
        await bob.post("/api/auth/logout", {"refresh_token": bob.refresh_token})
        assert await device.wait_closed() == 4401
