import asyncio

import pytest
from pytest_django.fixtures import Settings

from chat_app.agent.answer import answer
from chat_app.agent.providers import demo
from chat_app.agent.summarize import summarize
from chat_app.runs.contract import SummaryRequest
from tests.chat_app.agent.conftest import Ask, RecordingWriter, request_for


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "WORD_PAUSE_S", 0)


async def test_it_says_what_it_is_and_what_it_heard(ask: Ask, writer: RecordingWriter) -> None:
    outcome = await ask("hello there", "demo")
    assert outcome.finish_reason == "stop"
    assert "offline demo model" in writer.answered
    assert "> hello there" in writer.answered
    assert writer.kinds.count("text") == len(writer.answered.split())


async def test_beside_a_real_model_it_says_how_to_get_that(
    ask: Ask, writer: RecordingWriter, settings: Settings
) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    await ask("hello there", "demo")
    assert "choose it for this session" in writer.answered
    assert "API" not in writer.answered


async def test_it_says_the_same_each_time(ask: Ask, writer: RecordingWriter) -> None:
    await ask("hello", "demo")
    once = writer.answered
    writer.log.clear()
    await ask("hello", "demo")
    assert writer.answered == once


async def test_it_calls_a_real_tool_asked_in_plain_words(ask: Ask, writer: RecordingWriter) -> None:
    await ask("What time is it in Europe/Berlin?", "demo")
    (completed,) = writer.frames("completed")
    assert completed["name"] == "current_time"
    assert completed["success"]
    assert completed["result"] in writer.answered


@pytest.mark.parametrize(
    ("asked", "tool"),
    [
        ("list my files", "list_directory"),
        ("What files are there?", "list_directory"),
        ("read notes.md", "read_file"),
        ("search for budget", "search_files"),
        ("what time is it", "current_time"),
        ("What's the time?", "current_time"),
        ("hello", None),
        ("what is time", None),
    ],
)
def test_plain_words(asked: str, tool: str | None) -> None:
    call = demo.wanted_call(asked, {"list_directory", "read_file", "search_files", "current_time"})
    assert (call and call[0]) == tool
    assert demo.wanted_call(asked, set()) is None


async def test_it_counts(ask: Ask, writer: RecordingWriter) -> None:
    await ask("please count to 200", "demo")
    assert "199, 200." in writer.answered


async def test_it_writes_a_long_answer(ask: Ask, writer: RecordingWriter) -> None:
    await ask("write a long answer", "demo")
    assert len(writer.answered.split()) > 400


async def test_it_can_be_stopped(writer: RecordingWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "WORD_PAUSE_S", 0.01)
    task = asyncio.create_task(answer(request_for("count to 1000", "demo"), writer))
    await writer.said.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "end_message" not in writer.kinds


async def test_it_summarizes() -> None:
    said = [{"role": "user", "content": "My name is Alice."}, {"role": "assistant", "content": "Hello Alice."}]
    summary = await summarize(SummaryRequest("demo", said))
    assert "User: My name is Alice." in summary
