"""What Gemini and DeepSeek want back with a call: the fake provider refuses a request that is without it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from chat_app.runs.contract import Item
from tests.chat_app.agent.conftest import Ask, RecordingWriter
from tests.harness.provider import Provider

TWO_CALLS = 'together; tool current_time {"timezone":"Asia/Tokyo"}; tool current_time {"timezone":"UTC"}; say 2'
TURNS = "tool current_time {}; tool current_time {}; say 2"


@pytest.fixture
def provider(running_provider: Provider, settings: Settings) -> Iterator[Provider]:
    running_provider.reset()
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-tests", running_provider.url
    settings.OPENAI_API = "chat_completions"
    yield running_provider
    assert running_provider.violations == []


async def test_gemini_is_given_its_signatures_back(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    assert (await ask(TURNS, "gemini-3-flash")).finish_reason == "stop"
    first, *_ = [item for item in writer.context if item["type"] == "function_call"]
    signature = f"signature of {first['call_id']}"
    assert first["provider_data"] == {
        "origin": f"{provider.url}/chat/completions gemini-3-flash",
        "extra_content": {"google": {"thought_signature": signature}},
    }


async def test_gemini_numbers_all_calls_of_a_turn_0(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    assert (await ask(TWO_CALLS, "gemini-3-flash")).finish_reason == "stop"
    assert [frame["arguments"] for frame in writer.frames("completed")] == [
        '{"timezone":"Asia/Tokyo"}',
        '{"timezone":"UTC"}',
    ]


async def test_deepseek_is_given_its_thoughts_back(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    history: list[Item] = [{"role": "user", "content": f"reasoning 3; {TURNS}"}]
    assert (await ask(history, "deepseek-chat")).finish_reason == "stop"
    # It wants them in every later turn, but not those of a message without calls.
    later = [*history, *writer.context, {"role": "user", "content": "say 1"}]
    assert (await ask(later, "deepseek-chat")).finish_reason == "stop"
    thoughts = [message.get("reasoning_content") for message in provider.requests[-1].items]
    assert thoughts.count("thought1 thought2 thought3 ") == 2


async def test_deepseek_that_has_not_thought_is_told_so(ask: Ask, provider: Provider) -> None:
    assert (await ask(TURNS, "deepseek-chat")).finish_reason == "stop"


@pytest.mark.parametrize("model", ["gpt-4.1", "gemini-2.5-pro", "deepseek-chat"])
async def test_another_model_is_given_nothing_of_it(
    ask: Ask, writer: RecordingWriter, provider: Provider, model: str
) -> None:
    history: list[Item] = [{"role": "user", "content": TURNS}]
    await ask(history, "gemini-3-flash")
    written = list(writer.context)
    await ask([*history, *written, {"role": "user", "content": f"reasoning 2; {TURNS}"}], "deepseek-reasoner")
    later: list[Any] = [*history, *writer.context, {"role": "user", "content": "say 1"}]
    assert (await ask(later, model)).finish_reason == "stop"
    assert "extra_content" not in str(provider.requests[-1].body)
    assert "thought1" not in str(provider.requests[-1].body)


async def test_the_other_api_is_given_nothing_of_it(
    ask: Ask, writer: RecordingWriter, provider: Provider, settings: Settings
) -> None:
    history: list[Item] = [{"role": "user", "content": TURNS}]
    await ask(history, "gemini-3-flash")
    settings.OPENAI_API = "responses"
    later = [*history, *writer.context, {"role": "user", "content": "say 1"}]
    assert (await ask(later, "gemini-3-flash")).finish_reason == "stop"
