"""Statements that are made once and run often, others the ORM has no word for, and numbers that every database takes.

The ORM builds its SQL anew for each query, which costs more than most of the queries here. Its fields still say how a
value is stored and read, so that a row looks the same whoever has written it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache, lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    QuerySet,
    TextField,
    UUIDField,
)
from django.db.models.base import ModelState
from django.db.models.sql import UpdateQuery
from django.utils import timezone

M = TypeVar("M", bound=Model)
Statement = tuple[str, Sequence[Any]]
Converter = Callable[[Any, Any, Any], Any]

MOST_PARAMS = 900  # below SQLite's oldest limit of 999


class Sql(NamedTuple):
    """In the place of a value: what the database computes."""

    text: str
    params: Sequence[Any] = ()


class Writes:
    """Changes of rows that need nothing of each other, gathered to be made at once: on PostgreSQL by one statement.

    No row may be among them twice, for PostgreSQL would make one of the two changes only.
    """

    def __init__(self) -> None:
        self._statements: list[Statement] = []
        self._database = connections[DEFAULT_DB_ALIAS]  # the thread's own, which `connection` would look up each time

    def add(self, statement: str, params: Sequence[Any]) -> None:
        self._statements.append((statement, params))

    def insert(self, rows: Sequence[Model], *, ending: str = "") -> None:
        """Rows of one model, without what `save` and `bulk_create` do besides. `ending` follows the rows."""
        if not rows:
            return
        ways = inserted(type(rows[0]), self._database.vendor)
        at_once = MOST_PARAMS // len(ways)
        for start in range(0, len(rows), at_once):
            self._insert(ways, rows[start : start + at_once], ending)

    def _insert(self, ways: Sequence[Way], rows: Sequence[Model], ending: str) -> None:
        tuples: list[str] = []
        params: list[Any] = []
        for row in rows:
            places: list[str] = []
            for field, name, directly in ways:
                value = getattr(row, name)
                convert = directly.get(type(value), ASK)
                if convert is ASK:
                    place, given = stored(field, field.pre_save(row, add=True), self._database)
                    places.append(place)
                    params += given
                else:
                    places.append("%s")
                    params.append(value if convert is None else convert(value))
            tuples.append(f"({','.join(places)})")
            row._state.adding = False  # noqa: SLF001  as Django documents it
        self.add(f"{insert_into(type(rows[0]))} VALUES {','.join(tuples)}{ending}", params)

    def update(self, model: type[Model], where: str, params: Sequence[Any], **changes: Any) -> None:
        """`changes` are by the names of columns' fields; `where` has a placeholder for each of `params`."""
        sets: list[str] = []
        given: list[Any] = []
        for name, value in changes.items():
            field = field_of(model, name)
            place, of_value = stored(field, value, self._database)
            sets.append(f'"{field.column}"={place}')
            given += of_value
        self.add(f'UPDATE "{model._meta.db_table}" SET {",".join(sets)} WHERE {where}', [*given, *params])  # noqa: S608

    def make(self) -> None:
        statements, self._statements = self._statements, []
        if not statements:
            return
        with repeating(self._database) as cursor:
            if self._database.vendor != "postgresql" or len(statements) == 1:
                for statement, params in statements:
                    cursor.execute(statement, params)
                return
            *others, last = [statement for statement, _ in statements]
            first = ",".join(f"w{number} AS ({other})" for number, other in enumerate(others))
            cursor.execute(f"WITH {first} {last}", [param for _, params in statements for param in params])


def stored(field: Field[Any, Any], value: Any, database: BaseDatabaseWrapper) -> tuple[str, Sequence[Any]]:
    """A value's place in a statement, and its parameters: more or fewer than one, if it is computed there."""
    if isinstance(value, Sql):
        return value
    convert = directly_stored(field, database.vendor).get(type(value), ASK)
    if convert is not ASK:
        return "%s", (value if convert is None else convert(value),)
    if not hasattr(value, "resolve_expression"):
        place = field.get_placeholder(value, None, database) if hasattr(field, "get_placeholder") else "%s"
        return place, (field.get_db_prep_save(value, database),)
    return compiled(field, value, database.alias)


