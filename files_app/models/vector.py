"""Passages as vectors, near each other where they mean the same. As passages are, they are made again where they are
gone, and not moved to another database."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from django.db import models

from .passage import Passage


class Vector(NamedTuple):
    """Of length 1. `signs` has a bit for each number, set where that is above 0."""

    signs: bytes
    numbers: bytes
    """32-bit floats, the lowest byte first."""

    @classmethod
    def of(cls, given: Sequence[float]) -> Vector:
        """Raises ValueError for what has no direction."""
        length = math.sqrt(sum(number * number for number in given))
        if not 0 < length < math.inf:
            raise ValueError("a vector without a direction")
        signs = int("".join("1" if number > 0 else "0" for number in given), 2)
        numbers = struct.pack(f"<{len(given)}f", *(number / length for number in given))
        return cls(signs.to_bytes(-(-len(given) // 8)), numbers)


NOTHING = Vector(b"", b"")
"""Of a text that the model does not take: near to none, and not tried again."""


def unpacked(numbers: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(numbers) // 4}f", numbers)


class PassageVectorManager(models.Manager["PassageVector"]):
    def put(self, vectors: Mapping[int, Vector], model: str) -> None:
        """By the keys of passages, in the place of those before."""
        rows = [PassageVector(passage_id=pk, model=model, **vector._asdict()) for pk, vector in vectors.items()]
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["passage"],
            update_fields=["model", "signs", "numbers"],
            batch_size=64,
        )

    def without_passage(self) -> models.QuerySet[PassageVector]:
        """After a version that knows no vectors has deleted passages."""
        return self.filter(~models.Exists(Passage.objects.filter(pk=models.OuterRef("pk"))))


class PassageVector(models.Model):
    passage = models.OneToOneField(
        Passage, models.CASCADE, primary_key=True, related_name="vector", db_constraint=False
    )
    model = models.CharField(max_length=128, help_text="as EMBEDDINGS named it")
    # Before what is long: all of them are read.
    signs = models.BinaryField()
    numbers = models.BinaryField()

    objects: ClassVar[PassageVectorManager] = PassageVectorManager()

    def __str__(self) -> str:
        return f"{self.passage_id} by {self.model}"
