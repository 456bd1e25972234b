import pytest

from chat_app.agent.summarize import NoSummary, summarize
from chat_app.runs.contract import SummaryRequest
from tests.harness.provider import Provider, Script


async def test_a_summary_is_asked_for_as_one_text(provider: Provider) -> None:
    provider.scripts.append(Script(text="They met."))
    request_made = SummaryRequest(
        "gpt-4.1",
        [
            {"role": "user", "content": "I am Alice."},
            {"type": "function_call", "call_id": "1", "name": "current_time", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "noon"},
            {"role": "assistant", "content": "Hello."},
        ],
    )
    assert await summarize(request_made) == "They met."
    (call,) = request_made.calls
    assert (call.purpose, call.outcome, call.input_tokens > 0) == ("summary", "completed", True)
    (request,) = provider.requests
    (asked,) = [text for role, text in request.texts if role == "user"]
    assert "User: I am Alice." in asked
    assert "noon" in asked
    assert not request.body.get("tools")


@pytest.mark.parametrize(
    ("script", "code", "status"),
    [
        (Script(status=401), "provider_auth", 502),
        (Script(status=429), "provider_rate_limited", 429),
        (Script(status=503), "provider_unavailable", 503),
        (Script(empty=True), "provider_protocol", 502),
    ],
)
async def test_a_summary_that_fails_says_why(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, script: Script, code: str, status: int
) -> None:
    monkeypatch.setattr("chat_app.agent.summarize.PATIENCE_S", 0.3)
    provider.scripts += [script] * 10
    with pytest.raises(NoSummary) as failure:
        await summarize(SummaryRequest("gpt-4.1", [{"role": "user", "content": "hello"}]))
    assert (failure.value.code, failure.value.status_code) == (code, status)
    assert (failure.value.retry_after is not None) == (status in (429, 503))
