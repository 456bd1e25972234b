from typing import Any, cast

import pytest
from agents.models.chatcmpl_converter import Converter
from hypothesis import given
from hypothesis import strategies as st

from chat_app.agent.dialect import alternating, one_answer
from chat_app.agent.repair import repaired
from chat_app.models.ending import INTERRUPTED_RESULT
from tests.harness.provider.rules import chat_fault, responses_fault

Item = dict[str, Any]

IDS = st.sampled_from(["call_1", "call_2", "call_3", ""])
TEXTS = st.sampled_from(["", " ", "hello", "two\nlines", "é"])
PARTS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "output_text", "text": text, "annotations": [], "logprobs": []}, TEXTS),
        st.builds(lambda text: {"type": "input_text", "text": text}, TEXTS),
        st.just({"type": "refusal", "refusal": "no"}),
        st.just("a bare string"),
    ),
    max_size=3,
)
ITEMS = st.one_of(
    st.builds(
        lambda role, content, id_: {"type": "message", "role": role, "content": content, "id": id_},
        st.sampled_from(["user", "assistant", "system", "developer", "tool", None]),
        st.one_of(TEXTS, PARTS, st.none()),
        st.sampled_from(["msg_1", "__fake_id__"]),
    ),
    st.builds(lambda content: {"role": "user", "content": content}, TEXTS),
    st.builds(
        lambda call_id, name, arguments: {
            "type": "function_call", "id": "fc_1", "call_id": call_id, "name": name, "arguments": arguments,
            "status": "completed",
        },
        st.one_of(IDS, st.none()),
        st.sampled_from(["read_file", "a tool with spaces", "", "x" * 80]),
        st.sampled_from(["{}", '{"a":1}', '{"a":', "[]", None]),
    ),
    st.builds(
        lambda call_id, output: {"type": "function_call_output", "call_id": call_id, "output": output},
        st.one_of(IDS, st.none()),
        st.sampled_from(["", "done", None, {"a": 1}, [{"type": "input_text", "text": "done"}]]),
    ),
    st.builds(
        lambda content: {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": content},
        st.sampled_from([None, "gAAAA"]),
    ),
    st.sampled_from([{"type": "item_reference", "id": "msg_1"}, {}, {"type": "strange"}, None, 5, "text"]),
)  # fmt: skip


def messages_of(history: Any) -> list[Any]:
    return one_answer(Converter.items_to_messages(cast(Any, alternating(history))))


@given(st.lists(ITEMS, max_size=12))
def test_whatever_a_history_holds_both_providers_take_it(items: list[Any]) -> None:
    history: Any = repaired([*items, {"role": "user", "content": "go on"}])
    assert responses_fault({"model": "gpt-5.2", "input": history}, {}) is None
    assert chat_fault({"model": "gpt-5.2", "messages": messages_of(history)}, {}) is None


@given(st.lists(ITEMS, max_size=12))
def test_a_history_is_also_valid_in_the_middle_of_a_turn(items: list[Any]) -> None:
    call = {"type": "function_call", "call_id": "call_now", "name": "read_file", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_now", "output": "text"}
    history: Any = repaired([*items, call, output])
    assert responses_fault({"model": "gpt-5.2", "input": history}, {}) is None
    assert chat_fault({"model": "gpt-5.2", "messages": messages_of(history)}, {}) is None
    assert history[-1]["output"] == "text"


@given(st.lists(ITEMS, max_size=12))
def test_a_valid_history_is_left_as_it_is(items: list[Any]) -> None:
    once = repaired([*items, {"role": "user", "content": "go on"}])
    assert repaired(once) == once


def call(call_id: str, **more: Any) -> Item:
    return {"type": "function_call", "call_id": call_id, "name": "read_file", "arguments": "{}", **more}


def output(call_id: str, text: str = "text") -> Item:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


USER = {"type": "message", "role": "user", "content": "hello"}
ASSISTANT = {"type": "message", "role": "assistant", "content": "hi"}
THOUGHT = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}


@pytest.mark.parametrize(
    ("given_items", "expected"),
    [
        pytest.param([USER, call("1")], [USER, call("1"), output("1", INTERRUPTED_RESULT)], id="a call without output"),
        pytest.param([output("1"), USER], [USER], id="an output without call"),
        pytest.param(
            [USER, call("1"), USER, output("1")],
            [USER, call("1"), output("1"), USER],
            id="a message between a call and its output",
        ),
        pytest.param(
            [USER, call("1"), call("2"), output("2")],
            [USER, call("1"), call("2"), output("1", INTERRUPTED_RESULT), output("2")],
            id="one of two parallel calls was cut",
        ),
        pytest.param(
            [USER, call("1"), output("1"), call("2"), output("2")],
            [USER, call("1"), output("1"), call("2"), output("2")],
            id="calls one after the other stay so",
        ),
        pytest.param(
            [USER, call("1"), call("1"), output("1")],
            [USER, call("1"), output("1")],
            id="a call written twice",
        ),
        pytest.param(
            [USER, call("1"), output("1", "a"), output("1", "b")],
            [USER, call("1"), output("1", "b")],
            id="the later output counts",
        ),
        pytest.param([USER, THOUGHT, call("1"), output("1")], [USER, THOUGHT, call("1"), output("1")], id="thought"),
        pytest.param([THOUGHT, ASSISTANT, USER], [ASSISTANT, USER], id="a thought of an earlier turn"),
        pytest.param([USER, THOUGHT], [USER], id="a thought that led nowhere"),
        pytest.param(
            [{**USER, "id": "x"}, call("1", id="fc_1", status="completed"), output("1")],
            [USER, call("1"), output("1")],
            id="ids",
        ),
    ],
)
def test_repair(given_items: list[Item], expected: list[Item]) -> None:
    assert repaired(given_items) == expected


ELSEWHERE = "http://169.254.169.254/latest/meta-data"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": ELSEWHERE},
        {"type": "input_image", "image_url": {"url": ELSEWHERE}},
        {"type": "input_image", "image_url": f" data:{ELSEWHERE}"},
        {"type": "input_image", "file_id": "file-of-somebody-else"},
        {"type": "input_file", "file_url": ELSEWHERE},
        {"type": "input_file", "file_id": "file-of-somebody-else"},
    ],
)
def test_a_provider_is_named_no_address_to_fetch(part: Item) -> None:
    """An import may name any, and a model server beside ours may reach what nobody else can."""
    items: list[Item] = [
        {"role": "user", "content": [{"type": "input_text", "text": "look"}, part]},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [part]},
        {"role": "user", "content": [part]},
    ]
    said = str(repaired(items))
    assert "look" in said
    assert "169.254" not in said
    assert "somebody-else" not in said


def test_a_picture_of_the_session_s_own_stays() -> None:
    for url in ("attachment:0", "data:image/png;base64,AAAA"):
        items = [{"role": "user", "content": [{"type": "input_image", "detail": "auto", "image_url": url}]}]
        assert url in str(repaired(items))
