"""The words of a text, alike on every database: folded, with their places; and what the index keeps of them.

Scripts that put no spaces between words (Chinese, Japanese, Korean, Thai and others) are cut into characters, of which
the index has each neighbouring pair. What a database is given has no syntax of its own left in it.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

INDEXED_CHARS = 200_000
"""Of one text; what stands behind is not found."""

MAX_WORD_CHARS = 64
MAX_TERMS_CHARS = 100_000
"""Of all different words of one text: PostgreSQL takes a megabyte of them."""

PAIRED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ec6\u0ec8-\u0ecd\u0f40-\u0fbc\u1000-\u1049\u1050-\u109d\u1100-\u11ff"
    "\u1780-\u17d3\u3005-\u3007\u3031-\u3035\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
"""Characters of scripts without spaces."""

VOICED = "\u3099\u309a\uff9e\uff9f"
"""What makes か a が where it is written as a character of its own."""


def marks() -> str:
    """Combining characters, as ranges: they are parts of words, which Python's \\w does not know."""
    ranges: list[list[int]] = []
    for code in range(0x300, 0xFE30):
        if unicodedata.category(chr(code)) in ("Mn", "Mc"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


PLAIN = re.compile(r"[a-z0-9]+")
HAS_PAIRED = re.compile(f"[{PAIRED}]")
NO_SYNTAX = re.compile(r"[^0-9a-z\u0080-\U0010ffff]")


@cache
def spaced() -> re.Pattern[str]:
    """Made with the first text that is not ASCII: it takes a twentieth of a start."""
    return re.compile(rf"[^\W_](?:[^\W_]|[{marks()}])*")


@cache
def mixed() -> re.Pattern[str]:
    """As `spaced`, with characters of scripts without spaces."""
    return re.compile(rf"(?P<char>[{PAIRED}][{VOICED}]?)|(?:(?![{PAIRED}])[^\W_])(?:(?![{PAIRED}])[^\W_]|[{marks()}])*")


class Token(NamedTuple):
    """A word, or a character of a script without spaces, and where it stands in the text."""

    text: str
    start: int
    end: int
    is_char: bool = False


def tokens(text: str) -> Iterator[Token]:
    """In their order, of the first INDEXED_CHARS."""
    if len(text) > INDEXED_CHARS:
        text = text[:INDEXED_CHARS]
    if text.isascii():
        for found in PLAIN.finditer(text.lower()):
            yield Token(found[0][:MAX_WORD_CHARS], found.start(), found.end())
        return
    pattern = mixed() if HAS_PAIRED.search(text) else spaced()
    for found in pattern.finditer(text):
        if word := folded(found[0]):
            yield Token(word, found.start(), found.end(), found.lastgroup == "char")


@lru_cache(maxsize=20_000)
def folded(word: str) -> str:
    """Without case, accents and forms of presentation; empty where nothing is left."""
    if not word.isascii():
        apart = unicodedata.normalize("NFKD", word.casefold())
        # Above 9 are accents and points; below are parts of the letters of Japanese and Indic scripts.
        word = unicodedata.normalize("NFC", "".join(c for c in apart if unicodedata.combining(c) <= 9))
    return NO_SYNTAX.sub("", word.casefold())[:MAX_WORD_CHARS]


def terms(text: str, *, singles: bool = False) -> set[str]:
    """What the index keeps of the text: words, pairs of characters, and the last character of each row of them.

    So a single character is the beginning of what is kept, wherever it stands. `singles`: each is kept.
    """
    text = text[:INDEXED_CHARS]
    if text.isascii():  # most texts, in a hundredth of the time
        return bounded({word[:MAX_WORD_CHARS] for word in PLAIN.findall(text.lower())})
    kept: set[str] = set()
    before = Token("", -1, -1)
    for token in chain(tokens(text), [before]):
        joined = token.is_char and before.is_char and before.end == token.start
        new = {before.text + token.text} if joined else {before.text} if before.is_char else set()
        if token.text and (singles or not token.is_char):
            new.add(token.text)
        kept |= new
        before = token
    return bounded(kept)


def bounded(words: set[str]) -> set[str]:
    if sum(map(len, words)) <= MAX_TERMS_CHARS:
        return words
    ends = zip(words, accumulate(map(len, words)), strict=True)
    return {word for word, end in ends if end <= MAX_TERMS_CHARS}
