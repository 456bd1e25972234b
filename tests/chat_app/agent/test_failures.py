import pytest
from pytest_django.fixtures import Settings

from chat_app.agent.providers.base import refusals
from chat_app.agent.providers.refusals import Refusals
from tests.chat_app.agent.conftest import Ask, RecordingWriter
from tests.harness.provider import Provider, parse


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


@pytest.fixture
def short_pauses(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them are over in a moment, and are far from the end of the patience."""
    settings.MODEL_PATIENCE_S = 10
    monkeypatch.setattr("chat_app.agent.providers.patience.FIRST_PAUSE_S", 0.12)  # is told in tenths


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_request_that_failed_at_once_is_made_again_and_the_person_told(
    ask: Ask, writer: RecordingWriter, provider: Provider, short_pauses: None, status: int
) -> None:
    outcome = await ask(f"fail {status} 3 times; say 2")
    assert outcome.finish_reason == "stop"
    assert writer.answered == "word1 word2"
    assert len(provider.requests) == 4
    told = [entry for entry in writer.log if entry[0] == "status"]
    assert [code for _, code, _ in told] == ["retrying"] * 3
    assert all(retry_in_s > 0 for *_, retry_in_s in told)


async def test_patience_ends(ask: Ask, provider: Provider, settings: Settings) -> None:
    settings.MODEL_PATIENCE_S = 0.3
    outcome = await ask("fail 500")
    assert outcome.error is not None
    assert outcome.error.code == "provider_unavailable"
    assert 2 <= len(provider.requests) <= 4


async def test_a_provider_that_says_when_is_asked_then(ask: Ask, provider: Provider) -> None:
    assert (await ask("fail 503 1 time; retry after 0.9; say 2")).finish_reason == "stop"
    first, second = provider.requests
    assert second.at - first.at >= 0.9


async def test_a_provider_that_says_much_later_is_not_waited_for(ask: Ask, provider: Provider) -> None:
    outcome = await ask("fail 429; retry after 30; say 2")
    assert outcome.error is not None
    assert outcome.error.code == "provider_rate_limited"
    assert len(provider.requests) == 1


async def test_later_turns_of_a_long_work_are_as_patient(
    ask: Ask, writer: RecordingWriter, provider: Provider, short_pauses: None
) -> None:
    provider.scripts += [parse("tool current_time {}"), *[parse("fail 503")] * 3, parse("say 2")]
    assert (await ask("work")).finish_reason == "stop"
    assert writer.answered == "word1 word2"


async def test_nobody_at_the_address(ask: Ask, settings: Settings) -> None:
    settings.MODEL_PATIENCE_S = 0
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-tests", "http://127.0.0.1:9/v1"
    outcome = await ask("hello")
    assert outcome.error is not None
    assert outcome.error.code == "provider_unavailable"


async def test_comments_that_keep_a_connection_alive_are_no_answer(
    ask: Ask, writer: RecordingWriter, provider: Provider, settings: Settings
) -> None:
    settings.MODEL_STALL_TIMEOUT_S = 0.4
    outcome = await ask("say 9; pings after 4")
    assert outcome.error is not None
    assert outcome.error.code == "provider_timeout"
    assert writer.answered == "word1 word2 word3 word4"


async def test_a_run_that_takes_too_long_is_ended_with_what_it_has_said(
    ask: Ask, writer: RecordingWriter, provider: Provider, settings: Settings
) -> None:
    settings.RUN_TIMEOUT_S = 0.5
    outcome = await ask("say 90; pace 20")
    assert outcome.finish_reason == "error"
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.retryable) == ("run_timeout", True)
    assert writer.answered.startswith("word1 word2")
    assert provider.requests[0].written < 90


async def test_an_empty_account_is_no_passing_state(ask: Ask, provider: Provider) -> None:
    outcome = await ask("refuse quota")
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.retryable) == ("provider_quota", False)
    assert len(provider.requests) == 1


async def test_a_refused_effort_is_left_out_and_said_and_others_are_not_concerned(
    ask: Ask, writer: RecordingWriter, provider: Provider
) -> None:
    refusals.clear()
    for effort in ("xhigh", "xhigh", "low"):
        assert (await ask("say 1", "gpt-5-nano", effort)).finish_reason == "stop"
    asked = [
        (request.body.get("reasoning") or {}).get("effort") or request.body.get("reasoning_effort")
        for request in provider.requests
    ]
    assert asked == ["xhigh", None, None, "low"]
    assert [entry[1] for entry in writer.log if entry[0] == "status"] == ["effort_left_out"] * 2


async def test_a_refused_effort_is_tried_again_later(
    ask: Ask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals.clear()
    monkeypatch.setattr("chat_app.agent.providers.refusals.REMEMBERED_S", -1.0)
    body = {"reasoning_effort": "xhigh"}
    assert refusals.remember("url", "model", body, "reasoning_effort")
    assert refusals.accepted("url", "model", body) == (body, {})


def test_what_was_refused_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat_app.agent.providers.refusals.MAX_REMEMBERED", 2)
    kept = Refusals()
    for model in ("one", "two", "three"):
        assert kept.remember("url", model, {"store": False}, "store")
    left_out = [kept.accepted("url", model, {"store": False})[1] for model in ("one", "two", "three")]
    assert left_out == [{}, {"store": False}, {"store": False}]
