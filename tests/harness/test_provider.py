"""The `openai` package judges whether the fake provider is true to the original."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from openai import APIConnectionError, APIError, AsyncOpenAI, BadRequestError, RateLimitError

from tests.harness.provider import Provider

CALL = {"type": "function_call", "call_id": "call_1", "name": "read_file", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "ok"}
CHAT_CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}],
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
async def openai(provider: Provider) -> AsyncIterator[AsyncOpenAI]:
    provider.reset()
    async with AsyncOpenAI(api_key="key", base_url=provider.url, max_retries=0) as client:
        yield client


async def test_responses_stream_is_assembled_by_the_openai_client(openai: AsyncOpenAI, provider: Provider) -> None:
    async with openai.responses.stream(model="gpt-5.2", input="reasoning 3; say 4 words") as stream:
        numbers = [event.sequence_number async for event in stream if hasattr(event, "sequence_number")]
        response = await stream.get_final_response()
    assert response.output_text == "word1 word2 word3 word4"
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert numbers == sorted(set(numbers))
    assert response.usage is not None and response.usage.output_tokens == 7
    assert provider.violations == []


async def test_chat_stream_is_assembled_by_the_openai_client(openai: AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": 'tool read_file {"file_path": "a.txt"}'}]
    async with openai.chat.completions.stream(
        model="gpt-5.2", messages=messages, stream_options={"include_usage": True}
    ) as stream:
        async for _event in stream:
            pass
        completion = await stream.get_final_completion()
    calls = completion.choices[0].message.tool_calls
    assert calls and calls[0].function.arguments == '{"file_path": "a.txt"}'
    assert completion.choices[0].finish_reason == "tool_calls" and completion.usage is not None


async def test_a_tool_call_is_made_once_and_answered_after_its_output(openai: AsyncOpenAI, provider: Provider) -> None:
    items: list[Any] = [{"role": "user", "content": "reasoning 2; tool read_file {}; echo Read it."}]
    first = await openai.responses.create(model="gpt-5.2", input=items)
    items += [item.model_dump(exclude_none=True) for item in first.output]
    items.append({"type": "function_call_output", "call_id": items[-1]["call_id"], "output": "text"})
    second = await openai.responses.create(model="gpt-5.2", input=items)
    assert second.output_text == "Read it."
    with pytest.raises(BadRequestError, match="without its required 'reasoning' item"):
        await openai.responses.create(model="gpt-5.2", input=items[2:])


@pytest.mark.parametrize("script", ["reset after 2; say 9", "malformed after 2; say 9", "error after 2; say 9"])
async def test_a_stream_that_breaks_gives_what_was_said_first(openai: AsyncOpenAI, script: str) -> None:
    said = ""
    with pytest.raises((APIConnectionError, APIError, ValueError)):
        messages: Any = [{"role": "user", "content": script}]
        async for chunk in await openai.chat.completions.create(model="m", messages=messages, stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said == "word1 word2"


async def test_a_failure_can_be_limited_to_the_first_requests(openai: AsyncOpenAI) -> None:
    with pytest.raises(RateLimitError):
        await openai.responses.create(model="m", input="fail 429 1 time; say 1")
    assert (await openai.responses.create(model="m", input="fail 429 1 time; say 1")).output_text == "word1"


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"role": "user", "content": ""}],
        [{"role": "narrator", "content": "a"}],
        [{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}],
        [{"role": "user", "content": "a", "agent": "chat"}],
        [CALL],
        [OUTPUT],
        [OUTPUT, CALL],
        [CALL, CALL, OUTPUT],
        [CALL, OUTPUT, OUTPUT],
        [{"type": "reasoning", "id": "rs_1", "summary": []}, {"role": "user", "content": "a"}],
        [{"role": "user", "content": "a", "id": "msg_1"}, {"role": "user", "content": "a", "id": "msg_1"}],
        [{"role": "user", "content": "a", "id": "row-1"}],
        [{"type": "telepathy"}],
    ],
)
async def test_responses_input_that_openai_refuses_is_refused(
    openai: AsyncOpenAI, provider: Provider, items: Any
) -> None:
    with pytest.raises(BadRequestError):
        await openai.responses.create(model="gpt-5.2", input=items)
    assert provider.violations


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": ""}],
        [{"role": "assistant", "content": None}],
        [{"role": "assistant", "content": "a", "tool_calls": []}],
        [CHAT_CALL],
        [CHAT_CALL, {"role": "user", "content": "a"}],
        [{"role": "tool", "tool_call_id": "call_1", "content": "ok"}],
        [CHAT_CALL, {"role": "tool", "tool_call_id": "call_2", "content": "ok"}],
    ],
)
async def test_chat_messages_that_openai_refuses_are_refused(
    openai: AsyncOpenAI, provider: Provider, messages: Any
) -> None:
    with pytest.raises(BadRequestError):
        await openai.chat.completions.create(model="gpt-5.2", messages=messages)
    assert provider.violations
