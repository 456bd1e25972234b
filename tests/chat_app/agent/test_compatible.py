"""Servers that are nearly like OpenAI's."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_django.fixtures import Settings

from chat_app.agent.providers.base import refusals
from tests.chat_app.agent.conftest import Ask, RecordingWriter

JSON = dict[str, Any]


class Server:
    """Answers with the chunks it is given, and refuses parameters it is told to refuse."""

    def __init__(self) -> None:
        self.bodies: list[JSON] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.refuses = ""
        self.answers: list[list[JSON | str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.paths.append(request.path_qs)
        self.keys.append(request.headers.get("api-key"))
        if self.refuses in body:
            message = f"Unrecognized request argument supplied: {self.refuses}"
            return web.json_response({"error": {"message": message, "param": None}}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in self.answers.pop(0):
            data = chunk if isinstance(chunk, str) else json.dumps(chunk)
            await response.write(f"data: {data}\n\n".encode())
        return response


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    given = Server()
    app = web.Application()
    app.router.add_post("/{path:.*}", given.handle)
    async with TestServer(app) as running:
        settings.OPENAI_API_KEY = "sk-tests"
        settings.OPENAI_BASE_URL = str(running.make_url("/v1/"))
        settings.OPENAI_API = "chat_completions"
        refusals.clear()
        yield given
        refusals.clear()


def delta(finish_reason: str | None = None, **fields: Any) -> JSON:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


async def test_one_that_sends_no_done_and_counts_nothing(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    server.answers = [[delta(role="assistant", content="Hel"), delta(role="assistant", content="lo"), delta("stop")]]
    outcome = await ask("hello")
    assert outcome.finish_reason == "stop"
    assert writer.answered == "Hello"
    assert outcome.usage is not None
    assert outcome.usage["context_tokens"] > 0


async def test_one_that_does_not_know_a_parameter(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    server.refuses = "stream_options"
    server.answers = [[delta(content="Hello"), delta("stop"), "[DONE]"]] * 2
    assert (await ask("hello")).finish_reason == "stop"
    assert ["stream_options" in body for body in server.bodies] == [True, False]
    await ask("hello again")
    assert len(server.bodies) == 3


async def test_one_that_numbers_and_names_no_calls(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    def call(zone: str) -> JSON:
        arguments = json.dumps({"timezone": zone})
        return {"id": "", "function": {"name": "current_time", "arguments": arguments}}

    server.answers = [
        [delta("tool_calls", tool_calls=[call("UTC"), call("Asia/Tokyo")]), "[DONE]"],
        [delta(content="Done."), delta("stop"), "[DONE]"],
    ]
    outcome = await ask("what time is it")
    assert outcome.finish_reason == "stop"
    assert len({frame["id"] for frame in writer.frames("completed")}) == 2
    assert [message["role"] for message in server.bodies[1]["messages"]] == [
        "system", "user", "assistant", "tool", "tool",
    ]  # fmt: skip


async def test_one_that_uses_an_id_again(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    part = {"index": 0, "id": "call_0", "function": {"name": "current_time", "arguments": "{}"}}
    turn: list[Any] = [delta("tool_calls", tool_calls=[part]), "[DONE]"]
    server.answers = [turn, turn, [delta(content="Done."), delta("stop"), "[DONE]"]]
    history = [
        {"role": "user", "content": "now?"},
        {"type": "function_call", "call_id": "call_0", "name": "current_time", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0", "output": "noon"},
        {"role": "user", "content": "and now?"},
    ]
    outcome = await ask(history)
    assert outcome.finish_reason == "stop"
    ids = [frame["id"] for frame in writer.frames("completed")]
    assert len(ids) == len({*ids, "call_0"}) - 1 == 2


async def test_a_refusal_is_an_answer(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    server.answers = [[delta(refusal="I will "), delta(refusal="not."), delta("stop"), "[DONE]"]]
    assert (await ask("hello")).finish_reason == "stop"
    assert writer.answered == "I will not."


async def test_an_answer_that_the_content_rules_end(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    server.answers = [[delta(content="It"), delta("content_filter"), "[DONE]"]]
    outcome = await ask("hello")
    assert outcome.error is not None
    assert outcome.error.code == "provider_rejected"


async def test_nul_never_reaches_the_database(ask: Ask, writer: RecordingWriter, server: Server) -> None:
    server.answers = [[delta(content="a\x00b"), delta("stop"), "[DONE]"]]
    await ask("hello")
    assert writer.answered == "ab"
    assert writer.context[0]["content"][0]["text"] == "ab"


async def test_a_history_with_half_a_character_is_sent(ask: Ask, server: Server) -> None:
    server.answers = [[delta(content="ok"), delta("stop"), "[DONE]"]]
    assert (await ask("x\ud83d")).finish_reason == "stop"


SetUp = Callable[[Settings], Awaitable[None]]


@pytest.mark.parametrize(
    ("api", "version", "path"),
    [
        ("chat_completions", "2024-10-21", "/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21"),
        ("responses", "2025-04-01-preview", "/openai/responses?api-version=2025-04-01-preview"),
        ("chat_completions", "", "/openai/v1/chat/completions"),
        ("responses", "", "/openai/v1/responses"),
    ],
)
async def test_azure(
    ask: Ask, writer: RecordingWriter, server: Server, settings: Settings, api: str, version: str, path: str
) -> None:
    settings.AZURE_OPENAI_ENDPOINT = settings.OPENAI_BASE_URL.removesuffix("/v1/") + "/"
    settings.AZURE_OPENAI_API_KEY = "azure-key"
    settings.AZURE_OPENAI_API_VERSION = version
    settings.OPENAI_API = api
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    server.answers = [
        [{"type": "response.completed", "response": {"output": [message], "usage": None}}]
        if api == "responses"
        else [delta(content="Hello"), delta("stop"), "[DONE]"]
    ]
    assert (await ask("hello")).finish_reason == "stop"
    assert writer.answered == "Hello"
    assert server.paths == [path]
    assert server.keys == ["azure-key"]
