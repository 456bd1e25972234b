"""What is said takes room of its owner's, together with their files, and gives it back when it goes."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.harness.client import Client, text_of
from tests.harness.provider import Provider
from tests.harness.sites import TIMES, Sites

QUOTA = 60_000
ENVIRONMENT = {**TIMES, "USER_QUOTA_BYTES": str(QUOTA), "TRASH_DAYS": "30"}


@pytest.fixture
async def person(sites: Sites, provider: Provider) -> AsyncIterator[Client]:
    client = Client(sites.get(ENVIRONMENT, processes=1).url)
    await client.register(f"person-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()


async def said(person: Client) -> int:
    storage = (await person.get("/api/usage"))["storage"]
    assert storage["quota_bytes"] == QUOTA
    return int(storage["message_bytes"])


async def history(person: Client, session: str) -> int:
    """Bytes of all texts that can be seen."""
    detail = await person.detail(session)
    texts = ("content", "reasoning", "tool_arguments", "tool_result")
    return sum(len(message[text].encode()) for message in detail["messages"] for text in texts)


async def test_messages_count_once_and_no_more_when_they_are_gone(person: Client) -> None:
    assert await said(person) == 0
    session = await person.create_session()
    async with person.chat(session) as chat:
        assert text_of(await chat.ask("say 3 words")) == "word1 word2 word3"
        assert await said(person) == len("say 3 words") + len("word1 word2 word3")
        await chat.ask('tool current_time {"timezone": "UTC"}; say 4 wörds')
        assert await said(person) == await history(person, session)
        await chat.say("say 300 words; pace 50")
        await chat.wait_text("word5 ")
        await person.post(f"/api/sessions/{session}/interrupt")
        await chat.expect("stream_end", finish_reason="interrupted")
        assert await said(person) == await history(person, session), "what was cut short, too"
        before = await said(person)
        await person.post(f"/api/sessions/{session}/continue", {}, status=202)
        await chat.expect("stream_end", finish_reason="stop")
    assert await said(person) == await history(person, session) > before, "it went on, and was not counted twice"
    await person.post(f"/api/sessions/{session}/messages", {"role": "user", "content": "nöted"}, status=201)
    newest = (await person.detail(session))["messages"][-1]
    assert await said(person) == await history(person, session)
    assert (await person.http.delete(f"/api/sessions/{session}/messages/{newest['id']}")).status_code == 200
    assert await said(person) == await history(person, session)
    other = await person.create_session()
    await person.post(f"/api/sessions/{other}/messages", {"role": "user", "content": "x" * 700}, status=201)
    both = await said(person)
    await person.http.delete(f"/api/sessions/{other}")
    assert await said(person) == both, "in the trash it can be restored"
    await person.http.delete(f"/api/sessions/{other}", params={"permanent": "true"})
    assert await said(person) == both - 700
    await person.post(f"/api/sessions/{session}/clear")
    assert await said(person) == 0


async def test_where_there_is_no_room_nothing_is_taken_in(person: Client, provider: Provider) -> None:
    session = await person.create_session()
    files = f"/api/sessions/{session}/files/upload"
    half = b"x" * (QUOTA // 2)
    assert (await person.http.post(files, files={"file": ("a.txt", half)})).status_code == 201
    word = "word " * (QUOTA // 20)
    await person.post(f"/api/sessions/{session}/messages", {"role": "user", "content": word}, status=201)
    taken = await said(person)
    answers = {
        "message": await person.http.post(
            f"/api/sessions/{session}/messages", json={"role": "user", "content": word * 2}
        ),
        "of MAI": await person.http.post(
            f"/api/v1/sessions/{(await person.detail(session))['session']['id']}/messages",
            json={"role": "user", "content": word * 2},
        ),
        "file": await person.http.post(files, files={"file": ("b.txt", half)}),
        "chat": await person.http.post(
            "/api/chat", json={"session_id": session, "messages": [{"role": "user", "content": word * 2}]}
        ),
    }
    for what, answer in answers.items():
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "quota_exceeded"), (what, answer.text)
    async with person.chat(session) as chat:
        await chat.say(word * 2)
        await chat.expect("error", code="quota_exceeded")
        assert await said(person) == taken
        assert provider.requests == []
        assert text_of(await chat.ask("say 1 words")) == "word1", "there is room for that"
    await asyncio.gather(*(person.http.delete(f"/api/sessions/{session}", params={"permanent": "true"}) for _ in "ab"))
    storage = (await person.get("/api/usage"))["storage"]
    assert (storage["file_bytes"], storage["message_bytes"]) == (0, 0)
