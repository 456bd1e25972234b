"""An account that moves from one server's door to another's, over HTTP, with all that hangs on it."""

import asyncio
import io
import json
import random
import zipfile
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.test_account_log import watch
from tests.harness.client import Client
from tests.harness.provider import Provider
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites


async def exported(client: Client) -> bytes:
    answer = await client.http.get("/api/export/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    return answer.content


def entries(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist() if name != "manifest.json"}


async def test_what_was_said_and_filed_moves_and_can_be_gone_on_with(site: Site, provider: Provider) -> None:
    old = await Client(site.url).register(f"old-{uuid4().hex[:8]}@example.org")
    new = await Client(site.url).register(f"new-{uuid4().hex[:8]}@example.org")
    name = await old.create_session(title="Moving")
    large = random.Random(1).randbytes(800_000)  # does not pack: together more than a body may have elsewhere
    for number in range(4):
        file = (f"{number}.bin", large + b"%d" % number)
        sent = await old.http.post(f"/api/sessions/{name}/files/upload", files={"file": file})
        assert sent.status_code == 201
    async with old.chat(name) as chat:
        await chat.ask("Hello")
    archive = await exported(old)
    assert len(archive) > 3_000_000
    for expected in (
        {"imported": 1, "skipped": 0, "failed": []},
        {"imported": 0, "skipped": 1, "failed": []},
    ):
        answer = await new.http.post("/api/import", files={"file": ("archive.zip", archive)})
        assert (answer.status_code, answer.json()) == (200, expected), answer.text
    assert entries(await exported(new)) == entries(archive)
    before = (await old.detail(name))["messages"]
    async with new.chat(name) as chat:
        await chat.ask("And now?")
    after = (await new.detail(name))["messages"]
    assert [message["content"] for message in after[: len(before)]] == [message["content"] for message in before]
    (asked,) = [request.texts for request in provider.requests if ("user", "And now?") in request.texts]
    assert ("user", "Hello") in asked
    page = await new.http.get(f"/api/sessions/{name}/export", params={"format": "html"})
    assert page.text.startswith("<!doctype html>")
    answer = await new.http.post("/api/import", files={"file": ("x.zip", b"PK\x03\x04" + bytes(100))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unreadable_archive")
    await old.close()
    await new.close()


def conversations(count: int) -> list[dict[str, Any]]:
    """As another product exports them."""
    said = [{"sender": "human", "text": "Hello"}, {"sender": "assistant", "text": "Hi " * 100}]
    return [{"uuid": f"{number}", "name": f"Chat {number}", "chat_messages": said} for number in range(count)]


@pytest.mark.slow(reason="a server is killed")
async def test_of_an_import_whose_server_is_killed_other_devices_hear_and_it_is_completed(sites: Sites) -> None:
    count, key = 300, {"Idempotency-Key": "once"}
    archive = {"file": ("claude.json", json.dumps(conversations(count)))}
    with sites.own(TIMES) as site:
        bob = await Client(site.url).register(f"bob-{uuid4().hex[:8]}@example.org")
        await bob.create_session(title="Before")
        async with watch(bob) as device:
            known = (await device.expect("connected"))["last_seq"]
        importing = asyncio.create_task(bob.http.post("/api/import", files=archive, headers=key, timeout=60))
        while (await bob.get("/api/sessions", limit=1))["total_count"] < 10:
            await asyncio.sleep(0.01)
        site.servers[0].kill()
        with suppress(httpx.TransportError):
            await importing
        site.servers[0].restart()
        there = (await bob.get("/api/sessions", limit=1))["total_count"]
        assert 10 <= there < count + 1
        async with watch(bob, f"?after={known}") as device:
            await device.expect("resync")
        report = (await bob.http.post("/api/import", files=archive, headers=key, timeout=60)).json()
        assert (report["imported"], report["skipped"], report["failed"]) == (count + 1 - there, there - 1, [])
        again = await bob.http.post("/api/import", files=archive, headers=key, timeout=60)
        assert (again.status_code, again.json()) == (200, report)
        await bob.close()
