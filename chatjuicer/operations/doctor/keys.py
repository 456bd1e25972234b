"""What was sealed by a key that is not among MESSAGE_ENCRYPTION_KEYS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from django.apps import apps
from django.conf import settings
from django.db import connection, models

from chatjuicer.encryption import derived_key, ring
from chatjuicer.operations.sealed_columns import sealed_columns
from files_app.envelope import sealed_by
from files_app.models import Export, File

from .check import Check, Found

Lost = tuple[str, str, int]
"""Where, by which key, and how much."""


def lost() -> Iterator[Lost]:
    known = {name for name, _ in ring(tuple(settings.MESSAGE_ENCRYPTION_KEYS))}
    for model in apps.get_models():
        for key, count in sorted(values_by_key(model).items()):
            if key not in known:
                yield f"{model._meta.label}: values", key, count
    for holder in (File, Export):
        keys = holder._default_manager.filter(storage_key__endswith=".sealed").values_list("storage_key", flat=True)
        for key, count in sorted(Counter(map(sealed_by, keys.iterator(1000))).items()):
            if key not in known:
                yield f"{holder._meta.label}: bytes", key, count


def values_by_key(model: type[models.Model]) -> Counter[str]:
    """How many are sealed, by the name of the key."""
    found: Counter[str] = Counter()
    table = connection.ops.quote_name(model._meta.db_table)
    for column in sealed_columns(model):
        statement = (
            f"SELECT {column.key}, COUNT(*) FROM {table} WHERE {column.text} LIKE %s"  # noqa: S608
            f" AND {column.key} NOT LIKE ':%%' GROUP BY 1"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [f"{column.prefix}%"])
            found.update(dict(cursor.fetchall()))
    return found


def unreadable(lost: Lost) -> Found:
    """Nothing but the key mends that."""
    where, key, count = lost
    return Found(
        f"{where}, {count} of them, sealed by a key that is not there ({key})", partial(derived_key, key, b"", "")
    )


CHECKS = [Check("unknown-key", lost, unreadable)]
