"""The first words of a message, for lists: plain text on one line, without the markup of Markdown."""

import re

PREVIEW_CHARS = 100
# Markup may be longer than the words, and what is cut off here cannot be seen.
EXAMINED_CHARS = 800

_MARKUP = (
    (re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE), ""),  # a fence of code, with the language's name
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE), ""),  # a rule
    (re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+[ \t:-]*$", re.MULTILINE), ""),  # below a table's head
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
    words = text[:EXAMINED_CHARS]
    for markup, plain in _MARKUP:
        words = markup.sub(plain, words)
    return " ".join(words.split())[:PREVIEW_CHARS]
