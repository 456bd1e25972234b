"""Which texts are nearest to a vector. First all are compared by the signs of their numbers, of which a thousand take a
millisecond; of the best the numbers themselves decide."""

import heapq
from collections.abc import Iterable
from operator import mul
from typing import Any

from django.db.models import QuerySet

from files_app.models import PassageVector, Vector
from files_app.models.vector import unpacked

from .library import Library

MAX_COMPARED = 20_000
"""Of a library, or a person's messages, the latest; what is older is found by its words alone."""

BY_NUMBERS = 200
NEAREST = 50


def has_vectors(library: Library, model: str) -> bool:
    return PassageVector.objects.filter(library.rows("passage__"), model=model).exists()


def nearest(library: Library, model: str, sought: Vector) -> list[int]:
    """Keys of passages, the nearest first, at most NEAREST."""
    return nearest_of(PassageVector.objects.filter(library.rows("passage__"), model=model), "-pk", sought)


def nearest_of(vectors: QuerySet[Any], latest_first: str, sought: Vector) -> list[int]:
    """Keys of rows with `signs` and `numbers`, the nearest first, at most NEAREST."""
    latest = vectors.order_by(latest_first).values_list("pk", "signs")[:MAX_COMPARED]
    keys = by_signs(((pk, bytes(signs)) for pk, signs in latest), sought.signs)
    wanted = unpacked(sought.numbers)
    found = vectors.filter(pk__in=keys).values_list("pk", "numbers")
    likeness = {pk: sum(map(mul, unpacked(bytes(numbers)), wanted)) for pk, numbers in found}
    return heapq.nlargest(NEAREST, (pk for pk in keys if likeness.get(pk, 0) > 0), key=likeness.__getitem__)


def by_signs(vectors: Iterable[tuple[int, bytes]], signs: bytes) -> list[int]:
    """Those with the most in common. A vector of another length is by a model that was another then."""
    bits = int.from_bytes(signs)
    distances = (((int.from_bytes(those) ^ bits).bit_count(), -pk) for pk, those in vectors if len(those) == len(signs))
    return [-pk for _, pk in heapq.nsmallest(BY_NUMBERS, distances)]
