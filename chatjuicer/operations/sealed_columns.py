"""Columns of the database whose values are sealed, as statements see them that look at what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, models

from chatjuicer.encryption import (
    MARK,
    SEALED,
    EncryptedJSONField,
    EncryptedTextField,
    current_key,
    seal,
    seal_json,
    unseal,
    unseal_json_text,
)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    """Quoted."""
    text: str
    """What it holds, as text."""
    place: str
    """Of such a text in a statement that writes it."""
    prefix: str
    """Of what is sealed; the name of the key and a colon follow. Without a name, it is a plain one that begins so."""
    empty: str
    """Never sealed."""

    @property
    def mark(self) -> str:
        """How values begin that need no rotation."""
        return f"{self.prefix}{current_key()}:"

    @property
    def key(self) -> str:
        """The name of the key, of a sealed one."""
        return f"substr({self.text}, {len(self.prefix) + 1}, 8)"

    def resealed(self, stored: str) -> str:
        if self.empty:
            return json.dumps(seal_json(json.loads(unseal_json_text(stored))))
        return seal(unseal(stored))


def sealed_columns(model: type[models.Model]) -> Iterator[Column]:
    for field in model._meta.concrete_fields:
        name = connection.ops.quote_name(str(field.column))
        if isinstance(field, EncryptedTextField):
            yield Column(name, name, "%s", MARK, "")
        elif isinstance(field, EncryptedJSONField):
            place = "CAST(%s AS jsonb)" if connection.vendor == "postgresql" else "%s"
            yield Column(name, f"CAST({name} AS text)", place, f'{{"{SEALED}": "', "{}")
