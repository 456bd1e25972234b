"""Each kind of provider, and a conversation that goes from any of them to any other."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from agents import ModelSettings
from openai.types.shared import Reasoning
from pytest_django.fixtures import Settings

from chat_app.agent import fallbacks
from chat_app.agent.inline_images import with_images
from chat_app.agent.providers.base import ModelCall, ProviderModel
from chat_app.agent.providers.choice import model_for
from chat_app.agent.providers.failures import from_status
from chat_app.agent.providers.model_lists import models_of
from chat_app.agent.repair import repaired
from chat_app.agent.tools import TOOLS
from chat_app.agent.transcript import Transcript
from chat_app.runs.contract import Item
from files_app.attachments import REFERENCE
from sessions_app.providers.kinds import KINDS
from sessions_app.providers.known_models import KnownModel
from sessions_app.providers.provider import Provider as ProviderEntry
from sessions_app.providers.served import registry
from tests.chat_app.agent.conftest import Ask, RecordingWriter, request_for
from tests.harness.provider import Provider, kinds
from tests.harness.provider.rules import chat_fault, responses_fault

NAMES = [name for name in KINDS if name != "compatible"]
MODELS = {
    "openai": "gpt-5",
    "azure": "gpt-5",
    "openrouter": "vendor/small",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro-preview",
    "deepseek": "deepseek-chat",
    "mistral": "mistral-small-latest",
    "groq": "llama-3.3-70b-versatile",
    "vllm": "Qwen/Qwen3-VL-8B",
    "llama.cpp": "qwen3-8b.gguf",
    "ollama": "qwen3:8b",
    "lmstudio": "qwen/qwen3-8b",
}
MEANINGS = {
    "quota": "provider_quota",
    "busy": "provider_rate_limited",
    "too_long": "context_too_long",
    "auth": "provider_auth",
    "missing": "model_not_found",
    "down": "provider_unavailable",
}


@pytest.fixture(autouse=True)
def _entries(settings: Settings) -> Iterator[None]:
    settings.OPENAI_API_KEY = settings.AZURE_OPENAI_ENDPOINT = settings.DEFAULT_MODEL = ""
    settings.PROVIDERS = tuple(entry(name, "http://127.0.0.1:9/v1") for name in NAMES)
    registry.clear()
    fallbacks.forget()
    yield
    registry.clear()
    fallbacks.forget()


def entry(name: str, url: str) -> ProviderEntry:
    kind = KINDS[name]
    key = "" if kinds.KINDS[name].keyless else "sk-tests"
    return ProviderEntry(name, name, url, key, kind.api, models=(MODELS[name],))


def at(name: str) -> ProviderModel:
    chosen = f"{name}/{MODELS[name]}"
    model = model_for(chosen, Transcript(request_for("hi", chosen), RecordingWriter()))
    assert isinstance(model, ProviderModel)
    return model


def said_by(model: ProviderModel) -> tuple[list[Item], dict[str, str]]:
    """A turn in progress that a model of that kind has begun, after one with an image that was stopped at its tool's
    result; and what its provider has given out."""
    first, second = (f"call_{uuid4().hex}" for _ in range(2))
    issued: dict[str, str] = {}
    data: dict[str, Any] = {"origin": model.origin}
    if model.kind.signs_calls:
        issued[first] = issued[second] = "signature"
        data["extra_content"] = {"google": {"thought_signature": "signature"}}
    if model.kind.thoughts == "always":
        issued[f"thoughts of {first}"] = issued[f"thoughts of {second}"] = "hm"
        data["reasoning_content"] = "hm"
    if model.kind.effort == "reasoning":
        data["reasoning_details"] = [{"type": "reasoning.text", "text": "hm"}]
    image = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": f"{REFERENCE}{uuid4()}"}]
    kept = {"provider_data": data} if model.path == "chat/completions" else {}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
    return [
        {"role": "user", "content": image},
        {"type": "function_call", "call_id": first, "name": "read_file", "arguments": "{}", **kept},
        {"type": "function_call_output", "call_id": first, "output": "text"},
        {"role": "system", "content": "The person stopped you here."},
        {"role": "user", "content": "go on"},
        {**thought, "provider_data": {"origin": model.origin}},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": second, "name": "read_file", "arguments": "{}", **kept},
        {"type": "function_call_output", "call_id": second, "output": "text"},
    ], issued


async def body_for(model: ProviderModel, items: list[Item]) -> dict[str, Any]:
    transcript = model.transcript
    for item in items:
        for part in item["content"] if isinstance(item.get("content"), list) else []:
            transcript.images[part.get("image_url", "").removeprefix(REFERENCE)] = "data:image/png;base64,AA=="
    shown = await with_images(repaired(items, model.origin), transcript, model.kind.images)
    settings = ModelSettings(reasoning=Reasoning(effort="low"), max_tokens=100)
    body: dict[str, Any] = orjson.loads(orjson.dumps(model.body(ModelCall("Be brief.", shown, TOOLS, settings))))
    return body


@pytest.mark.parametrize("first", NAMES)
async def test_a_conversation_goes_on_at_any_other_provider(first: str) -> None:
    items, issued = said_by(at(first))
    for second in NAMES:
        model = at(second)
        body = await body_for(model, items)
        assert kinds.unknown_parameter(second, body) is None, second
        if model.path == "responses":
            assert responses_fault(body, {}) is None, second
            sealed = [item for item in body["input"] if item.get("type") == "reasoning"]
            assert len(sealed) == (second == first), second
        else:
            same = issued if second == first else {}
            assert chat_fault(body, same, second) is None, second
        assert ("AA==" in str(body)) is model.kind.images, second


@pytest.mark.parametrize("name", NAMES)
def test_what_a_provider_says_when_it_fails_is_understood(name: str) -> None:
    for meaning, (status, body) in kinds.KINDS[name].errors.items():
        failed = from_status(status, orjson.dumps(body), None)
        assert failed.error.code == MEANINGS[meaning], (meaning, failed)


def test_a_parameter_that_is_refused_by_name_is_known() -> None:
    for name in NAMES:
        for parameter in kinds.KINDS[name].unknown & {"stream_options", "store", "prompt_cache_key"}:
            refused = kinds.unknown_parameter(name, {parameter: 1})
            assert refused is not None
            assert from_status(refused[0], orjson.dumps(refused[1]), None).parameter == parameter, name


@pytest.mark.parametrize(
    ("name", "model", "window"),
    [
        ("openrouter", "vendor/small", 65_536),
        ("gemini", "gemini-3-pro-preview", None),
        ("mistral", "mistral-small-latest", 131_072),
        ("groq", "llama-3.3-70b-versatile", 131_072),
        ("vllm", "Qwen/Qwen3-8B", 16_384),
        ("llama.cpp", "qwen3-8b.gguf", 40_960),
        ("ollama", "qwen3:8b", None),
        ("lmstudio", "qwen/qwen3-8b", None),
    ],
)
def test_a_list_of_models_is_read(name: str, model: str, window: int | None) -> None:
    (found,) = models_of(kinds.KINDS[name].models)
    assert (found.id, found.context_window) == (model, window)


def test_openrouter_says_all_of_a_model() -> None:
    (found,) = models_of(kinds.KINDS["openrouter"].models)
    assert (found.output_limit, found.images, found.tools, found.reasoning) == (8192, True, True, True)
    assert found.price is not None
    assert (float(found.price.input), float(found.price.output)) == (0.2, 0.6)


TURNS = "reasoning 2; tool current_time {}; tool current_time {}; say 2"


@pytest.mark.parametrize("name", ["openrouter", "gemini", "deepseek", "mistral", "groq", "ollama"])
async def test_tools_and_thoughts_go_through(
    name: str, ask: Ask, writer: RecordingWriter, running_provider: Provider, settings: Settings
) -> None:
    running_provider.reset()
    running_provider.kind = name
    settings.PROVIDERS = (entry(name, running_provider.url),)
    registry.put_list(settings.PROVIDERS[0], [KnownModel(MODELS[name], MODELS[name], reasoning=True)])
    outcome = await ask(TURNS, f"{name}/{MODELS[name]}", "low")
    assert (outcome.finish_reason, running_provider.violations) == ("stop", [])
    assert writer.answered == "word1 word2"
    thoughts = "".join(record[1] for record in writer.log if record[0] == "reasoning")
    assert thoughts.startswith("thought1 thought2")
    running_provider.reset()
