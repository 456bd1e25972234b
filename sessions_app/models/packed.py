"""Old sessions packed: all rows that hang on one in one compressed text, until somebody writes there again."""

import base64
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from django.db import models, transaction
from django.utils import timezone

from chatjuicer.encryption import EncryptedTextField
from sessions_app import signals

if TYPE_CHECKING:
    from .session import ChatSession

M = TypeVar("M", bound=models.Model)

LAYERS: dict[type[models.Model], str] = {}
"""Rows that hang on a session by a field `session`, and the field that orders them."""


def pack_too(model: type[models.Model], order: str) -> None:
    """Make the rows of `model`, in the order of that field, part of what is packed.

    Nothing may know these rows by the numbers that the database gives them: they get new ones when they come back.
    """
    LAYERS[model] = order


class PackedHistoryManager(models.Manager["PackedHistory"]):
    def pack(self, session: "ChatSession", unused_since: datetime) -> bool:
        """False, and nothing happens, if it was used since, is busy, packed already, or has nothing to pack."""
        with transaction.atomic(savepoint=False):
            unused = type(session).objects.filter(pk=session.pk, packed=False, last_used_at__lt=unused_since)
            if not unused.select_for_update().values_list("pk").first():
                return False
            if any(busy for _, busy in signals.session_packing.send(type(session), session=session)):
                return False
            layers = {model._meta.label: table(model, session) for model in LAYERS}
            if not any(each["rows"] for each in layers.values()):
                return False
            squeezed = base64.b64encode(zlib.compress(orjson.dumps(layers), 9)).decode()
            self.create(session=session, content=squeezed)
            for model in LAYERS:
                model._default_manager.filter(session=session).delete()
            unused.update(packed=True)
        return True

    def unpack(self, session: "ChatSession") -> None:
        """Write the rows back; nothing happens if they are there. Raises DoesNotExist if the session is gone."""
        sessions = type(session).objects.filter(pk=session.pk)
        with transaction.atomic(savepoint=False):
            if not sessions.select_for_update().values_list("pk").first():
                raise session.DoesNotExist
            packed = self.filter(session=session).first()
            if packed is not None:
                for model in LAYERS:
                    model._default_manager.bulk_create(packed.rows(model), batch_size=500)
                packed.delete()
                sessions.update(packed=False)
        session.packed = False


class PackedHistory(models.Model):
    session = models.OneToOneField(
        "sessions_app.ChatSession", models.CASCADE, primary_key=True, related_name="packed_history"
    )
    content = EncryptedTextField(help_text="base64 of zlib of JSON: rows and their fields, by model")
    packed_at = models.DateTimeField(default=timezone.now)

    objects = PackedHistoryManager()

    class Meta:
        verbose_name_plural = "packed histories"

    def __str__(self) -> str:
        return f"{len(self.content)} characters of {self.packed_at:%Y-%m-%d}"

    def rows(self, model: type[M]) -> list[M]:
        """In their order, as they were; none of them is in the database."""
        layers = orjson.loads(zlib.decompress(base64.b64decode(self.content)))
        stored = layers.get(model._meta.label, {"fields": [], "rows": []})
        known = {field.attname: field for field in fields_of(model)}
        return [
            model(
                session_id=self.pk,
                **{name: known[name].to_python(value) for name, value in zip(stored["fields"], row, strict=True)
                   if name in known},
            )
            for row in stored["rows"]
        ]  # fmt: skip


def table(model: type[models.Model], session: "ChatSession") -> dict[str, Any]:
    names = [field.attname for field in fields_of(model)]
    rows = model._default_manager.filter(session=session).order_by(LAYERS[model])
    return {"fields": names, "rows": list(rows.values_list(*names))}


def fields_of(model: type[models.Model]) -> "Iterable[models.Field[Any, Any]]":
    given = (models.AutoField, models.BigAutoField)
    return [f for f in model._meta.concrete_fields if f.name != "session" and not isinstance(f, given)]