@lru_cache(maxsize=64)
def compiled(field: Field[Any, Any], expression: Any, alias: str) -> Statement:
    query = field.model._default_manager.all().query
    compiler = query.get_compiler(connection=connections[alias])
    return compiler.compile(expression.resolve_expression(query, allow_joins=False, for_save=True))


Convert = Callable[[Any], Any]
Directly = Mapping[type, Convert | None]
"""By the type of a value: what makes of it what is stored; None: nothing has to."""


class Way(NamedTuple):
    field: Field[Any, Any]
    name: str  # of its attribute
    directly: Directly  # of most of its values


ASK: Any = object()
NUMBERS = (IntegerField, BigIntegerField, PositiveIntegerField, PositiveSmallIntegerField, PositiveBigIntegerField)


@cache
def inserted(model: type[Model], vendor: str) -> tuple[Way, ...]:
    return tuple(
        Way(field, field.attname, directly_stored(field, vendor) if is_taken_as_it_is(field) else {})
        for field in inserted_fields(model)
    )


def is_taken_as_it_is(field: Field[Any, Any]) -> bool:
    """Whether `pre_save` only reads the attribute."""
    if type(field) is DateTimeField:
        return not (field.auto_now or field.auto_now_add)
    return type(field).pre_save is Field.pre_save


@cache
def directly_stored(field: Field[Any, Any], vendor: str) -> Directly:
    """A field makes a dozen calls for each value, a message has two hundred, and most are stored as they are. Only of
    Django's own fields: what ours do to a value, they do."""
    kind, is_sqlite = type(field), vendor == "sqlite"
    if isinstance(field, ForeignKey):
        return directly_stored(field.target_field, vendor)
    if kind in NUMBERS:
        return {int: None, NoneType: None}
    if kind is BooleanField:
        return {bool: None, NoneType: None}
    if kind in (CharField, TextField):
        return {str: None, NoneType: None}
    if kind is UUIDField:
        return {UUID: attrgetter("hex") if is_sqlite else None, NoneType: None}
    if kind is DateTimeField:
        return {datetime: sqlite_time if is_sqlite else None, NoneType: None}
    return {}


@lru_cache(maxsize=64)
def sqlite_time(moment: datetime) -> str:
    """One transaction writes the same one many times."""
    return str(connection.ops.adapt_datetimefield_value(moment))


@cache
def inserted_fields(model: type[Model]) -> tuple[Field[Any, Any], ...]:
    """All but keys that the database gives."""
    return tuple(f for f in model._meta.concrete_fields if not isinstance(f, AutoField | BigAutoField))


@cache
def insert_into(model: type[Model]) -> str:
    columns = ",".join(f'"{field.column}"' for field in inserted_fields(model))
    return f'INSERT INTO "{model._meta.db_table}" ({columns})'


@cache
def field_of(model: type[Model], name: str) -> Field[Any, Any]:
    field: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
    return field


@cache
def read_fields(model: type[Model], *without: str) -> tuple[Field[Any, Any], ...]:
    return tuple(field for field in model._meta.concrete_fields if field.name not in without)


@cache
def columns_of(model: type[Model], alias: str, *without: str) -> str:
    """All columns but those, as `loaded` wants them."""
    return ",".join(f'{alias}."{field.column}"' for field in read_fields(model, *without))


def width_of(model: type[Model], *without: str) -> int:
    return len(read_fields(model, *without))


def loaded(model: type[M], row: Sequence[Any], *without: str) -> M:
    """The instance of a row that begins with `columns_of` the model."""
    database = connections[DEFAULT_DB_ALIAS]
    names, converters = _reading(model, database.vendor, *without)
    values = list(row[: len(names)])
    for place, expression, convert in converters:
        values[place] = convert(values[place], expression, database)
    return instance_of(model, names, values)


