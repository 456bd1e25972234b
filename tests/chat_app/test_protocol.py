"""What a client may say, and what it is told when it says something else."""

import json

import pytest

from chat_app import protocol
from chat_app.exceptions import BadFrame
from chat_app.protocol import parse_command

GOOD = [
    ({"type": "message", "messages": ["Hi"]}, protocol.SendMessage),
    ({"type": "message", "messages": [{"content": "Hi", "more": 1}], "client_id": "c", "x": {}}, protocol.SendMessage),
    ({"type": "message", "messages": [{"content": "Hi"}, "there"], "on_busy": "reject"}, protocol.SendMessage),
    ({"type": "message", "messages": [{"content": "Hi", "attachments": None}], "on_busy": None}, protocol.SendMessage),
    ({"type": "interrupt"}, protocol.Interrupt),
    ({"type": "interrupt", "run_id": None}, protocol.Interrupt),
    ({"type": "ping"}, protocol.PingCommand),
    ({"type": "pong", "at": 1}, protocol.PongCommand),
    ({"type": "auth", "token": "x"}, protocol.Auth),
]  # fmt: skip

BAD = [
    "", "nonsense", "null", "[]", "1", '"message"', "{}", "NaN", '{"type":null}', '{"type":"unknown"}', '{"type":5}',
    '{"type":"message"}',
    '{"type":"message","messages":null}',
    '{"type":"message","messages":[]}',
    '{"type":"message","messages":"Hi"}',
    '{"type":"message","messages":[null]}',
    '{"type":"message","messages":[{"content":null}]}',
    '{"type":"message","messages":[{"content":5}]}',
    '{"type":"message","messages":[{"content":NaN}]}',
    '{"type":"message","messages":["\\ud800"]}',
    '{"type":"message","messages":["a"],"on_busy":"shout"}',
    '{"type":"message","messages":["a"],"client_id":7}',
    '{"type":"message","messages":["a"],"client_id":"' + "c" * 200 + '"}',
    '{"type":"message","messages":[' + ",".join(['"a"'] * 200) + "]}",
    '{"type":"interrupt","run_id":"not-a-uuid"}',
    '{"type":"auth"}',
    "[" * 50_000,
    '{"type":"message","messages":' + "[" * 5_000 + "]" * 5_000 + "}",
]  # fmt: skip


@pytest.mark.parametrize(("frame", "command"), GOOD)
def test_commands_are_read_and_what_is_not_known_is_passed_over(frame: dict, command: type) -> None:
    assert isinstance(parse_command(json.dumps(frame)), command)


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:50])
def test_anything_else_is_a_bad_frame(text: str) -> None:
    with pytest.raises(BadFrame) as refused:
        parse_command(text)
    assert refused.value.code in ("bad_frame", "unknown_type")
    assert len(refused.value.message) < 300
