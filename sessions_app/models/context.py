"""What the model is given: the second layer of a conversation."""

import json
from typing import Any

import orjson
from django.db import models
from django.utils import timezone

from chatjuicer.encryption import EncryptedTextField


class ContextItem(models.Model):
    """One input item of the Agents SDK, verbatim: with its order of keys and whatever the SDK adds."""

    session = models.ForeignKey(
        "sessions_app.ChatSession", models.CASCADE, related_name="context_items", db_index=False
    )
    position = models.PositiveIntegerField()
    item = EncryptedTextField(help_text="JSON text")
    tokens = models.PositiveIntegerField(null=True, blank=True, help_text="counted when it first mattered")
    run_id = models.UUIDField(null=True, blank=True)
    message_id = models.UUIDField(
        null=True, blank=True, help_text="the message that it stands for; of a summary: the last one that it covers"
    )
    summary = models.BooleanField(default=False, db_default=False, help_text="covers all up to its message")
    visible = models.BooleanField(default=True, db_default=True, help_text="given to the model")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "llm_context"
        constraints = [
            models.UniqueConstraint(fields=["session", "position"], name="one_context_item_per_position"),
        ]

    def __str__(self) -> str:
        return f"context item {self.position}"

    @classmethod
    def holding(cls, item: dict[str, Any], **fields: Any) -> "ContextItem":
        """An unsaved row for `item`."""
        try:
            text = orjson.dumps(item).decode()
        except TypeError:  # numbers over 64 bits and lone surrogates, which JSON in plain ASCII can say
            text = json.dumps(item)
        return cls(item=text, **fields)

    @property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.item)
        return value

    @property
    def is_said(self) -> bool:
        """It is the words of its message, and not what the model thought or called on the way, nor a summary."""
        return not self.summary and self.value.get("type", "message") == "message"
