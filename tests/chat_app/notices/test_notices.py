"""Those without a connection are told what happens: webhooks, and browsers by Web Push, by real servers."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chat_app.notices.encryption import encrypted, is_public_key
from chat_app.notices.vapid import base64url, from_base64url
from tests.chat_app.notices.browser import Browser
from tests.harness.client import Client, signed_in
from tests.harness.provider import Provider
from tests.harness.receiver import Posted, Receiver
from tests.harness.server import PASSWORD, Site
from tests.harness.services import free_port
from tests.harness.sites import Sites

SETTINGS = {"NOTICE_NETWORKS": "127.0.0.1", "NOTICE_RETRY_S": "0.3", "ALLOW_LOCALHOST_NOAUTH": "false"}


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get(SETTINGS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def bob(site: Site) -> AsyncIterator[Client]:
    client = await Client(site.url).register(f"bob-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def named(client: Client, title: str) -> str:
    session = await client.create_session()
    answer = await client.http.patch(f"/api/sessions/{session}", json={"title": title})
    assert answer.status_code == 200
    return session


async def hook(client: Client, url: str, *events: str) -> dict[str, Any]:
    return await client.post("/api/webhooks", {"url": url, "events": events or ["answer_ready"]}, status=201)


async def answered(client: Client, session: str, words: str = "say 3 words") -> None:
    """Without a window: the stream ends with the answer."""
    body = {"session_id": session, "messages": [{"role": "user", "content": words}]}
    async with client.sse("POST", "/api/chat", body) as frames:
        assert [frame async for frame in frames][-1]["type"] == "stream_end"


async def delivery(client: Client, webhook: dict[str, Any], status: str) -> dict[str, Any]:
    """The only one of the webhook, once it has come to that."""
    for _ in range(600):
        (found,) = (await client.get(f"/api/webhooks/{webhook['id']}/deliveries"))["deliveries"]
        if found["status"] == status:
            return dict(found)
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found} is not {status}")


def is_signed(posted: Posted, secret: str) -> bool:
    """As a receiver checks it that knows https://www.standardwebhooks.com."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(posted.headers["webhook-signature"], f"v1,{made}")


async def test_a_webhook_is_told_of_what_it_asked_for_and_can_tell_who_says_so(
    bob: Client, receiver: Receiver, provider: Provider
) -> None:
    webhook = await hook(bob, f"{receiver.url}/hook", "answer_ready", "session_created")
    assert "secret" not in (await bob.get("/api/webhooks"))["webhooks"][0]
    session = await named(bob, "Rome")
    await answered(bob, session)
    created, ready = await asyncio.to_thread(receiver.wait, "/hook", 2)
    assert all(is_signed(posted, webhook["secret"]) for posted in (created, ready))
    assert not is_signed(ready, "whsec_" + base64.b64encode(b"other").decode())
    told = json.loads(ready.body)
    assert told.keys() == {"id", "type", "at", "session_id", "title", "run_id"}
    assert (told["type"], told["session_id"], told["title"]) == ("answer_ready", session, "Rome")
    assert told["id"] == ready.headers["webhook-id"] != created.headers["webhook-id"]
    await bob.http.delete(f"/api/webhooks/{webhook['id']}")
    await answered(bob, session)
    assert (await bob.get("/api/webhooks"))["webhooks"] == []
    assert len(receiver.at("/hook")) == 2


async def test_what_did_not_arrive_comes_again_by_the_same_name_and_no_redirect_is_followed(
    bob: Client, receiver: Receiver, provider: Provider
) -> None:
    receiver.answers["/hook"] = [500, 302]
    webhook = await hook(bob, f"{receiver.url}/hook")
    await answered(bob, await bob.create_session())
    done = await delivery(bob, webhook, "delivered")
    assert {posted.headers["webhook-id"] for posted in receiver.at("/hook")} == {done["id"]}
    assert (done["tries"], done["response_status"], done["error"], done["next_try_at"]) == (3, 201, "", None)
    assert receiver.at("/elsewhere") == []


async def test_who_says_that_it_is_gone_is_told_nothing_more(
    bob: Client, receiver: Receiver, provider: Provider
) -> None:
    receiver.answers["/hook"] = [410]
    webhook = await hook(bob, f"{receiver.url}/hook")
    await answered(bob, session := await bob.create_session())
    assert (await delivery(bob, webhook, "failed"))["response_status"] == 410
    assert (await bob.get(f"/api/webhooks/{webhook['id']}"))["active"] is False
    await answered(bob, session)
    assert len((await bob.get(f"/api/webhooks/{webhook['id']}/deliveries"))["deliveries"]) == 1


async def test_a_crash_before_it_was_sent_loses_nothing(sites: Sites, provider: Provider) -> None:
    port = free_port()  # nobody listens there yet
    with sites.own(SETTINGS | {"NOTICE_RETRY_S": "2"}, processes=1) as site:
        async with signed_in(site.url) as alice:
            webhook = await hook(alice, f"http://127.0.0.1:{port}/hook")
            await answered(alice, await alice.create_session())
            site.servers[0].kill()
        with Receiver(port) as receiver:
            site.servers[0].restart()
            (posted, *_) = await asyncio.to_thread(receiver.wait, "/hook")
            assert is_signed(posted, webhook["secret"])


