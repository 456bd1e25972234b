import pytest

from chat_app.runs.titles import title_from


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("hello", "Hello"),
        ("How do I bake bread? I have no oven.", "How do I bake bread?"),
        (
            "please explain to me in detail how the borrow checker of Rust works",
            "Please explain to me in detail how the…",
        ),
        ("# A heading\n\nand **bold** text", "A heading and bold text"),
        (
            "see https://example.org/a/very/long/path?with=query for more",
            "See example.org/a/very/long/path?with=query for more",
        ),
        ("what does snake_case_name in __init__.py do", "What does snake_case_name in __init__.py do"),
        ("```python\nprint(1)\n```", "Python print(1)"),
        ("```\nx\n``` what does this do?", "What does this do?"),
        (r"what is $\mathbb{R}^n$<br>good for", "What is R^n good for"),
        ("| a | b |\n|---|---|\n| c | d |", "A b c d"),
        ("   \n\t ", ""),
        ("!!!", ""),
        ("word" * 40, "Word" + "word" * 14 + "…"),
        ("日本語のタイトル", "日本語のタイトル"),
        ("a\x00b\nc", "A b c"),
    ],
)  # fmt: skip
def test_a_title_is_the_first_words(text: str, title: str) -> None:
    assert title_from(text) == title
