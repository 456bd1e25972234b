"""What people and agents have said as vectors. Each hangs on the entry of the search index of its message: the database
deletes it with that, whoever deletes it. Made again where they are gone, and not moved to another database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar
from uuid import UUID

from django.db import models, transaction

from files_app.models import Vector
from sessions_app.models import NATIVE, ChatSession, SearchEntry
from sessions_app.models.message import SPOKEN

FORGOTTEN_AT_ONCE = 500

LATE = 10_000
"""Entries: one with a lower key may be committed after one with a higher key, and what a message says may come after
its entry. So many are looked at again."""


class MessageVectorManager(models.Manager["MessageVector"]):
    def of_owner(self, owner_id: UUID, model: str) -> models.QuerySet[MessageVector]:
        """Of sessions that are not in the trash."""
        return self.filter(entry__owner_id=owner_id, entry__session__namespace=NATIVE, model=model)

    def missing(self, model: str) -> models.QuerySet[SearchEntry]:
        """Entries of what was said that have no vector by that model, what was indexed last first."""
        mark = VectorMark.objects.filter(model=model).values_list("upto", flat=True).first() or 0
        made = self.filter(entry=models.OuterRef("pk"), model=model)
        said = SearchEntry.objects.filter(
            ~models.Exists(made),
            pk__gt=mark - LATE,
            kind=SearchEntry.Kind.MESSAGE,
            role__in=SPOKEN,
            session__namespace=NATIVE,
        )
        return said.defer("terms", "name").order_by("-pk")

    def keep(self, session_pk: UUID, vectors: Mapping[int, Vector], model: str) -> None:
        """By the keys of entries of that session; of those that are gone meanwhile none."""
        with transaction.atomic(savepoint=False):
            # Whoever deletes entries holds the session.
            if not ChatSession.objects.select_for_update().filter(pk=session_pk).values_list("pk").first():
                return
            there = SearchEntry.objects.filter(pk__in=vectors).values_list("pk", flat=True)
            self.bulk_create(
                [MessageVector(entry_id=pk, model=model, **vectors[pk]._asdict()) for pk in there],
                update_conflicts=True,
                unique_fields=["entry"],
                update_fields=["model", "signs", "numbers"],
                batch_size=64,
            )

    def forget_all(self) -> Iterator[int]:
        """How many, batch by batch."""
        VectorMark.objects.all().delete()
        while keys := list(self.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]):
            self.filter(pk__in=keys).delete()
            yield len(keys)


class MessageVector(models.Model):
    entry = models.OneToOneField(
        SearchEntry, models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False
    )
    model = models.CharField(max_length=128, help_text="as EMBEDDINGS named it")
    # Before what is long: all of them are read.
    signs = models.BinaryField()
    numbers = models.BinaryField()

    objects: ClassVar[MessageVectorManager] = MessageVectorManager()

    def __str__(self) -> str:
        return f"{self.entry_id} by {self.model}"


class VectorMarkManager(models.Manager["VectorMark"]):
    def put(self, model: str, upto: int) -> None:
        """The vectors of other models count for nothing from now on."""
        self.exclude(model=model).delete()
        self.update_or_create(model=model, defaults={"upto": upto})


class VectorMark(models.Model):
    """So that not all entries are looked at in each round."""

    model = models.CharField(max_length=128, primary_key=True, help_text="as EMBEDDINGS named it")
    upto = models.BigIntegerField(help_text="entries of the search index with no higher key have their vectors")

    objects: ClassVar[VectorMarkManager] = VectorMarkManager()

    def __str__(self) -> str:
        return f"{self.model} up to {self.upto}"
