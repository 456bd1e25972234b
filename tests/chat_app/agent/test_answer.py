import pytest
from pytest_django.fixtures import Settings

from chat_app.exceptions import LeaseLost
from chat_app.runs.contract import Item
from tests.chat_app.agent.conftest import Ask, RecordingWriter
from tests.harness.provider import Provider


async def test_an_answer_is_said_written_and_counted(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await ask("say 40 words")
    assert outcome.finish_reason == "stop"
    assert writer.answered.split() == [f"word{number}" for number in range(1, 41)]
    assert [entry for entry in writer.kinds if entry != "text"] == ["items", "end_message", "usage"]
    (message,) = writer.context
    assert message["role"] == "assistant"
    assert message["content"][0]["text"] == writer.answered
    assert outcome.usage is not None
    assert outcome.usage["output_tokens"] == 40
    assert outcome.usage["context_tokens"] == outcome.usage["total_tokens"] > 40


async def test_the_provider_is_asked_to_keep_nothing(ask: Ask, provider: Provider) -> None:
    await ask("hello", "gpt-5.2", "low")
    (request,) = provider.requests
    if request.api == "responses":
        assert request.body["store"] is False
        assert request.body["include"] == ["reasoning.encrypted_content"]
        assert request.body["reasoning"]["effort"] == "low"
        assert "previous_response_id" not in request.body
    else:
        assert request.body["reasoning_effort"] == "low"
        assert "store" not in request.body


async def test_the_model_hears_the_history_once(ask: Ask, provider: Provider) -> None:
    await ask(
        [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "one"},
        ]
    )
    texts = [said for said in provider.requests[0].texts if said[0] != "system"]
    assert texts == [("user", "one"), ("assistant", "two"), ("user", "one")]


async def test_a_tool_runs_between_two_turns(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await ask('tool current_time {"timezone":"Europe/Berlin"}; say 3')
    assert outcome.finish_reason == "stop"
    (detected,), (executing,), (completed,) = map(writer.frames, ("detected", "executing", "completed"))
    assert {detected["id"], executing["id"], completed["id"]} == {detected["id"]}
    assert detected["arguments"] == ""
    assert executing["arguments"] == completed["arguments"] == '{"timezone":"Europe/Berlin"}'
    assert completed["success"]
    assert "Europe/Berlin" in completed["result"]
    pieces = [entry[2] for entry in writer.log if entry[0] == "tool_arguments"]
    assert "".join(pieces) == executing["arguments"]
    assert [item["type"] for item in writer.context] == ["function_call", "function_call_output", "message"]
    assert writer.answered == "word1 word2 word3"
    assert len(writer.frames("usage")) == 2


async def test_a_call_is_committed_before_its_tool_acts(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    await ask("tool current_time {}; say 1")
    kinds = writer.kinds
    assert kinds.index("items") < kinds.index("executing") < kinds.index("flush") < kinds.index("completed")


async def test_parallel_calls_each_get_their_result(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    await ask('together; tool current_time {"timezone":"Asia/Tokyo"}; tool current_time {"timezone":"UTC"}; say 1')
    results = {frame["arguments"]: frame["result"] for frame in writer.frames("completed")}
    assert "Asia/Tokyo" in results['{"timezone":"Asia/Tokyo"}']
    assert "UTC" in results['{"timezone":"UTC"}']


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ('current_time {"timezone":"Nowhere/Nothing"}', "no such time zone"),
        ('current_time {"timezone":5}', "not valid"),
        ("unknown_tool {}", "not found"),
    ],
)
async def test_a_failing_tool_does_not_end_the_run(
    ask: Ask, writer: RecordingWriter, provider: Provider, call: str, says: str
) -> None:
    outcome = await ask(f"tool {call}; say 2")
    assert outcome.finish_reason == "stop"
    (completed,) = writer.frames("completed")
    assert not completed["success"]
    assert says in completed["result"]
    outputs = [item for item in writer.context if item["type"] == "function_call_output"]
    assert [item["output"] for item in outputs] == [completed["result"]]
    assert writer.answered == "word1 word2"


async def test_reasoning_is_shown_apart_from_the_answer(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    await ask("reasoning 3; say 2", "gpt-5.2")
    thoughts = "".join(entry[1] for entry in writer.log if entry[0] == "reasoning")
    assert thoughts == "thought1 thought2 thought3 "
    assert writer.answered == "word1 word2"
    assert [item["type"] for item in writer.context] == ["message"]


async def test_reasoning_goes_with_the_calls_of_its_turn(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await ask("reasoning 2; tool current_time {}; say 2", "gpt-5.2")
    assert outcome.finish_reason == "stop"


async def test_a_run_ends_after_so_many_turns(
    ask: Ask, writer: RecordingWriter, provider: Provider, settings: Settings
) -> None:
    settings.AGENT_MAX_TURNS = 2
    outcome = await ask("tool current_time {}; tool current_time {}; tool current_time {}; say 1")
    assert outcome.finish_reason == "max_turns"
    assert len(writer.frames("completed")) == 2


async def test_an_empty_answer_ends_the_run(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await ask("empty")
    assert outcome.finish_reason == "stop"
    assert writer.kinds == ["usage"]


async def test_an_answer_that_is_too_long_is_kept(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    outcome = await ask("say 9; length after 4")
    assert outcome.finish_reason == "length"
    assert outcome.usage is not None
    assert writer.answered == "word1 word2 word3 word4"
    assert writer.context[0]["content"][0]["text"] == writer.answered


async def test_what_a_turn_wrote_is_a_valid_start_of_the_next(
    ask: Ask, writer: RecordingWriter, provider: Provider
) -> None:
    history: list[Item] = [
        {"role": "user", "content": "reasoning 2; together; tool current_time {}; tool nope {}; say 2"}
    ]
    await ask(history, "gpt-5.2")
    outcome = await ask([*history, *writer.context, {"role": "user", "content": "hello"}], "gpt-5.2")
    assert outcome.finish_reason == "stop"
    assert writer.answered.endswith("You said: hello")


async def test_a_lost_lease_ends_the_run(ask: Ask, writer: RecordingWriter, provider: Provider) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise LeaseLost

    writer.flush = lost  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        await ask("tool current_time {}; say 1")
