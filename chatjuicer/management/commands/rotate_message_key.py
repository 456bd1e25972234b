"""Encrypts by the first of MESSAGE_ENCRYPTION_KEYS what is stored: what is plain, and what older keys have sealed."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, models, transaction

from chatjuicer.api.arguments import number
from chatjuicer.encryption import current_mark
from chatjuicer.operations.sealed_columns import Column, sealed_columns
from files_app.exceptions import StorageUnavailable
from files_app.models import File, Passage
from files_app.resealing import reseal_files
from sessions_app.models import SearchEntry

Row = tuple[Any, ...]


class Command(BaseCommand):
    help = (
        "Encrypt stored texts, metadata and files by the first of MESSAGE_ENCRYPTION_KEYS. Servers may go on "
        "meanwhile, if they have the same keys; stopped, it goes on where it was when it is started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=number, default=500, help="rows of one transaction (500)")

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
            columns = [*sealed_columns(model)]
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
        self.rotate_files(batch)

    def rotate_files(self, batch: int) -> None:
        done, failed = 0, list[str]()
        try:
            for outcome in reseal_files(batch):
                done += outcome.resealed
                failed += outcome.failed
        except StorageUnavailable as error:
            raise CommandError(f"{error.message} {done} files are done; run it again.") from None
        self.stdout.write(f"bytes of files: {done}")
        if failed:
            named = ", ".join(failed[:10])
            raise CommandError(f"{len(failed)} files could not be read and are as they were: {named}.")


def batches(model: type[models.Model], columns: Sequence[Column], batch: int) -> Iterator[int]:
    """How many rows of each batch were changed. Only rows that need it are read."""
    table, key = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(model._meta.pk.column))
    texts = ", ".join(column.text for column in columns)
    old = " OR ".join(f"({column.text} <> '{column.empty}' AND {column.text} NOT LIKE %s)" for column in columns)
    after: Row = ()
    while True:
        where, params = f"({old})", [f"{column.mark}%" for column in columns]
        if after:
            where, params = f"{where} AND {key} > %s", [*params, after[0]]
        with transaction.atomic(), connection.cursor() as cursor:
            statement = f"SELECT {key}, {texts} FROM {table} WHERE {where} ORDER BY {key} LIMIT %s"  # noqa: S608
            cursor.execute(statement, [*params, batch])
            rows = cursor.fetchall()
            for row in rows:
                for column, stored in zip(columns, row[1:], strict=True):
                    if stored and stored != column.empty and not stored.startswith(column.mark):
                        # What was changed meanwhile was encrypted by the current key.
                        where = f"{key} = %s AND {column.text} = %s"
                        change = f"UPDATE {table} SET {column.name} = {column.place} WHERE {where}"  # noqa: S608
                        cursor.execute(change, [column.resealed(stored), row[0], stored])
        if not rows:
            return
        after = rows[-1]
        yield len(rows)
