"""Text in passages: long enough to be understood, short enough to be quoted; none goes over the end of a page."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

MOST_CHARS = 1_600
LEAST_CHARS = 600
"""After so many a passage ends where a paragraph does; else with a line, a sentence or a word."""

BREAKS = ("\n\n", "\n", ". ", "。", " ")


class Piece(NamedTuple):
    page: int | None
    start: int
    text: str


def pieces(text: str, pages: Sequence[int]) -> Iterator[Piece]:
    """`pages` are where they begin; empty where there are none."""
    if not pages:
        yield from _of(text, None, 0, len(text))
    for page, (start, end) in enumerate(pairwise([*pages, len(text)] if pages else []), start=1):
        yield from _of(text, page, start, end)


def _of(text: str, page: int | None, start: int, end: int) -> Iterator[Piece]:
    while start < end:
        # What is a little longer stays whole.
        stop = end if end - start <= MOST_CHARS + LEAST_CHARS else _break(text, start)
        said = text[start:stop]
        if stripped := said.strip():
            yield Piece(page, start + len(said) - len(said.lstrip()), stripped)
        start = stop


def _break(text: str, start: int) -> int:
    low, high = start + LEAST_CHARS, start + MOST_CHARS
    for mark in BREAKS:
        if (at := text.rfind(mark, low, high)) >= 0:
            return at + len(mark)
    return high
