"""What a person looks for: words, "phrases" and -what must not be there. Nothing that can be typed is an error."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from .words import MAX_WORD_CHARS, PLAIN, Token, tokens

MAX_CONDITIONS = 12
"""That the index is asked for; what is found is read and compared with all of the query."""

CHUNK = re.compile(r'(?P<without>-)?"(?P<phrase>[^"]*)(?P<end>"?)|(?P<word>[^\s"]+)')
SIGNS = re.compile(r"[#+]+")
"""What may stand behind a word and tells it from others: C, C# and C++. The index has the word alone."""

QUOTES = str.maketrans("“”„‟«»", '""""""')
SNIPPET_CHARS, BEFORE_CHARS = 200, 60
ONE_LINE = str.maketrans("\r\n\t\v\f\u2028\u2029", " " * 7)


class Condition(NamedTuple):
    """A term that the index must have, or one that begins so."""

    term: str
    beginning: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other; mostly one."""

    tokens: tuple[Token, ...]
    beginning: bool = False
    """The last word may go on."""

    quoted: bool = False
    signs: tuple[str, ...] = ()
    """Right behind each word."""

    @property
    def said(self) -> tuple[Any, ...]:
        """What it is, wherever it was typed."""
        return tuple(token.text for token in self.tokens), self.beginning, self.quoted, self.signs

    def conditions(self) -> Iterator[Condition]:
        """What the index has of every text that the phrase stands in."""
        last = len(self.tokens) - 1
        for n, token in enumerate(self.tokens):
            joins_next = n < last and joined(token, self.tokens[n + 1])
            joins_last = n > 0 and joined(self.tokens[n - 1], token)
            if not token.is_char:
                yield Condition(token.text, self.beginning and n == last)
            elif joins_next:
                yield Condition(token.text + self.tokens[n + 1].text)
            elif not joins_last:
                yield Condition(token.text, beginning=True)

    def may_stand_in(self, ascii: str) -> bool:
        """Whether it may; a text in which it does not need not be cut into its words. It is given in lower case."""
        pattern = pattern_of(tuple(token.text for token in self.tokens))
        return pattern is None or pattern.search(ascii) is not None

    def places(self, said: "Words") -> Iterator[tuple[int, int]]:
        """Where it stands: first and past the last character."""
        texts = [token.text for token in self.tokens]
        last = len(texts) - 1
        goes_on = self.beginning and not self.tokens[-1].is_char
        for n in said.beginning_with(texts[0]) if goes_on and not last else said.having(texts[0]):
            tokens = said.tokens[n : n + last + 1]
            if len(tokens) <= last or any(tokens[k].text != texts[k] for k in range(1, last)):
                continue
            word = tokens[last].text
            if (word == texts[last] or (goes_on and word.startswith(texts[last]))) and said.have(tokens, self.signs):
                yield tokens[0].start, tokens[last].end + len(self.signs[last])


class Words:
    """A text, and where each of its words is."""

    def __init__(self, text: str) -> None:
        self.tokens = list(tokens(text))
        self._text = text
        self._numbers: dict[str, list[int]] = {}
        for n, token in enumerate(self.tokens):
            self._numbers.setdefault(token.text, []).append(n)

    def having(self, word: str) -> Sequence[int]:
        return self._numbers.get(word, ())

    def beginning_with(self, word: str) -> list[int]:
        return [n for having, numbers in self._numbers.items() if having.startswith(word) for n in numbers]

    def have(self, tokens: Sequence[Token], signs: Sequence[str]) -> bool:
        """Each its own, right behind it."""
        return all(self._text.startswith(sign, token.end) for token, sign in zip(tokens, signs, strict=True) if sign)


@lru_cache(maxsize=256)
def pattern_of(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Words of ASCII one after the other, also as parts of longer ones; None for one alone, and for one that may stand
    for a longer one."""
    if len(words) == 1 or not all(PLAIN.fullmatch(word) and len(word) < MAX_WORD_CHARS for word in words):
        return None
    return re.compile("[^a-z0-9]+".join(words))