async def test_receivers_that_hang_hold_up_nobody_elses(
    bob: Client, site: Site, receiver: Receiver, provider: Provider
) -> None:
    async with AsyncExitStack() as stack:
        hung = list[str]()
        for _ in range(2):
            other = await stack.enter_async_context(aclosing_client(site))
            for number in range(20):
                path = f"/hangs/{uuid4().hex}-{number}"
                receiver.answers[path] = [0] * 100
                await hook(other, receiver.url + path, "session_created")
                hung.append(path)
            await other.create_session()
        while not any(receiver.at(path) for path in hung):
            await asyncio.sleep(0.02)
        await hook(bob, f"{receiver.url}/hook", "session_created")
        await bob.create_session()
        await asyncio.to_thread(receiver.wait, "/hook")
        assert sum(len(receiver.at(path)) for path in hung) < len(hung), "some of them are still to be begun"


@asynccontextmanager
async def aclosing_client(site: Site) -> AsyncIterator[Client]:
    client = await Client(site.url).register(f"somebody-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def subscribed(client: Client, browser: Browser, **wishes: Any) -> None:
    await client.post("/api/push/subscriptions", browser.subscription | wishes, status=201)


async def test_a_browser_is_told_what_only_it_can_read_and_no_word_of_the_conversation(
    bob: Client, receiver: Receiver, provider: Provider
) -> None:
    browser = Browser(receiver.url)
    await subscribed(bob, browser)
    session = await named(bob, "Rome")
    await answered(bob, session)
    (posted,) = await asyncio.to_thread(receiver.wait, browser.path)
    told = browser.read(posted)
    assert told.keys() == {"id", "type", "at", "session_id", "title"}
    assert (told["type"], told["session_id"], told["title"]) == ("answer_ready", session, "Rome")
    scheme, _, fields = posted.headers["authorization"].partition(" ")
    vapid = dict(field.strip().split("=", 1) for field in fields.split(","))
    public_key = (await bob.get("/api/push/key"))["public_key"]
    assert (scheme, vapid["k"]) == ("vapid", public_key)
    point = base64.urlsafe_b64decode(public_key + "=")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    jwt.decode(vapid["t"], key, algorithms=["ES256"], audience=receiver.url)
    await subscribed(bob, browser, preview=True, events=["answer_ready"])
    await answered(bob, session)
    assert browser.read((await asyncio.to_thread(receiver.wait, browser.path, 2))[1])["preview"]


async def test_who_looks_at_the_session_and_who_has_read_the_answer_needs_no_push(
    bob: Client, site: Site, receiver: Receiver, provider: Provider
) -> None:
    browser = Browser(receiver.url)
    await subscribed(bob, browser)
    watched, read, away = [await bob.create_session() for _ in range(3)]
    async with bob.at(site.servers[-1].url).chat(watched, after=0):
        await answered(bob, watched)
        await answered(bob, read)
        await bob.http.put(f"/api/sessions/{read}/read", json={"position": 100})
        await answered(bob, away)
        await asyncio.to_thread(receiver.wait, browser.path)
        assert [browser.read(posted)["session_id"] for posted in receiver.at(browser.path)] == [away]


async def test_push_ends_with_the_sign_in_and_when_the_browser_is_gone(
    bob: Client, site: Site, receiver: Receiver, provider: Provider
) -> None:
    email = (await bob.get("/api/auth/me"))["email"]
    phone, laptop = Browser(receiver.url), Browser(receiver.url)
    on_phone = await Client(site.url).login(email, PASSWORD)
    await subscribed(on_phone, phone)
    await subscribed(bob, laptop)
    assert [one["current"] for one in (await bob.get("/api/push/subscriptions"))["subscriptions"]] == [False, True]
    await on_phone.post("/api/auth/logout", {"refresh_token": on_phone.refresh_token})
    await on_phone.close()
    receiver.answers[laptop.path] = [410]
    await answered(bob, await bob.create_session())
    await asyncio.to_thread(receiver.wait, laptop.path)
    while (await bob.get("/api/push/subscriptions"))["subscriptions"]:
        await asyncio.sleep(0.05)
    assert receiver.at(phone.path) == []


def test_the_example_of_the_standard_is_encrypted_as_there() -> None:
    """RFC 8291, appendix A."""
    sender = int.from_bytes(from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
    body = encrypted(
        b"When I grow up, I want to be a watermelon",
        from_base64url("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        from_base64url("BTBZMqHH6r4Tts7J_aSIgg"),
        key=ec.derive_private_key(sender, ec.SECP256R1()),
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert base64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
        "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_a_key_that_no_browser_has_is_refused() -> None:
    good = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert is_public_key(good.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    assert not is_public_key(good.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
    assert not is_public_key(b"\x04" + b"\x01" * 64)
