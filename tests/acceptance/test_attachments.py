"""A message that brings files: images are shown to a model that can see, other files are named to it."""

import base64
import json

import pytest

from tests.harness.client import Client, Frame
from tests.harness.provider import Provider

# One red pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)


async def upload(alice: Client, session: str, name: str, data: bytes) -> Frame:
    answer = await alice.http.post(f"/api/sessions/{session}/files/upload", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text
    entry: Frame = answer.json()
    return entry


async def test_an_image_is_seen_and_a_document_is_named(alice: Client, session: str, provider: Provider) -> None:
    image = await upload(alice, session, "dot.png", PNG)
    document = await upload(alice, session, "notes.txt", b"Rome")
    await alice.http.patch(f"/api/sessions/{session}", json={"model": "gpt-4o"})
    attached = [{"file_id": image["id"]}, {"type": "image_ref", "filename": "notes.txt", "path": "sources/notes.txt"}]
    async with alice.chat(session) as chat:
        await chat.send({"type": "message", "messages": [{"content": "Look", "attachments": attached}]})
        await chat.expect("stream_end", finish_reason="stop")
        await chat.ask("And now?")
    assert document["id"]
    sent = json.dumps(provider.requests[0].body)
    assert "data:image/png;base64," + base64.b64encode(PNG).decode() in sent
    assert "sources/notes.txt" in sent
    assert "data:image/png;base64," in json.dumps(provider.requests[1].body), "the next turn sees it, too"
    message = (await alice.detail(session))["messages"][0]
    assert [a["path"] for a in message["metadata"]["attachments"]] == ["sources/dot.png", "sources/notes.txt"]
    assert "base64" not in json.dumps(await alice.events(session))


async def test_a_model_that_cannot_see_is_told_of_the_image(alice: Client, session: str, provider: Provider) -> None:
    image = await upload(alice, session, "dot.png", PNG)
    await alice.http.patch(f"/api/sessions/{session}", json={"model": "llama-3"})
    async with alice.chat(session) as chat:
        await chat.send({"type": "message", "messages": [{"content": "", "attachments": [{"file_id": image["id"]}]}]})
        await chat.expect("stream_end", finish_reason="stop")
    sent = json.dumps(provider.requests[-1].body)
    assert "base64" not in sent
    assert "sources/dot.png" in sent


@pytest.mark.parametrize("attachment", [{}, {"file_id": "x"}, {"file_id": None}, {"type": "image_ref", "path": "../x"}])
async def test_what_is_no_file_of_the_session_is_refused_and_nothing_is_kept(
    alice: Client, session: str, attachment: Frame
) -> None:
    async with alice.chat(session) as chat:
        await chat.send({"type": "message", "messages": [{"content": "Look", "attachments": [attachment]}]})
        await chat.expect("error", code="invalid_attachment")
    assert (await alice.detail(session))["messages"] == []


async def test_another_persons_file_does_not_exist(alice: Client, mallory: Client, session: str) -> None:
    image = await upload(alice, session, "dot.png", PNG)
    theirs = await mallory.create_session()
    async with mallory.chat(theirs) as chat:
        await chat.send({"type": "message", "messages": [{"content": "x", "attachments": [{"file_id": image["id"]}]}]})
        await chat.expect("error", code="invalid_attachment")
