"""One user's documents hold up no others', nor does one that cannot be read, however often it is asked for."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from chat_app.agent.tools import workspace
from chat_app.agent.tools.tool import ToolFailure
from files_app import extract
from files_app.fair_pool import FairPool, document_readers

ALICE, BOB, EVE = uuid4(), uuid4(), uuid4()


class Documents:
    """That take as long as the test wants."""

    def __init__(self) -> None:
        self.pool = FairPool(2, "test")
        self.begun: list[str] = []
        self._ends: dict[str, threading.Event] = {}

    def ask(self, user: UUID, name: str) -> asyncio.Task[str]:
        end = self._ends[name] = threading.Event()

        def read() -> str:
            self.begun.append(name)
            assert end.wait(10)
            return name

        return asyncio.create_task(self.pool.do(user, read))

    def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()

    async def until(self, *names: str) -> None:
        async with asyncio.timeout(10):
            while self.begun != list(names):
                await asyncio.sleep(0.005)


async def test_nobody_waits_for_two_documents_of_one_user() -> None:
    documents = Documents()
    hers = [documents.ask(EVE, f"eve {number}") for number in range(3)]
    await documents.until("eve 0")
    his = documents.ask(BOB, "bob")
    await documents.until("eve 0", "bob")
    more = [documents.ask(ALICE, "alice"), documents.ask(BOB, "bob too")]
    documents.end("eve 0")
    await documents.until("eve 0", "bob", "eve 1")
    documents.end("bob")
    await documents.until("eve 0", "bob", "eve 1", "alice")
    documents.end("eve 1")  # whose third has waited longer than Bob's second, and who was served since
    await documents.until("eve 0", "bob", "eve 1", "alice", "bob too")
    documents.end("alice", "bob too", "eve 2")
    assert await asyncio.gather(*hers, his, *more)


async def test_who_gives_up_holds_a_place_as_long_as_the_reader_does_and_no_longer() -> None:
    documents = Documents()
    reading, waiting = documents.ask(EVE, "slow"), documents.ask(EVE, "never")
    await documents.until("slow")
    for task in (reading, waiting):
        task.cancel()
    await asyncio.gather(reading, waiting, return_exceptions=True)
    again = documents.ask(EVE, "again")
    other = documents.ask(BOB, "other")
    await documents.until("slow", "other")
    documents.end("slow")
    await documents.until("slow", "other", "again")
    documents.end("other", "again")
    assert [await again, await other] == ["again", "other"]


def file(kind: str, content: str = "hash") -> Any:
    return SimpleNamespace(sha256=content, content_type=kind, storage_key=str(uuid4()))


@pytest.mark.django_db(transaction=True)
async def test_what_could_not_be_read_is_not_read_again_and_a_text_waits_for_no_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[str] = []

    def text_of(path: Path, content_type: str) -> extract.Text:
        read.append(content_type)
        if content_type == "application/pdf":
            raise extract.TookTooLong()
        return extract.Text("words", cut=False)

    class Copy:
        def __enter__(self) -> Path:
            return tmp_path

        def __exit__(self, *_: object) -> None:
            pass

    async def held(*_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(workspace, "_texts", workspace.Texts())
    monkeypatch.setattr(workspace, "copy_of", lambda _: Copy())
    monkeypatch.setattr(extract, "text_of", text_of)
    for asker in (ALICE, BOB):  # the same, whoever asks
        with pytest.raises(ToolFailure, match="longer than"):
            await workspace.text_of(file("application/pdf"), asker)
    assert read == ["application/pdf"]
    monkeypatch.setattr(document_readers, "do", held)
    async with asyncio.timeout(10):
        assert (await workspace.text_of(file("text/plain", content="other"), BOB)).text == "words"