def joined(token: Token, following: Token) -> bool:
    return token.is_char and following.is_char and token.end == following.start


@dataclass(frozen=True, slots=True)
class Query:
    wanted: tuple[Phrase, ...]
    without: tuple[Phrase, ...]
    text: str = ""
    """What is wanted, as it was typed."""

    @classmethod
    def parse(cls, text: str) -> "Query":
        """All words must be there; the last one, if it is a word or a phrase that is still open, may be a beginning."""
        wanted: list[Phrase] = []
        without: list[Phrase] = []
        typed: list[str] = []
        chunks = list(CHUNK.finditer(text.translate(QUOTES)))
        for chunk in chunks:
            said = chunk["phrase"] if chunk["word"] is None else chunk["word"]
            negated = chunk["without"] or (chunk["word"] is not None and said.startswith("-") and len(said) > 1)
            is_open = chunk is chunks[-1] and not chunk["end"]
            if found := tuple(tokens(said)):
                signs = tuple(signs_at(said, token.end) for token in found)
                beginning = is_open and not negated and not signs[-1]
                phrase = Phrase(found, beginning, quoted=chunk["word"] is None, signs=signs)
                (without if negated else wanted).append(phrase)
            if not negated:
                typed.append(said)
        return cls(different(wanted), different(without), " ".join(typed))

    def conditions(self) -> list[Condition]:
        """The most telling ones."""
        found = {condition for phrase in self.wanted for condition in phrase.conditions()}
        return sorted(found, key=lambda condition: (condition.beginning, -len(condition.term), condition.term))[
            :MAX_CONDITIONS
        ]

    def exclusions(self) -> list[str]:
        """Terms that the index must not have; a longer phrase, or one with signs, is looked for in the text alone."""
        plain = [phrase for phrase in self.without if len(phrase.tokens) == 1 and not any(phrase.signs)]
        single = [list(phrase.conditions()) for phrase in plain]
        return [conditions[0].term for conditions in single if not conditions[0].beginning][:MAX_CONDITIONS]

    def marks(self, text: str, *, some: bool = False) -> list[tuple[int, int]] | None:
        """Where it stands in the text, in order; None if the text is not what is looked for. `some`: words that are not
        quoted may be missing."""
        if text.isascii():
            ascii = text.lower()
            if any(not phrase.may_stand_in(ascii) for phrase in self.wanted if phrase.quoted or not some):
                return None
        said = Words(text)
        if any(next(phrase.places(said), None) for phrase in self.without):
            return None
        places: set[tuple[int, int]] = set()
        for phrase in self.wanted:
            found = set(phrase.places(said))
            if not found and (phrase.quoted or not some):
                return None
            places |= found
        return merged(sorted(places))


def signs_at(text: str, at: int) -> str:
    found = SIGNS.match(text, at)
    return found[0] if found else ""


def different(phrases: Iterable[Phrase]) -> tuple[Phrase, ...]:
    """Each once, wherever it was typed."""
    return tuple({phrase.said: phrase for phrase in phrases}.values())


def merged(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without overlaps."""
    whole: list[tuple[int, int]] = []
    for start, end in places:
        if whole and start < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def snippet(text: str, marks: Sequence[tuple[int, int]]) -> tuple[str, list[list[int]]]:
    """The text around the first mark, in one line, and the marks that stand in it, in its code points."""
    first = marks[0][0] if marks else 0
    start = first - BEFORE_CHARS
    if start <= 0:
        start = 0
    elif (space := text.rfind(" ", start - 15, first)) >= 0 and space + 1 <= first:
        start = space + 1
    end = min(start + SNIPPET_CHARS, len(text))
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    moved = len(head) - start
    inside = [[low + moved, min(high, end) + moved] for low, high in marks if start <= low < end]
    return head + text[start:end].translate(ONE_LINE) + tail, inside
