"""What a person looks for: words, "phrases" and -what must not be there. Nothing that can be typed is an error."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .words import MAX_WORD_CHARS, PLAIN, Token, tokens

MAX_PHRASES = 32
MAX_CONDITIONS = 12
"""That the index is asked for; what is found is read and compared with all of the query."""

CHUNK = re.compile(r'(?P<without>-)?"(?P<phrase>[^"]*)(?P<end>"?)|(?P<word>[^\s"]+)')
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

    def may_stand_in(self, text: str) -> bool:
        """Whether it may; a text of ASCII in which it does not need not be cut into its words."""
        pattern = pattern_of(tuple(token.text for token in self.tokens))
        return pattern is None or not text.isascii() or pattern.search(text.lower()) is not None

    def places(self, said: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Where it stands: first and past the last character."""
        first, size = self.tokens[0].text, len(self.tokens)
        goes_on = self.beginning and not self.tokens[-1].is_char
        texts = [token.text for token in self.tokens]
        for n in range(len(said) - size + 1):
            if size > 1 and said[n].text != first:
                continue
            if all(said[n + k].text == texts[k] for k in range(size - 1)):
                word = said[n + size - 1].text
                if word == texts[-1] or (goes_on and word.startswith(texts[-1])):
                    yield said[n].start, said[n + size - 1].end


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
        for chunk in chunks[:MAX_PHRASES]:
            said = chunk["phrase"] if chunk["word"] is None else chunk["word"]
            negated = chunk["without"] or (chunk["word"] is not None and said.startswith("-") and len(said) > 1)
            is_open = chunk is chunks[-1] and not chunk["end"]
            if found := tuple(tokens(said)):
                phrase = Phrase(found, beginning=is_open and not negated, quoted=chunk["word"] is None)
                (without if negated else wanted).append(phrase)
            if not negated:
                typed.append(said)
        return cls(tuple(wanted), tuple(without), " ".join(typed))

    def conditions(self) -> list[Condition]:
        """The most telling ones."""
        found = {condition for phrase in self.wanted for condition in phrase.conditions()}
        return sorted(found, key=lambda condition: (condition.beginning, -len(condition.term), condition.term))[
            :MAX_CONDITIONS
        ]

    def exclusions(self) -> list[str]:
        """Terms that the index must not have; a longer phrase is looked for in the text alone."""
        single = [list(phrase.conditions()) for phrase in self.without if len(phrase.tokens) == 1]
        return [conditions[0].term for conditions in single if not conditions[0].beginning][:MAX_CONDITIONS]

    def marks(self, text: str, *, some: bool = False) -> list[tuple[int, int]] | None:
        """Where it stands in the text, in order; None if the text is not what is looked for. `some`: words that are not
        quoted may be missing."""
        if any(not phrase.may_stand_in(text) for phrase in self.wanted if phrase.quoted or not some):
            return None
        said = list(tokens(text))
        if any(next(phrase.places(said), None) for phrase in self.without):
            return None
        places: set[tuple[int, int]] = set()
        for phrase in self.wanted:
            found = set(phrase.places(said))
            if not found and (phrase.quoted or not some):
                return None
            places |= found
        return merged(sorted(places))


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