def instance_of(model: type[M], names: Iterable[str], values: Iterable[Any]) -> M:
    """As `from_db`, which sets one attribute after the other and tells receivers that there are none of."""
    instance = model.__new__(model)
    instance.__dict__.update(zip(names, values, strict=True))
    instance._state = state = ModelState()  # noqa: SLF001  as Django documents it
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    return instance


@cache
def _reading(model: type[Model], vendor: str, *without: str) -> tuple[list[str], list[tuple[int, Any, Converter]]]:
    """Names of the attributes; converters of the columns that have some, by their places, in order."""
    names: list[str] = []
    converters: list[tuple[int, Any, Converter]] = []
    for place, field in enumerate(read_fields(model, *without)):
        names.append(field.attname)
        column = field.get_col(model._meta.db_table)
        of_column = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        converters += [(place, column, convert) for convert in of_column]
    return names, converters


def as_param(model: type[Model], key: Any) -> Any:
    """A key of that model as the driver wants it."""
    return model._meta.pk.get_db_prep_value(key, connection)


def rows_of(statement: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """As the driver gives them: the ORM's converters would cost more than most statements."""
    with repeating() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def rows_of_second(first: Statement, second: Statement) -> list[tuple[Any, ...]]:
    """PostgreSQL is asked for both at once, and sees in the second what was committed while the first one waited."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    with database.at_once(), database.repeating() as one, database.repeating() as other:
        one.execute(*first)
        other.execute(*second)
        return list(other.fetchall())


def arrays_of(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """A literal for each column."""
    return [array_of(column) for column in zip(*rows, strict=True)]


def array_of(values: Iterable[Any]) -> str:
    """PostgreSQL's literal of an array, for a place that says of what. A statement is then the same for any number of
    rows. psycopg takes twenty times as long to make one."""
    return "{" + ",".join(["NULL" if value is None else quoted(str(value)) for value in values]) + "}"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def repeating(database: Any = None) -> AbstractContextManager[CursorWrapper]:
    """A cursor for statements that are made once: PostgreSQL plans each once for a connection, too."""
    database = database or connections[DEFAULT_DB_ALIAS]
    cursor: AbstractContextManager[CursorWrapper]
    cursor = database.repeating() if database.vendor == "postgresql" else database.cursor()
    return cursor


def update_returning(rows: QuerySet[Any], returning: tuple[str, ...], **changes: Any) -> list[tuple[Any, ...]]:
    """`rows.update(**changes)` that answers the new values of `returning`, in one statement.

    So a number given out by `F("last") + 1` is read by whoever took it and by nobody else. Values come as the
    driver gives them: name columns of plain types.
    """
    query: UpdateQuery = rows.query.chain(UpdateQuery)  # type: ignore[assignment]
    query.add_update_values(changes)
    connection = connections[rows.db]
    statement, params = query.get_compiler(connection=connection).as_sql()
    columns = ", ".join(connection.ops.quote_name(rows.model._meta.get_field(name).column) for name in returning)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {columns}", params)
        return cursor.fetchall()


class ShortNumbers(json.JSONDecoder):
    """PostgreSQL writes 1e30 out as an integer, and no encoder of ours takes one of more than 64 bits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_int=short, **options)


def short(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


MAX_COUNT = 2**31 - 1


def countable(number: int) -> int:
    """`number` within what a positive integer column takes, which on PostgreSQL ends at MAX_COUNT."""
    return min(max(number, 0), MAX_COUNT)


def elapsed_ms(since: datetime) -> int:
    """Milliseconds since then, by a clock that may have been set back, or be another machine's; at most 25 days."""
    return countable(int((timezone.now() - since).total_seconds() * 1000))
