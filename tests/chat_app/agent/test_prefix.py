"""What a provider is sent of a long conversation is the same whether its beginning was kept or is read anew."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from hypothesis import example, given
from hypothesis import strategies as st

from chat_app.agent import prefix
from chat_app.agent.answer import answer
from chat_app.agent.dialect import alternating
from chat_app.agent.prefix import Prefix, Prefixes, array, finished, prefixes
from chat_app.agent.repair import repaired
from chat_app.agent.rows import RowId, Rows, read_rows
from chatjuicer.accounts.models import User
from files_app.attachments import REFERENCE
from files_app.models import File
from sessions_app.models import ChatSession, CompactionDraft, ContextItem
from tests.chat_app.agent.conftest import RecordingWriter, request_for
from tests.chat_app.agent.test_repair import ITEMS, Item
from tests.harness.provider import Provider

NOW: list[Item] = [
    {"role": "user", "content": "go on"},
    {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"},
    {"type": "function_call", "call_id": "call_now", "name": "read_file", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_now", "output": "text"},
]
SCRIPTS = [
    'reasoning 2; together; tool current_time {"timezone":"UTC"}; tool nope {}; say 2',
    "say 3",
    'tool current_time {"timezone":"UTC"}; say 1',
    "say 4",
]


@pytest.fixture(autouse=True)
def _none_kept() -> Iterator[None]:
    prefixes.clear()
    yield
    prefixes.clear()


CALL = {"type": "function_call", "call_id": "1", "name": "read_file", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "1", "output": "text"}
HELLO = {"role": "assistant", "content": "hello"}


@given(st.lists(ITEMS.filter(lambda item: isinstance(item, dict)), max_size=12))
@example([HELLO, OUTPUT, {"role": "user", "content": None}, CALL])
@example([CALL, OUTPUT, HELLO, {"role": "user", "content": None}, OUTPUT | {"output": "another"}])
def test_both_parts_are_repaired_as_the_whole_is(items: list[Any]) -> None:
    history = [*items, *NOW]
    count = finished(history)
    assert count <= len(items)
    assert repaired(history[:count], finished=True) + repaired(history[count:]) == repaired(history)
    assert alternating(repaired(history[:count], finished=True)) + alternating(repaired(history[count:])) == (
        alternating(repaired(history))
    )


def test_a_call_without_an_output_is_not_finished() -> None:
    assert finished([{"role": "user", "content": "Hi"}, CALL, *NOW]) == 0
    assert finished([{"role": "user", "content": "Hi"}, *NOW]) == 0
    assert finished([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, *NOW]) == 2


def test_what_comes_after_an_image_is_sent_anew() -> None:
    picture = {"type": "input_image", "image_url": f"{REFERENCE}1", "detail": "auto"}
    seen = {"role": "user", "content": [{"type": "input_text", "text": "Look"}, picture]}
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert finished([*before, seen, {"role": "assistant", "content": "Nice"}, *NOW]) == 2


@pytest.fixture
def session(transactional_db: None, alice: User) -> ChatSession:
    return ChatSession.objects.open(alice)[0]


async def say(session: ChatSession, text: str, **more: Any) -> RecordingWriter:
    writer = RecordingWriter()
    await sync_to_async(session.add_context)([{"role": "user", "content": text}])
    request = replace(request_for("", **more), session_pk=session.pk, history=None)
    assert (await answer(request, writer)).finish_reason == "stop"
    await sync_to_async(session.add_context)(writer.context)
    return writer


def sent(provider: Provider) -> Any:
    body = provider.requests[-1].body
    return body.get("input") or body["messages"]


async def said_anew(session: ChatSession, provider: Provider, **more: Any) -> Any:
    """What the last request would have held if nothing had been kept."""
    kept = sent(provider)
    count = len(kept)
    prefixes.clear()
    await say(session, "say 1", **more)
    return sent(provider)[:count]


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5.2"])
async def test_a_kept_beginning_is_what_would_be_sent_anew(
    session: ChatSession, provider: Provider, model: str
) -> None:
    for script in SCRIPTS:
        await say(session, script, model=model)
    (kept,) = prefixes._prefixes.values()
    assert len(orjson.loads(b"[" + kept.encoded + b"]")) >= 6
    request = sent(provider)
    assert request == await said_anew(session, provider, model=model)


async def test_a_turn_reads_no_more_than_what_is_new(
    session: ChatSession, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counted(session_pk: Any, *after: Any) -> Rows | None:
        rows = read_rows(session_pk, *after)
        read.append(len(rows.items) if rows else -1)
        return rows

    monkeypatch.setattr("chat_app.agent.context.read_rows", counted)
    for _ in range(6):
        await say(session, "say 1")
    assert read == [1, 3, 3, 3, 3, 3]


async def test_a_summary_and_a_clearing_leave_nothing_of_what_was_kept(
    session: ChatSession, provider: Provider
) -> None:
    for _ in range(3):
        await say(session, "say 1")
    await sync_to_async(session.refresh_from_db)()
    last = await session.context_items.order_by("-position").afirst()
    assert last is not None
    draft = CompactionDraft(
        number=1, last_pk=last.pk, last_position=last.position, through=last.position, summary="In short."
    )
    assert await sync_to_async(session.compact)(draft)
    await say(session, "say 2")
    assert "In short." in str(sent(provider)[0])
    assert provider.requests[-1].texts[-1] == ("user", "say 2")
    assert "say 1" not in str(sent(provider))
    assert await sync_to_async(session.undo_compaction)()
    await say(session, "say 3")
    assert str(sent(provider)).count("say 1") == 3
    assert "In short." not in str(sent(provider))

    await sync_to_async(session.clear)()
    for number in range(1, 5):
        await say(session, f"say {number}")
    assert "In short." not in str(sent(provider))
    assert sum(text.startswith("say") for _, text in provider.requests[-1].texts) == 4


async def test_the_other_model_s_beginning_is_not_used(session: ChatSession, provider: Provider) -> None:
    for model in ("gpt-4.1", "gpt-5.2", "gpt-4.1", "gpt-5.2"):
        await say(session, "say 1", model=model)
    assert len(prefixes._prefixes) == 2
    request = sent(provider)
    assert request == await said_anew(session, provider, model="gpt-5.2")


async def test_halves_of_characters_are_sent_all_the_same(session: ChatSession, provider: Provider) -> None:
    await sync_to_async(session.add_context)([{"role": "user", "content": "half \ud83d"}])
    for _ in range(2):
        await say(session, "say 1")
    assert "half" in str(sent(provider))


def test_the_statement_says_what_the_orm_says(session: ChatSession) -> None:
    other = ChatSession.objects.open(session.owner)[0]
    for one in (session, other):
        one.add_context([{"role": "user", "content": f"{number}"} for number in range(5)])
    rows = read_rows(session.pk)
    stored = list(ContextItem.objects.filter(session=session).order_by("position"))
    assert rows is not None
    assert (rows.ids, rows.items) == ([RowId(row.pk, row.position) for row in stored], [row.value for row in stored])
    assert rows.has_files is False
    later = read_rows(session.pk, rows.ids[2])
    assert later is not None
    assert later.ids == rows.ids[3:]
    assert read_rows(session.pk, RowId(rows.ids[2].pk + 1, rows.ids[2].position)) is None
    File.objects.create(session=session, folder="sources", name="a.txt", size_bytes=1, storage_key="k")
    with_file, of_other = read_rows(session.pk), read_rows(other.pk)
    assert with_file is not None and of_other is not None
    assert (with_file.has_files, of_other.has_files) == (True, False)


def test_the_oldest_are_forgotten_first(monkeypatch: pytest.MonkeyPatch, session: ChatSession) -> None:
    monkeypatch.setattr(prefix, "MAX_BYTES", 25)
    kept = Prefixes()
    keys = [(session.pk, name) for name in "abc"]
    for key in keys[:2]:
        kept.put(key, Prefix(RowId(1, 1), None, (), b"x" * 10, frozenset()))
    kept.get(keys[0])
    kept.put(keys[2], Prefix(RowId(1, 1), None, (), b"x" * 10, frozenset()))
    assert [kept.get(key) is not None for key in keys] == [True, False, True]


def test_what_the_fast_encoder_does_not_take_is_sent_item_by_item() -> None:
    odd = {"content": "\ud83d"}
    assert array([1], b"2,3", [odd]) == [1, 2, 3, odd]
    assert orjson.dumps(array([1], b"2,3", [])) == b"[1,2,3]"
