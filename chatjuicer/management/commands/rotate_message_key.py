"""Encrypts every stored text by the first of MESSAGE_ENCRYPTION_KEYS: plain ones, and those of older keys."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, models, transaction

from chatjuicer.encryption import EncryptedTextField, current_mark, seal, unseal
from files_app.models import File, Passage
from sessions_app.models import SearchEntry

Row = tuple[Any, ...]


class Command(BaseCommand):
    help = (
        "Encrypt stored texts by the first of MESSAGE_ENCRYPTION_KEYS. Servers may go on meanwhile, if they have the "
        "same keys; stopped, it goes on where it was when it is started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="rows of one transaction (500)")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        try:
            current_mark()
        except ImproperlyConfigured as error:
            raise CommandError("There is no key: set MESSAGE_ENCRYPTION_KEYS.") from error
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                # Old contents of rows are overwritten, not only freed.
                cursor.execute("PRAGMA secure_delete=ON")
        for model in apps.get_models():
            columns = [str(f.column) for f in model._meta.concrete_fields if isinstance(f, EncryptedTextField)]
            if columns:
                rotated = 0
                for rows in batches(model, columns, batch):
                    rotated += rows
                self.stdout.write(f"{model._meta.label}: {rotated} rows")
        SearchEntry.objects.forget_other_schemes(batch)
        if sum(File.objects.forget_outdated_passages()):
            Passage.objects.overwrite_deleted()
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def batches(model: type[models.Model], columns: Sequence[str], batch: int) -> Iterator[int]:
    """How many rows of each batch were changed. Only rows that need it are read."""
    table, key = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(model._meta.pk.column))
    names = ", ".join(map(connection.ops.quote_name, columns))
    old = " OR ".join(f"({name} <> '' AND {name} NOT LIKE %s)" for name in names.split(", "))
    pattern = current_mark() + "%"
    after: Row = ()
    while True:
        where, params = f"({old})", [pattern] * len(columns)
        if after:
            where, params = f"{where} AND {key} > %s", [*params, after[0]]
        with transaction.atomic(), connection.cursor() as cursor:
            statement = f"SELECT {key}, {names} FROM {table} WHERE {where} ORDER BY {key} LIMIT %s"  # noqa: S608
            cursor.execute(statement, [*params, batch])
            rows = cursor.fetchall()
            for row in rows:
                for name, stored in zip(names.split(", "), row[1:], strict=True):
                    if stored and not stored.startswith(current_mark()):
                        # A text that was changed meanwhile was encrypted by the current key.
                        change = f"UPDATE {table} SET {name} = %s WHERE {key} = %s AND {name} = %s"  # noqa: S608
                        cursor.execute(change, [seal(unseal(stored)), row[0], stored])
        if not rows:
            return
        after = rows[-1]
        yield len(rows)
