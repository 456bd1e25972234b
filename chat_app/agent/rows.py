"""The rows of llm_context that a run reads, by one statement written out: the ORM would build it anew for each run."""

import json
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import UUIDField

from chat_app.runs.contract import Item
from chatjuicer.encryption import unseal
from files_app import names
from files_app.models import File
from sessions_app.models import ContextItem

STATEMENT = f"""
SELECT "id", "position", "item",
       EXISTS (SELECT 1 FROM "{File._meta.db_table}" WHERE "session_id" = %s AND "folder" = %s)
FROM "{ContextItem._meta.db_table}" WHERE "session_id" = %s AND "position" >= %s ORDER BY "position"
"""  # noqa: S608 (the names are our own)
_PK: "UUIDField[UUID, UUID]" = UUIDField()


class RowId(NamedTuple):
    """Rows are never changed, and no key is given twice: while the row is there, so is all before it."""

    pk: int
    position: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Of one session, oldest first."""

    ids: list[RowId]
    items: list[Item]
    has_files: bool | None  # whether a person has given any; None: it was not asked, for there were no rows


def read_rows(session_pk: UUID, after: RowId | None = None) -> Rows | None:
    """All rows, or those after `after`: None if that one is gone."""
    pk = _PK.get_db_prep_value(session_pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, [pk, names.SOURCES, pk, after.position if after else 0])
        found = cursor.fetchall()
    has_files = bool(found[0][3]) if found else None
    if after is not None:
        if not found or found[0][0] != after.pk:
            return None
        found = found[1:]
    return Rows([RowId(row[0], row[1]) for row in found], _items([unseal(row[2]) for row in found]), has_files)


def _items(texts: list[str]) -> list[Item]:
    try:
        items: list[Item] = orjson.loads(f"[{','.join(texts)}]")
    except ValueError:  # what only the slower parser takes, such as halves of characters
        items = [json.loads(text) for text in texts]
    return items
