"""The first words of a message, in lists."""

import time

import pytest

from sessions_app.preview import preview_of


@pytest.mark.parametrize(
    ("text", "preview"),
    [
        ("hello  there\n\nfriend", "hello there friend"),
        ("# Rome\n**Rome** is _in_ `Italy`, ~~Greece~~", "Rome Rome is in Italy, Greece"),
        ("see [the map](https://example.org \"map\")", "see the map"),
        ("```python\nprint('x')\n```", "print('x')"),
        ("- one\n- [x] two\n* three\n1. four", "one two three 1. four"),
        ("> said\n\n---\n![a cat](cat.png)", "said a cat"),
        ("2 * 3 * 4 is snake_case_name", "2 * 3 * 4 is snake_case_name"),
        ("ok\n\n| a | b |\n|--|:-:|\n| c<br>d | H<sub>2</sub>O |", "ok a b c d H2O"),
        (r"let $\mathbb{R}^n$ be, $$\frac{a}{b} = \alpha_{1}$$ and \(x\)", "let R^n be, a/b = alpha_1 and x"),
        ("for $5 or $6", "for $5 or $6"),
        ("<details>\n<summary>More</summary>\n\nof it <!-- not this --></details> a < b", "More of it a < b"),
        ("a || b, or x | y", "a || b, or x | y"),
        ("**not closed", "**not closed"),
        ("a" * 200, "a" * 100),
        ("---", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_preview_is_words_without_markup(text: str, preview: str) -> None:
    assert preview_of(text) == preview


@pytest.mark.parametrize(
    "piece", ["*", "_a", "[", "`", "**a", "- ", "> ", "![", "|---", "* a", "__a", "[](", "\n", "$a", "$$", "<!--", "| "]
)
def test_no_text_takes_long(piece: str) -> None:
    began = time.thread_time()
    preview_of(piece * 100_000)
    assert time.thread_time() - began < 5
