import pytest
from pytest_django.fixtures import Settings

from tests.chat_app.agent.conftest import Ask, RecordingWriter
from tests.harness.provider import Provider


@pytest.mark.parametrize(
    ("script", "code", "retryable"),
    [
        ("fail 400", "provider_rejected", False),
        ("fail 401", "provider_auth", False),
        ("fail 403", "provider_auth", False),
        ("fail 404", "model_not_found", False),
        ("fail 429", "provider_rate_limited", True),
    ],
)
async def test_a_refusal_has_a_code(ask: Ask, provider: Provider, script: str, code: str, retryable: bool) -> None:
    outcome = await ask(script)
    assert outcome.finish_reason == "error"
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.retryable) == (code, retryable)
    assert "Incorrect API key" not in outcome.error.message


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("reset", "provider_unavailable"),
        ("close", "provider_unavailable"),
        ("error", "provider_unavailable"),
        ("malformed", "provider_protocol"),
        ("hang", "provider_timeout"),
    ],
)
async def test_what_was_said_before_a_failure_is_kept(
    ask: Ask, writer: RecordingWriter, provider: Provider, settings: Settings, fault: str, code: str
) -> None:
    settings.MODEL_STALL_TIMEOUT_S = 0.2
    outcome = await ask(f"say 9; {fault} after 4")
    assert outcome.error is not None
    assert outcome.error.code == code
    assert writer.answered == "word1 word2 word3 word4"
    assert writer.context == []
    assert len(provider.requests) == 1


async def test_a_provider_that_never_answers_is_given_up(ask: Ask, provider: Provider, settings: Settings) -> None:
    settings.MODEL_STALL_TIMEOUT_S = 0.2
    outcome = await ask("hang")
    assert outcome.error is not None
    assert outcome.error.code == "provider_timeout"


@pytest.mark.parametrize("fault", ["reset", "malformed", "hang"])
async def test_a_cut_call_is_not_made(
    ask: Ask, writer: RecordingWriter, provider: Provider, settings: Settings, fault: str
) -> None:
    settings.MODEL_STALL_TIMEOUT_S = 0.2
    outcome = await ask(f'tool current_time {{"timezone":"Europe/Berlin"}}; {fault} in call')
    assert outcome.finish_reason == "error"
    assert writer.frames("executing") == []
    assert writer.context == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_request_that_failed_at_once_is_made_again(
    ask: Ask, writer: RecordingWriter, provider: Provider, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("chat_app.agent.providers.base.RETRY_PAUSES_S", (0.01, 0.01))
    outcome = await ask(f"fail {status} 2 times; say 2")
    assert outcome.finish_reason == "stop"
    assert writer.answered == "word1 word2"
    assert len(provider.requests) == 3


async def test_a_request_is_made_three_times_at_most(
    ask: Ask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat_app.agent.providers.base.RETRY_PAUSES_S", (0.01, 0.01))
    outcome = await ask("fail 500")
    assert outcome.error is not None
    assert outcome.error.code == "provider_unavailable"
    assert len(provider.requests) == 3


async def test_nobody_at_the_address(ask: Ask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat_app.agent.providers.base.RETRY_PAUSES_S", ())
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-tests", "http://127.0.0.1:9/v1"
    outcome = await ask("hello")
    assert outcome.error is not None
    assert outcome.error.code == "provider_unavailable"
