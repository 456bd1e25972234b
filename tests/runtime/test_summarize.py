import pytest

from chat_app.runtime.models.failures import ProviderError
from chat_app.runtime.summarize import summarize
from tests.harness.provider import Provider, Script


async def test_a_summary_is_asked_for_as_one_text(provider: Provider) -> None:
    provider.scripts.append(Script(text="They met."))
    summary = await summarize(
        [
            {"role": "user", "content": "I am Alice."},
            {"type": "function_call", "call_id": "1", "name": "current_time", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "noon"},
            {"role": "assistant", "content": "Hello."},
        ],
        "gpt-4.1",
    )
    assert summary.text == "They met."
    assert summary.usage is not None
    (request,) = provider.requests
    (asked,) = [text for role, text in request.texts if role == "user"]
    assert "User: I am Alice." in asked
    assert "noon" in asked
    assert not request.body.get("tools")


async def test_a_summary_that_fails_says_why(provider: Provider) -> None:
    provider.scripts.append(Script(status=401))
    with pytest.raises(ProviderError) as failure:
        await summarize([{"role": "user", "content": "hello"}], "gpt-4.1")
    assert failure.value.error.code == "provider_auth"
