"""All rows of one database in another, of another kind: SQLite to PostgreSQL, or back."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connections, models, transaction
from django.db.models.sql import InsertQuery

from chat_app.models import MessageVector, VectorMark
from chatjuicer.databases import postgresql, sqlite
from files_app.models import File, Passage, PassageVector
from sessions_app.models import ChatSession, SearchEntry

SOURCE, TARGET = "source", "target"
ROWS_AT_ONCE = 500
# Migrating fills these; what the source has takes their place.
FILLED = ("contenttypes", "auth")
# What searches go by is made anew by the target's housekeeping.
NOT_MOVED = ("search_scheme", "indexed_as", "embedded_as")
INDEXES = (SearchEntry, Passage, PassageVector, MessageVector, VectorMark)


class MoveRefused(Exception):
    """A database that cannot be read, or one that must not be written. Its text is for the operator."""


@dataclass(frozen=True)
class Content:
    """`digest` is of all rows in whatever order: databases sort texts differently."""

    rows: int
    digest: str

    @classmethod
    def of(cls, model: type[models.Model], alias: str) -> "Content":
        rows, total = 0, 0
        names = [field.attname for field in model._meta.local_concrete_fields if field.attname not in NOT_MOVED]
        for values in rows_of(model, alias).values_list(*names).iterator(chunk_size=ROWS_AT_ONCE):
            rows += 1
            total += int.from_bytes(hashlib.sha256(canonical(values)).digest())
        return cls(rows, f"{total % 2**256:064x}")


@dataclass(frozen=True)
class Moved:
    """One table, read again on both sides."""

    table: str
    source: Content
    target: Content

    @property
    def same(self) -> bool:
        return self.source == self.target


def move(source_url: str, target_url: str) -> Iterator[Moved]:
    """Copies all rows, then compares each table. The source is only read; the target must be empty.

    Raises MoveRefused before anything is copied.
    """
    with both(source_url, target_url):
        call_command("migrate", database=TARGET, interactive=False, verbosity=0)
        tables = list(all_tables())
        for model in tables:
            if model._meta.app_label not in FILLED and rows_of(model, TARGET).exists():
                raise MoveRefused(f"The target is not empty: it has rows in {model._meta.db_table}.")
        copy_all(tables)
        for model in tables:
            yield Moved(model._meta.db_table, Content.of(model, SOURCE), Content.of(model, TARGET))
        rows_of(ChatSession, TARGET).update(search_scheme="")
        rows_of(File, TARGET).update(indexed_as="", embedded_as="")


@contextmanager
def both(source_url: str, target_url: str) -> Iterator[None]:
    """Inside, the two databases are the connections SOURCE and TARGET."""
    connections.databases[SOURCE] = configuration(source_url, must_exist=True)
    connections.databases[TARGET] = configuration(target_url)
    try:
        yield
    finally:
        for alias in (SOURCE, TARGET):
            connections[alias].close()


def configuration(url: str, must_exist: bool = False) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    if scheme in ("postgresql", "postgres"):
        try:
            given = postgresql(url, pool=False)
        except ValueError:
            raise MoveRefused("The address of the PostgreSQL database cannot be read.") from None
    elif scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        path = Path(rest[1:])  # sqlite:///relative, sqlite:////absolute
        if must_exist and not path.is_file():
            raise MoveRefused(f"There is no file {path}.")
        given = sqlite(path)
    else:
        raise MoveRefused(f"{scheme}://… is neither sqlite:///PATH nor postgresql://…")
    complete: dict[str, Any] = connections.configure_settings({"default": given})["default"]
    return complete


def copy_all(tables: list[type[models.Model]]) -> None:
    with transaction.atomic(using=TARGET):  # all or nothing
        for model in reversed(tables):
            if model._meta.app_label in FILLED:
                rows_of(model, TARGET).delete()
        for model in tables:
            copy(model)
        with connections[TARGET].cursor() as cursor:
            for statement in connections[TARGET].ops.sequence_reset_sql(no_style(), tables):
                cursor.execute(statement)


def all_tables() -> Iterator[type[models.Model]]:
    """Without indexes of words, which each kind of database has in its own way: housekeeping makes them again."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy and model not in INDEXES:
            yield model


def rows_of(model: type[models.Model], alias: str) -> models.QuerySet[Any]:
    """All of them: a manager may pass over some, as that of sessions does over the trash."""
    return models.QuerySet(model, using=alias).order_by()


def copy(model: type[models.Model]) -> None:
    """As they are: nothing is filled in, and no signal is sent."""
    fields = model._meta.local_concrete_fields
    connection = connections[TARGET]
    rows = rows_of(model, SOURCE).order_by("pk").iterator(chunk_size=ROWS_AT_ONCE)
    at_once = min(ROWS_AT_ONCE, connection.ops.bulk_batch_size(fields, range(ROWS_AT_ONCE)))
    while batch := list(islice(rows, at_once)):
        query = InsertQuery(model)
        query.insert_values(fields, batch, raw=True)
        query.get_compiler(using=TARGET).execute_sql(None)


def canonical(values: Iterable[Any]) -> bytes:
    """The same for the same row, whichever database it came from."""
    return json.dumps([plain(value) for value in values], sort_keys=True).encode()


def plain(value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case int() if not -(2**63) <= value < 2**64:  # PostgreSQL writes 1e30 out
            return float(value)
        case int() | float():
            return value
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)
