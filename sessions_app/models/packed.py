"""Old sessions packed: the rows that hang on one, compressed in segments, until somebody writes there again.

While a session is packed, its segments say what was said. Its rows may be there already, as a beginning of each layer:
bringing them back takes several transactions, so that no other writer waits for long.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Generator, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from django.db import connection, models, transaction
from django.db.models import Sum
from django.utils import timezone

from chatjuicer.encryption import EncryptedTextField
from sessions_app import signals

from .segment import LAYERS, PackedSegment, Table, instances, rows_of, tables_of

if TYPE_CHECKING:
    from .session import ChatSession

M = TypeVar("M", bound=models.Model)
NOTHING: dict[str, Any] = {"fields": [], "rows": []}
MAX_NUMBER = 2**63 - 1


class PackedHistoryManager(models.Manager["PackedHistory"]):
    def pack(self, session: ChatSession, unused_since: datetime) -> bool:
        """False, and nothing happens, if it was used since, is busy, packed already, or has nothing to pack.

        Compressing takes long, and is done before the transaction, which then looks whether the rows are the same.
        """
        unused = type(session).objects.filter(pk=session.pk, packed=False, last_used_at__lt=unused_since)
        if not unused.exists() or is_busy(session):
            return False
        PackedSegment.objects.filter(session=session).delete()  # of a process that was killed here
        digests = []
        for table in all_tables(session):
            PackedSegment.objects.write(session.pk, table)
            digests.append(table.digest)
        with transaction.atomic(savepoint=False):
            held = unused.select_for_update().values_list("pk").first()
            if not digests or not held or is_busy(session):
                return False
            if digests != [table.digest for table in all_tables(session)]:
                return False
            self.create(session=session)
            for model in LAYERS:
                model._default_manager.filter(session=session).delete()
            unused.update(packed=True)
        return True

    def unpack(self, session: ChatSession) -> None:
        """Write the rows back; nothing happens if they are there. Raises DoesNotExist if the session is gone.

        In several transactions, unless the caller is in one.
        """
        if not connection.in_atomic_block:
            self.restore(session)
        with transaction.atomic(savepoint=False):
            hold(session)
            packed = self.filter(session=session).first()
            if packed is not None:
                packed.convert()
                packed.restore_missing()
                self.drop(session)
                signals.session_unpacked.send(type(session), session=session)
        session.packed = False

    def restore(self, session: ChatSession) -> None:
        """Write rows back, in order, one transaction for each segment, as long as the session is packed."""
        packed = self.filter(session=session).first()
        if packed is None:
            return
        packed.convert()
        for pk in list(packed.segments.order_by("layer", "first").values_list("pk", flat=True)):
            with transaction.atomic(savepoint=False):
                hold(session)
                segment = PackedSegment.objects.filter(pk=pk).first()
                if segment is None:  # unpacked, or cleared, by another
                    return
                segment.restore()

    def drop(self, session: ChatSession) -> None:
        """Deletes what is packed: from then on the session has the rows that are there, and no others."""
        PackedSegment.objects.filter(session=session).delete()
        self.filter(session=session).delete()
        type(session).objects.filter(pk=session.pk).update(packed=False)
        session.packed = False


def is_busy(session: ChatSession) -> bool:
    return any(busy for _, busy in signals.session_packing.send(type(session), session=session))


def hold(session: ChatSession) -> None:
    """Raises DoesNotExist if the session is gone."""
    if not type(session).objects.select_for_update().filter(pk=session.pk).values_list("pk").first():
        raise session.DoesNotExist


def all_tables(session: ChatSession) -> Iterator[Table]:
    for model in LAYERS:
        yield from tables_of(model, session.pk)


class PackedHistory(models.Model):
    session = models.OneToOneField(
        "sessions_app.ChatSession", models.CASCADE, primary_key=True, related_name="packed_history"
    )
    content = EncryptedTextField(
        blank=True, default="", help_text="of older versions: base64 of zlib of JSON: rows and their fields, by model"
    )
    packed_at = models.DateTimeField(default=timezone.now)

    objects = PackedHistoryManager()

    class Meta:
        verbose_name_plural = "packed histories"

    def __str__(self) -> str:
        return f"packed on {self.packed_at:%Y-%m-%d}"

    @property
    def segments(self) -> models.QuerySet[PackedSegment]:
        return PackedSegment.objects.filter(session_id=self.pk)

    def forwards(self, model: type[M], order: int, *, versions: bool = False) -> Generator[M, None, None]:
        """The rows above that position or number, in order: visible ones, or with `versions` all. None of them is in
        the database, and no more than one segment is unpacked at once."""
        if self.content:
            yield from (row for row in self._unconverted(model) if number_of(row) > order)
            return
        for segment in self._segments(model).filter(last__gt=order).order_by("first").iterator(1):
            rows = [row for row in segment.rows(model) if number_of(row) > order]
            yield from (row for row in rows if versions or is_visible(row))

    def backwards(
        self, model: type[M], before: int | None = None, after: int = 0, *, versions: bool = False
    ) -> Iterator[M]:
        """The rows between the two positions, the last one first."""
        end = MAX_NUMBER if before is None else before
        if self.content:
            yield from (row for row in reversed(self._unconverted(model)) if after < number_of(row) < end)
            return
        segments = self._segments(model).filter(last__gt=after, first__lt=end)
        for segment in segments.order_by("-first").iterator(1):
            rows = [row for row in reversed(segment.rows(model)) if after < number_of(row) < end]
            yield from (row for row in rows if versions or is_visible(row))

    def above(self, model: type[M], order: int, limit: int, *, versions: bool = False) -> list[M]:
        """The first `limit` rows of `forwards`."""
        return list(islice(self.forwards(model, order, versions=versions), limit))

    def newest(self, model: type[M], limit: int, before: int | None = None, *, versions: bool = False) -> list[M]:
        """The last `limit` rows below the position, in order."""
        return list(islice(self.backwards(model, before, versions=versions), limit))[::-1]

    def out_of_view(self, model: type[M]) -> list[M]:
        """The rows of paths that are not visible; none of them is in the database."""
        segments = self._segments(model).order_by("first").iterator(1)
        return [row for segment in segments for row in segment.rows(model) if not is_visible(row)]

    def _segments(self, model: type[M]) -> models.QuerySet[PackedSegment]:
        return self.segments.filter(layer=model._meta.label)

    def _unconverted(self, model: type[M]) -> list[M]:
        return instances(self.pk, model, self._stored().get(model._meta.label, NOTHING))

    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = orjson.loads(zlib.decompress(base64.b64decode(self.content)))
        return stored

    def convert(self) -> None:
        """Of what an older version has packed: segments in the place of one text."""
        if not self.content:
            return
        layers = self._stored()
        with transaction.atomic(savepoint=False):
            if not PackedHistory.objects.filter(pk=self.pk).exclude(content="").update(content=""):
                return  # by another, at this moment
            for model in LAYERS:
                stored = layers.get(model._meta.label, NOTHING)
                for table in Table(model, stored["fields"], stored["rows"]).parts():
                    PackedSegment.objects.write(self.pk, table)
        self.content = ""

    def restore_missing(self) -> None:
        """All rows are there after that."""
        for model in LAYERS:
            segments = self.segments.filter(layer=model._meta.label)
            packed = segments.aggregate(total=Sum("count"))["total"] or 0
            if rows_of(model, self.pk).count() != packed:
                for segment in segments.order_by("first").iterator(1):
                    segment.restore()


def number_of(row: models.Model) -> int:
    number: int = getattr(row, LAYERS[type(row)])
    return number


def is_visible(row: models.Model) -> bool:
    """Of rows that know no paths, such as events, all are."""
    return bool(getattr(row, "visible", True))
