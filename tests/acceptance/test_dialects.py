"""Each kind of provider, by its own rules and in its own words, through a whole conversation: tools, thoughts, an
image, a stop, a failure and a summary; and one conversation through all of them."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from sessions_app.providers.kinds import KINDS
from tests.acceptance.test_attachments import PNG, upload
from tests.harness.client import Chat, Client, Frame, assert_gapless, assert_whole_run, text_of
from tests.harness.provider import Provider, Script, kinds
from tests.harness.provider.server import RecordedRequest
from tests.harness.provider.server import text_of as words_of
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

pytestmark = pytest.mark.only("sqlite", reason="no row of it is stored in another way elsewhere")

MODELS = {
    "openai": "gpt-5",
    "azure": "gpt-5",
    "openrouter": "vendor/vision",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro-preview",
    "deepseek": "deepseek-chat",
    "mistral": "pixtral-large-latest",
    "groq": "llama-4-scout",
    "vllm": "Qwen/Qwen3-VL-8B",
    "llama.cpp": "gemma-3-12b.gguf",
    "ollama": "llava:13b",
    "lmstudio": "qwen/qwen3-vl-8b",
}
TOOLS = 'reasoning 2; tool current_time {"timezone": "UTC"}; tool list_directory {"path": "."}; say 3 words'


@pytest.fixture(scope="module")
def site(sites: Sites, the_provider: Provider) -> Site:
    """All of them at one address, of which the test says whose rules it keeps."""
    entries = [
        {
            "name": name,
            "kind": name,
            "url": the_provider.url.removesuffix("/v1") if name == "azure" else the_provider.url,
            "key": "" if kinds.KINDS[name].keyless else "sk-tests",
            "models": [model],
        }
        for name, model in MODELS.items()
    ]
    environment = {**TIMES, "PROVIDERS": json.dumps(entries), "MODEL_LIST_EVERY_S": "0", "MODEL_PATIENCE_S": "0.1"}
    return sites.get(environment, processes=1, demo=True)


@pytest.fixture
async def person(site: Site, provider: Provider) -> AsyncIterator[Client]:
    provider.answers = summarize
    client = await Client(site.url).register(f"person-{uuid4().hex[:8]}@example.org")
    yield client
    await client.close()
    assert provider.violations == []


def summarize(request: RecordedRequest) -> Script | None:
    last = words_of(request.items[-1])
    asked = not request.body.get("tools") and last.startswith(("Summarize", "This is the summary"))
    return Script(text="Facts: the picture is red.") if asked else None


async def converse(person: Client, chat: Chat, session: str, model: str) -> None:
    """An image, thoughts, tools, and an answer that is stopped."""
    image = await upload(person, session, f"{uuid4().hex}.png", PNG)
    words = {"content": "Look", "attachments": [{"file_id": image["id"]}]}
    await chat.send({"type": "message", "messages": [words], "model": model})
    await chat.expect("stream_end", finish_reason="stop")
    check(await chat.ask(TOOLS, model=model))
    await chat.say("say 500 words; pace 100", model=model)
    start = await chat.expect("stream_start")
    await chat.wait_for(lambda frames: "word5 " in text_of(chat.of_run(start["run_id"])))
    await person.post(f"/api/sessions/{session}/interrupt")
    await chat.expect("stream_end", run_id=start["run_id"], finish_reason="interrupted")


def check(frames: list[Frame]) -> None:
    assert_whole_run(frames)
    assert frames[-1]["finish_reason"] == "stop", frames[-3:]
    done = [frame for frame in frames if frame["type"] == "tool_call" and frame["status"] == "completed"]
    assert [frame["name"] for frame in done] == ["current_time", "list_directory"]
    assert all(frame["success"] for frame in done)
    assert text_of(frames) == "word1 word2 word3"


@pytest.mark.parametrize("name", MODELS)
async def test_a_conversation_at_each_of_them(name: str, person: Client, provider: Provider) -> None:
    provider.kind = name
    model = f"{name}/{MODELS[name]}"
    session = await person.create_session(model=model)
    async with person.chat(session, after=0) as chat:
        await converse(person, chat, session, model)
        assert ("base64" in json.dumps(provider.requests[-1].body)) is KINDS[name].images
        failure = next(meaning for meaning in ("down", "busy", "missing") if meaning in kinds.KINDS[name].errors)
        provider.answers = lambda request: Script(refusal=failure)
        failed = await chat.ask("say 2 words")
        assert failed[-1]["finish_reason"] == "error"
        provider.answers = summarize
        again = await person.post(
            f"/api/sessions/{session}/messages/{failed[-1]['message_id']}/regenerate", {}, status=202
        )
        await chat.expect("stream_end", run_id=again["run_id"], finish_reason="stop")
        assert text_of(chat.of_run(again["run_id"])) == "word1 word2"
        summary = await person.post(f"/api/sessions/{session}/summarize")
        assert summary["summary"] == "Facts: the picture is red."
        check(await chat.ask(TOOLS))
        assert_gapless(chat.log)
    assert "the picture is red" in str(provider.requests[-1].body)


async def test_one_conversation_goes_through_all_of_them(person: Client, provider: Provider) -> None:
    session = await person.create_session(model=f"openai/{MODELS['openai']}")
    async with person.chat(session, after=0) as chat:
        for number, (name, model) in enumerate(MODELS.items()):
            provider.kind = name
            await converse(person, chat, session, f"{name}/{model}")
            assert provider.violations == [], name
            if number == len(MODELS) // 2:
                await person.http.patch(f"/api/sessions/{session}", json={"model": f"{name}/{model}"})
                assert (await person.post(f"/api/sessions/{session}/summarize"))["success"]
        assert_gapless(chat.log)
