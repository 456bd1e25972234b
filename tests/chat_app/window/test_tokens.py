from json import dumps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.window import tokens
from chat_app.window.shorten import shortened, without_middle
from chat_app.window.tokens import at_most, count, count_item

WORDS = "The quick brown fox jumps over the lazy dog. " * 50


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("hello world", 2), ("Tokenization", 2), ("antidisestablishmentarianism", 6), ("你好，世界", 3)],
)
def test_texts_are_as_many_tokens_as_openai_counts(text: str, number: int) -> None:
    assert count(text) == number


def test_a_large_text_is_counted_in_slices_and_hardly_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    large = WORDS * 40
    sliced = count(large)
    monkeypatch.setattr(tokens, "SLICE_CHARS", len(large))
    assert abs(sliced - count(large)) <= len(large) // 20_000


@given(st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.text()}), max_size=4))
def test_there_are_never_more_tokens_than_the_bound(items: list[dict[str, Any]]) -> None:
    assert sum(map(count_item, items)) <= at_most(items)


def test_half_a_character_is_counted_and_bounded() -> None:
    item = {"role": "user", "content": "half \ud83d"}
    assert 0 < count_item(item) <= at_most([item])


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call_output", "call_id": "1", "output": WORDS},
        {"type": "function_call", "call_id": "1", "name": "edit", "arguments": dumps({"path": "a", "text": WORDS})},
        {"role": "user", "content": WORDS},
        {"role": "assistant", "content": [{"type": "output_text", "text": WORDS, "annotations": []}]},
    ],
)
def test_what_is_shortened_has_about_the_wanted_size_and_the_same_shape(item: dict[str, Any]) -> None:
    short = shortened(item, 7, 100 / count_item(item))
    assert 50 < count_item(short) < 160
    assert short.keys() == item.keys()
    assert shortened(item, 7, 100 / count_item(item)) == short, "providers cache what stays the same"


def test_a_note_longer_than_what_it_stands_for_is_not_put_in() -> None:
    assert without_middle("short", 0.1) == "short"
