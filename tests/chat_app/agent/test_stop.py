import asyncio
import time

import pytest

from chat_app.agent.answer import answer
from chat_app.agent.tools import TOOLS
from chat_app.agent.tools.tool import tool
from tests.chat_app.agent.conftest import RecordingWriter, request_for
from tests.harness.provider import Provider

AT_ONCE_S = 2.0  # what is not stopped goes on for 5 s at least


async def stopped(task: asyncio.Task[object]) -> float:
    """Seconds from the cancellation to the end of the task."""
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - began


async def eventually(condition: object) -> None:
    async with asyncio.timeout(20):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("script", ["say 500; pace 100", "say 9; hang after 3"])
async def test_a_stopped_answer_ends_at_once_and_cuts_the_provider(
    writer: RecordingWriter, provider: Provider, script: str
) -> None:
    task: asyncio.Task[object] = asyncio.create_task(answer(request_for(script), writer))
    await writer.said.wait()
    assert await stopped(task) < AT_ONCE_S
    written = len(writer.log)
    await eventually(lambda: provider.requests[0].ended in ("cut", "hang"))
    assert len(writer.log) == written
    assert "end_message" not in writer.kinds
    assert len(asyncio.all_tasks()) == 1


async def test_a_run_can_be_stopped_before_the_provider_says_a_word(
    writer: RecordingWriter, provider: Provider
) -> None:
    task: asyncio.Task[object] = asyncio.create_task(answer(request_for("hang"), writer))
    await eventually(lambda: provider.requests)
    assert await stopped(task) < AT_ONCE_S
    assert writer.log == []


async def test_a_tool_at_work_is_stopped_with_its_run(
    writer: RecordingWriter, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def dawdle() -> str:
        """Takes its time."""
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "done"

    monkeypatch.setattr("chat_app.agent.hand_off.tools_at_hand", lambda: [*TOOLS, dawdle])
    task: asyncio.Task[object] = asyncio.create_task(answer(request_for("tool dawdle {}; say 2"), writer))
    await begun.wait()
    assert await stopped(task) < AT_ONCE_S
    assert ended.is_set()
    assert writer.frames("completed") == []
    assert [item["type"] for item in writer.context] == ["function_call"]
