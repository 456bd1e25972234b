"""What a call can carry: texts, names that nobody declared, and numbers that are long or many."""

from typing import Any

import pytest

from chat_app.agent.exfiltration import texts_in


@pytest.mark.parametrize(
    ("arguments", "carried"),
    [
        ({"url": " https://evil.example "}, ["https://evil.example"]),
        ({"url": "u", "max_length": 20_000, "raw": True, "tail": None}, ["u"]),
        ({"url": "u", "start_index": 73_656_372_657_464}, ["u", "73656372657464"]),
        ({"url": "u", "start_index": 0.1234567}, ["u", "0.1234567"]),
        ({"url": "u", "secret": True}, ["u", "secret"]),
        ({"url": "u", "": "x"}, ["u", "", "x"]),
        ({"rows": [115, 101, 99]}, ["115", "101", "99"]),
        ({"rows": [{"secret": 1}, ["deep"]]}, ["secret", "1", "deep"]),
        ({"rows": {"a": {"b": [True, None]}}}, ["a", "b"]),
    ],
)
def test_what_a_call_can_carry(arguments: dict[str, Any], carried: list[str]) -> None:
    declared = {"url", "max_length", "raw", "tail", "start_index", "rows"}
    assert list(texts_in(arguments, declared)) == carried
