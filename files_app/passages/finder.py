"""The passages that answer a query best: those that have the more, and the rarer, of its words, and, where there are
vectors, those that are near to it in other words.

The index says which passages have a word; of the best the text decides on phrases and on what must not be there.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from django.db import connection

from files_app.models import Passage
from files_app.models.passage import INDEX
from sessions_app.search.language import LANGUAGES
from sessions_app.search.query import Condition, Query
from sessions_app.search.shelves import Shelf, scheme

from .library import Library

Key = TypeVar("Key", int, str)

MAX_MATCHES = 2_000
"""Passages with one word; of a word that is in more, which tells little, the others do not count."""

MAX_READ, AT_ONCE = 500, 50

SMOOTHING = 60
"""So many places below the first one a passage counts half as much: Cormack, Clarke and Büttcher, SIGIR 2009."""

# The index comes first, whatever a planner makes of the rest.
STATEMENTS = {
    "sqlite": f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s ORDER BY rowid DESC LIMIT %s",  # noqa: S608
    "postgresql": (
        f'WITH found AS MATERIALIZED (SELECT id FROM "{Passage._meta.db_table}" WHERE terms @@ %s::tsquery) '  # noqa: S608
        "SELECT id FROM found ORDER BY id DESC LIMIT %s"
    ),
}


class Found(NamedTuple):
    passage: Passage
    marks: list[tuple[int, int]]

    @property
    def citation(self) -> str:
        """As an answer cites it."""
        page = f", p. {self.passage.page}" if self.passage.page else ""
        return f"[{self.passage.file.name}{page}]"


def search(library: Library, query: Query, limit: int, near: Sequence[int] = ()) -> list[Found]:
    """The best first. `near`: keys of passages that are near to the query, the nearest first."""
    found: list[Found] = []
    best = fused(ranked(library, query.conditions())[:MAX_READ], near)
    for passage in read(library, best):
        marks = query.marks(passage.text, some=True)
        if marks is not None:
            found.append(Found(passage, marks))
        if len(found) == limit:
            break
    return found


def ranked(library: Library, conditions: Sequence[Condition]) -> list[int]:
    """Keys of passages."""
    weights: dict[int, float] = defaultdict(float)
    words: Counter[int] = Counter()
    total = Passage.objects.filter(library.rows()).count() if conditions else 0
    shelves = [Shelf.of_files(key, scheme()) for key in library.keys]
    for condition in conditions:
        having = matches(shelves, condition)
        weight = math.log1p((max(total - len(having), 0) + 0.5) / (len(having) + 0.5))
        for pk in having:
            weights[pk] += weight
            words[pk] += 1
    return sorted(weights, key=lambda pk: (-weights[pk] * words[pk], pk))


def fused(*rankings: Sequence[Key]) -> list[Key]:
    """By the places that each has in all of them (reciprocal rank fusion): what they went by has no common measure."""
    weights: dict[Key, float] = defaultdict(float)
    for ranking in rankings:
        for place, key in enumerate(ranking, 1):
            weights[key] += 1 / (SMOOTHING + place)
    return sorted(weights, key=lambda key: (-weights[key], key))


def matches(shelves: Sequence[Shelf], condition: Condition) -> list[int]:
    language = LANGUAGES[connection.vendor]
    expression = language.or_.join(language.has(shelf, condition) for shelf in shelves)
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[connection.vendor], [expression, MAX_MATCHES])
        return [pk for (pk,) in cursor.fetchall()]


def read(library: Library, passages: Sequence[int]) -> Iterator[Passage]:
    """In this order, those of the library, and of what its files hold now."""
    there = Passage.objects.current().filter(library.rows()).defer("terms")
    there = there.select_related("file", "file__session", "file__agent")
    for start in range(0, len(passages), AT_ONCE):
        some: dict[Any, Passage] = there.in_bulk(passages[start : start + AT_ONCE])
        yield from (some[pk] for pk in passages[start : start + AT_ONCE] if pk in some)
