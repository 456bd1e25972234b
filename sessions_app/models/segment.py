"""A few hundred rows of a packed session, compressed by themselves, so that a page is read without all the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson
from django.apps import apps
from django.db import models

from chatjuicer.compression import compressed, decompressed
from chatjuicer.encryption import EncryptedTextField

M = TypeVar("M", bound=models.Model)

ROWS = 500
"""Of one segment."""

SEGMENT_BYTES = 4_000_000
"""Of its rows before they are compressed, but for the last one."""

LAYERS: dict[type[models.Model], str] = {}
"""Rows that hang on a session by a field `session`, and the field that orders them."""


def pack_too(model: type[models.Model], order: str) -> None:
    """Make the rows of `model`, in the order of that field, part of what is packed.

    Nothing may know these rows by the numbers that the database gives them: they get new ones when they come back.
    """
    LAYERS[model] = order


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one layer of one session, in order."""

    model: type[models.Model]
    fields: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def stored(self) -> bytes:
        return orjson.dumps({"fields": self.fields, "rows": self.rows})

    @property
    def digest(self) -> bytes:
        return sha256(self.stored).digest()

    @property
    def numbers(self) -> list[int]:
        column = list(self.fields).index(LAYERS[self.model])
        return [row[column] for row in self.rows]

    def parts(self) -> Iterator[Table]:
        for start in range(0, len(self.rows), ROWS):
            yield Table(self.model, self.fields, self.rows[start : start + ROWS])


def tables_of(model: type[models.Model], session_pk: UUID) -> Iterator[Table]:
    """The rows that the database has now, those of one segment at a time."""
    names, after = [field.attname for field in fields_of(model)], -1
    while rows := rows_above(model, session_pk, after, names):
        table = Table(model, names, rows)
        yield table
        after = table.numbers[-1]


def rows_above(model: type[models.Model], session_pk: UUID, after: int, names: Sequence[str]) -> list[Sequence[Any]]:
    """Of the next segment."""
    order, size_bytes = LAYERS[model], 0
    rows: list[Sequence[Any]] = []
    found = rows_of(model, session_pk).filter(**{f"{order}__gt": after}).order_by(order).values_list(*names)
    for row in found[:ROWS].iterator(chunk_size=50):
        rows.append(row)
        size_bytes += sum(len(value) for value in row if isinstance(value, str))
        if size_bytes > SEGMENT_BYTES:
            break
    return rows


def rows_of(model: type[models.Model], session_pk: UUID) -> models.QuerySet[Any]:
    return model._default_manager.filter(session=session_pk)


def fields_of(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    given = (models.AutoField, models.BigAutoField)
    return [f for f in model._meta.concrete_fields if f.name != "session" and not isinstance(f, given)]


def instances(session_pk: UUID, model: type[M], stored: dict[str, Any]) -> list[M]:
    """Unsaved ones; fields that the model does not have any more are passed over."""
    known = {field.attname: field for field in fields_of(model)}
    return [
        model(
            session_id=session_pk,
            **{name: known[name].to_python(value) for name, value in zip(stored["fields"], row, strict=True)
               if name in known},
        )
        for row in stored["rows"]
    ]  # fmt: skip


class PackedSegmentManager(models.Manager["PackedSegment"]):
    def write(self, session_pk: UUID, table: Table) -> PackedSegment:
        numbers = table.numbers
        return self.create(
            session_id=session_pk,
            layer=table.model._meta.label,
            first=numbers[0],
            last=numbers[-1],
            count=len(numbers),
            content=compressed(table.stored),
        )


class PackedSegment(models.Model):
    session = models.ForeignKey("sessions_app.ChatSession", models.CASCADE, related_name="+", db_index=False)
    layer = models.CharField(max_length=64, help_text="label of the model")
    first = models.PositiveBigIntegerField(help_text="position or number of the first row")
    last = models.PositiveBigIntegerField()
    count = models.PositiveIntegerField(help_text="rows")
    content = EncryptedTextField(help_text="compressed JSON: fields and rows")

    objects: ClassVar[PackedSegmentManager] = PackedSegmentManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "layer", "first"], name="one_segment_per_beginning"),
        ]

    def __str__(self) -> str:
        return f"{self.count} rows of {self.layer} from {self.first}"

    def rows(self, model: type[M]) -> list[M]:
        """In their order, as they were; none of them is in the database."""
        return instances(self.session_id, model, orjson.loads(decompressed(self.content)))

    def restore(self) -> None:
        """Write the rows back; those that are there already are passed over."""
        model = apps.get_model(self.layer)
        model._default_manager.bulk_create(self.rows(model), batch_size=ROWS, ignore_conflicts=True)
