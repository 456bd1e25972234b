"""Characters that a provider cuts in two."""

from collections.abc import Sequence

import pytest

from chat_app.agent.characters import Joiner, whole, whole_value
from tests.chat_app.agent.conftest import Ask, RecordingWriter
from tests.harness.provider import Provider


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        (["a\ud83d", "\ude00b"], "a\U0001f600b"),
        (["\ud83d", "\ude00\ud83d", "\ude00"], "\U0001f600\U0001f600"),
        (["\udcf0\udc9f", "\udc98", "\udc80z"], "\U0001f600z"),
        (["\udcc3", "\udca9"], "\u00e9"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ude00"], "a\ufffd"),
        (["a", "\ud83d"], "a\ufffd"),
        (["\udcf0", "z"], "\ufffdz"),
    ],
)
def test_pieces_are_joined(pieces: Sequence[str], joined: str) -> None:
    joiner = Joiner()
    text = "".join(map(joiner.feed, pieces)) + joiner.rest()
    assert text == joined
    text.encode()  # can be stored


def test_what_is_whole_is_not_held() -> None:
    joiner = Joiner()
    assert joiner.feed("a\U0001f600") == "a\U0001f600"
    assert joiner.rest() == ""


def test_values_are_made_whole() -> None:
    assert whole("\ud83d\ude00 \ud83d") == "\U0001f600 \ufffd"
    assert whole_value({"a": ["\ud83d", 1]}) == {"a": ["\ufffd", 1]}


async def test_an_emoji_that_is_cut_between_two_deltas_arrives(
    ask: Ask, writer: RecordingWriter, provider: Provider
) -> None:
    assert (await ask("emoji 3")).finish_reason == "stop"
    assert writer.answered == "\U0001f600" * 3
    assert all(entry[1].encode() for entry in writer.log if entry[0] == "text")
    assert writer.context[0]["content"][0]["text"] == "\U0001f600" * 3
