"""The rows of llm_context that a run reads, by one statement written out: the ORM would build it anew for each run."""

import json
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import UUIDField

from chat_app.runs.contract import Item
from chat_app.window.shorten import given
from chatjuicer.encryption import unseal
from files_app import names
from files_app.models import File
from sessions_app.models import Compaction, ContextItem
from sessions_app.models.statements import repeating

COMPACTION = f"""
FROM "{Compaction._meta.db_table}" compaction WHERE "session_id" = %s AND NOT "undone" AND ("through" = 0 OR EXISTS (
  SELECT 1 FROM "{ContextItem._meta.db_table}" item WHERE item."session_id" = compaction."session_id"
  AND item."position" = compaction."through" AND item."visible"))
ORDER BY "number" DESC LIMIT 1
"""  # noqa: S608
PINNED = {
    "postgresql": """SELECT value::int FROM compaction, jsonb_array_elements_text("pinned") AS value""",
    "sqlite": """SELECT value FROM compaction, json_each("pinned")""",
}
# With what is kept of the items that a summary stands for, in their order.
STATEMENTS = {
    vendor: f"""
WITH compaction AS (SELECT "id", "through", "kept_first", "kept_last", "pinned" {COMPACTION})
SELECT "id", "position", "item", "tokens",
       EXISTS (SELECT 1 FROM "{File._meta.db_table}" WHERE "session_id" = %s AND "folder" = %s),
       (SELECT "id" FROM compaction), (SELECT CAST("pinned" AS text) FROM compaction)
FROM "{ContextItem._meta.db_table}" WHERE "session_id" = %s AND "position" >= %s AND "visible" AND (
  "position" > COALESCE((SELECT "through" FROM compaction), 0)
  OR "position" BETWEEN (SELECT "kept_first" FROM compaction) AND (SELECT "kept_last" FROM compaction)
  OR "position" IN ({pinned}))
ORDER BY "position"
"""  # noqa: S608 (the names are our own)
    for vendor, pinned in PINNED.items()
}
_PK: "UUIDField[UUID, UUID]" = UUIDField()


class RowId(NamedTuple):
    """Rows are never changed, and no key is given twice: while the model is given the row, it is given all before it
    that the same chooses, which stand for the messages that its own follows."""

    pk: int
    position: int


class ChosenBy(NamedTuple):
    """The compaction in force, and the positions that it leaves as they are, as the database writes them."""

    compaction: UUID
    pinned: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Of one session, oldest first, as the model is given them."""

    ids: list[RowId]
    items: list[Item]
    has_files: bool | None  # whether a person has given any; None: it was not asked, for there were no rows
    compaction: Compaction | None = None  # in force
    chosen_by: ChosenBy | None = None


def read_rows(session_pk: UUID, after: RowId | None = None, chosen_by: ChosenBy | None = None) -> Rows | None:
    """All rows, or those after `after`: None if that one is gone, or the rows are not chosen by the same any more."""
    pk = _PK.get_db_prep_value(session_pk, connection)
    with repeating() as cursor:
        cursor.execute(STATEMENTS[connection.vendor], [pk, pk, names.SOURCES, pk, after.position if after else 0])
        found = cursor.fetchall()
    has_files = bool(found[0][4]) if found else None
    now = ChosenBy(_PK.to_python(found[0][5]), found[0][6]) if found and found[0][5] else None
    if after is not None:
        if not found or found[0][0] != after.pk or now != chosen_by:
            return None
        found = found[1:]
    chosen = Compaction.objects.get(pk=now.compaction) if now else None
    items = _items([unseal(row[2]) for row in found])
    if chosen is not None and chosen.shortened_through:
        items = [given(item, row[1], row[3] or 0, chosen) for row, item in zip(found, items, strict=True)]
    return Rows([RowId(row[0], row[1]) for row in found], items, has_files, chosen, now)


def _items(texts: list[str]) -> list[Item]:
    try:
        items: list[Item] = orjson.loads(f"[{','.join(texts)}]")
    except ValueError:  # what only the slower parser takes, such as halves of characters
        items = [json.loads(text) for text in texts]
    return items
