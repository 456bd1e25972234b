"""The first words of a message, for lists: plain text on one line, without the markup of Markdown."""

import re
from collections.abc import Callable

PREVIEW_CHARS = 100
# Markup may be longer than the words, and what is cut off here cannot be seen.
EXAMINED_CHARS = 800

# As the page reads formulas: with a digit behind its second dollar it is a price.
FORMULA = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|\$(?![\s$])((?:\\.|[^\\$\n])*?[^\s\\$])\$(?!\d)", re.DOTALL
)
_FLAT: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"<!--.*?-->|</?(?:sub|sup|kbd|mark)>", re.DOTALL | re.IGNORECASE), ""),
    (re.compile(r"<br ?/?>|</?(?:details|summary)>", re.IGNORECASE), " "),
    (re.compile(r"^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t:-]*$", re.MULTILINE), ""),  # below a table's head
    (re.compile(r"^[ \t]*\|([^\n]*)$", re.MULTILINE), lambda row: row[1].replace("|", " ")),
    (FORMULA, lambda formula: _spoken(next(filter(None, formula.groups())))),
)
_MARKUP = (
    (re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE), ""),  # a fence of code, with the language's name
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE), ""),  # a rule
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE), ""),  # a quotation
    (re.compile(r"^[ \t]*#{1,6}[ \t]+", re.MULTILINE), ""),  # a heading
    (re.compile(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE), ""),  # an item of a list
    (re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:[ \t]+\"[^\"\n]*\")?\)"), r"\1"),  # a link or an image
    (re.compile(r"(\*\*\*|\*\*|__|~~)(?=\S)(.+?)(?<=\S)\1"), r"\2"),  # bold, struck through
    (re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^\n]*?)(?<=[^\s*_])\1(?![\w*])"), r"\2"),  # italic
    (re.compile(r"(`+)([^`\n]+)\1"), r"\2"),  # code in a line
)


def preview_of(text: str) -> str:
    """At most PREVIEW_CHARS characters; empty where there are no words."""
    words = flat(text[:EXAMINED_CHARS])
    for markup, plain in _MARKUP:
        words = markup.sub(plain, words)
    return " ".join(words.split())[:PREVIEW_CHARS]


def flat(text: str) -> str:
    """Without what has no words in a line: tags, a table's rules, the commands of formulas."""
    for markup, words in _FLAT:
        text = markup.sub(words, text)
    return text


def _spoken(formula: str) -> str:
    fractions = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", formula)
    shown = re.sub(r"\\[A-Za-z]+\s*(?=\{)|\\(?:left|right)(?![A-Za-z])|\\[^A-Za-z]", " ", fractions)
    return re.sub(r"[{}\\&]", "", shown).strip()
