"""What a person reads: the first layer of a conversation."""

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Case, Exists, F, Q, Value, When
from django.utils import timezone

from chatjuicer.encryption import EncryptedJSONField, EncryptedTextField, SpokenCharField
from sessions_app.preview import preview_of

from .account_log import charge
from .draft import NO_ERROR, MessageDraft, MessageError
from .search_entry import SearchEntry
from .statements import ShortNumbers

if TYPE_CHECKING:
    from .session import ChatSession


class Message(models.Model):
    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"
        TOOL_CALL = "tool_call"

    class Status(models.TextChoices):
        PENDING = "pending"
        COMPLETED = "completed"
        INTERRUPTED = "interrupted"
        FAILED = "failed"

    class Rating(models.TextChoices):
        UP = "up"
        DOWN = "down"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey("sessions_app.ChatSession", models.CASCADE, related_name="messages", db_index=False)
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=16, choices=Role.choices)
    content = EncryptedTextField(blank=True, default="")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.COMPLETED)
    partial = models.BooleanField(default=False, help_text="cut short: more would have been said")
    tool_call_id = SpokenCharField(max_length=255, blank=True, default="")
    tool_name = SpokenCharField(max_length=255, blank=True, default="")
    tool_arguments = EncryptedTextField(blank=True, default="")
    tool_result = EncryptedTextField(blank=True, default="")
    tool_success = models.BooleanField(null=True, blank=True)
    token_count = models.PositiveIntegerField(null=True, blank=True)
    model = models.CharField(max_length=128, blank=True, default="")
    agent_name = models.CharField(max_length=64, blank=True, default="")
    response_time_ms = models.PositiveIntegerField(null=True, blank=True)
    is_error = models.BooleanField(default=False)
    reasoning = EncryptedTextField(blank=True, default="", db_default="", help_text="what the model thought before it")
    error_code = models.CharField(max_length=64, blank=True, default="", db_default="")
    error_message = EncryptedTextField(blank=True, default="", db_default="")
    metadata = EncryptedJSONField(blank=True, default=dict, decoder=ShortNumbers)
    run_id = models.UUIDField(null=True, blank=True)
    # NULL, of a session's first message and of rows of older versions: the row before it, if there is one.
    parent_id = models.UUIDField(
        null=True, blank=True, help_text="the message that it follows; all zeros: none, as another version of the first"
    )
    visible = models.BooleanField(default=True, db_default=True, help_text="on the path that people and model see")
    seen = models.PositiveIntegerField(
        default=0, db_default=0, help_text="number of the change of paths that took it out of view"
    )
    rating = models.CharField(max_length=4, choices=Rating.choices, blank=True, default="", db_default="")
    rating_text = EncryptedTextField(blank=True, default="", db_default="", help_text="why it is rated so")
    pinned = models.BooleanField(default=False, db_default=False, help_text="the model is always given all of it")
    created_at = models.DateTimeField(default=timezone.now)

    sibling_count = 1
    """Versions of its place, itself included; whoever reads messages of a tree sets it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "position"], name="one_message_per_position"),
        ]
        indexes = [
            models.Index(fields=["session"], condition=Q(status="pending"), name="message_pending"),
            # The other versions of each place, which are few.
            models.Index(fields=["session", "parent_id"], condition=Q(visible=False), name="message_out_of_view"),
            models.Index(fields=["session"], condition=Q(pinned=True), name="message_pinned"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.position}"

    @classmethod
    def from_draft(cls, draft: MessageDraft) -> "Message":
        """An unsaved message."""
        return cls(
            id=draft.id,
            role=draft.role,
            content=draft.content,
            status=draft.status,
            partial=draft.partial,
            tool_call_id=draft.tool_call_id,
            tool_name=draft.tool_name,
            tool_arguments=draft.tool_arguments,
            tool_result=draft.tool_result,
            tool_success=draft.tool_success,
            token_count=draft.token_count,
            model=draft.model,
            agent_name=draft.agent_name,
            response_time_ms=draft.response_time_ms,
            is_error=draft.is_error,
            reasoning=draft.reasoning,
            error_code=(draft.error or NO_ERROR).code,
            error_message=(draft.error or NO_ERROR).message,
            metadata=draft.metadata,
            run_id=draft.run_id,
            rating=draft.rating,
            rating_text=draft.rating_text,
            pinned=draft.pinned,
        )

    def complete(
        self,
        content: str,
        *,
        status: str = Status.COMPLETED,
        partial: bool = False,
        response_time_ms: int | None = None,
        is_error: bool = False,
        metadata: dict[str, Any] | None = None,
        reasoning: str = "",
        error: MessageError | None = None,
    ) -> bool:
        """Finishes a pending message, once: False (and nothing changes) if it is finished or gone already."""
        ending: dict[str, Any] = {
            "content": content,
            "status": status,
            "partial": partial,
            "response_time_ms": response_time_ms,
            "is_error": is_error,
            "error_code": (error or NO_ERROR).code,
            "error_message": (error or NO_ERROR).message,
        }
        if metadata is not None:
            ending["metadata"] = metadata
        if reasoning:  # else what it began with stays
            ending["reasoning"] = reasoning
        with transaction.atomic(savepoint=False):
            if not self._finish(ending):
                return False
            preview = preview_of(self.content)
            if preview:
                spoken_later = Message.objects.filter(
                    ~Q(content=""),
                    session_id=self.session_id,
                    position__gt=self.position,
                    role__in=SPOKEN,
                    visible=True,
                )
                latest = Case(
                    When(Exists(spoken_later), then=F("last_message_preview")), default=Value(preview, PREVIEW)
                )
                sessions: Any = self._meta.get_field("session").related_model
                row = sessions.objects.filter(pk=self.session_id)
                row.update(last_message_preview=latest, updated_at=timezone.now())
        return True

    @property
    def error(self) -> MessageError | None:
        """Of a failed answer."""
        return MessageError(self.error_code, self.error_message) if self.error_code else None

    @property
    def shown_parent_id(self) -> UUID | None:
        return self.parent_id if self.parent_id != NO_PARENT else None

    @property
    def feedback(self) -> dict[str, str] | None:
        return {"rating": self.rating, "text": self.rating_text} if self.rating else None

    def rate(self, rating: str | None, text: str = "") -> None:
        """What a person thinks of it; None takes that back. Raises DoesNotExist if it has just been deleted."""
        self.rating, self.rating_text = rating or "", text if rating else ""
        with transaction.atomic():
            Message.objects.select_for_update(no_key=True).values_list("pk").get(pk=self.pk)
            self.save(update_fields=["rating", "rating_text"])

    def reopen(self, run_id: UUID) -> None:
        """An answer that was cut short goes on: it is being written again, by that run, after what it has."""
        SearchEntry.objects.forget(self.pk)  # until it is whole again
        self._count_bytes(-bytes_completed({"content": self.content}))
        self.status, self.run_id, self.partial = self.Status.PENDING, run_id, False
        self.is_error, self.error_code, self.error_message = False, "", ""
        self.save(update_fields=["status", "run_id", "partial", "is_error", "error_code", "error_message"])

    def finish_tool(self, result: str, success: bool, status: str = Status.COMPLETED) -> bool:
        """The outcome of a pending tool call; False if it is finished or gone already."""
        return self._finish({"tool_result": result, "tool_success": success, "status": status})

    def _finish(self, ending: dict[str, Any]) -> bool:
        pending = Message.objects.filter(pk=self.pk, status=Message.Status.PENDING)
        if not pending.update(**ending):
            return False
        self._count_bytes(bytes_completed(ending, bool(self.tool_arguments), bool(self.reasoning)))
        for name, value in ending.items():
            setattr(self, name, value)
        SearchEntry.objects.put_messages(self._session_row, [self])
        return True

    def _count_bytes(self, size_bytes: int) -> None:
        sessions: Any = self._meta.get_field("session").related_model
        row = sessions.objects.filter(pk=self.session_id)
        if size_bytes and row.update(said_bytes=F("said_bytes") + size_bytes):
            charge(row.values_list("owner_id", flat=True).get(), size_bytes)

    @property
    def _session_row(self) -> "ChatSession":
        """The session if it was read, else no more of it than its key."""
        if "session" in self._state.fields_cache:
            return self.session
        sessions: Any = self._meta.get_field("session").related_model
        row: ChatSession = sessions(pk=self.session_id)
        return row


COUNTED = ("content", "reasoning", "tool_arguments", "tool_result")
"""Whose bytes count in their owner's quota, with the metadata's."""


def bytes_said(message: "Message") -> int:
    """Of a whole message, as UTF-8."""
    metadata = len(json.dumps(message.metadata)) if message.metadata else 0
    return sum(bytes_of(getattr(message, name)) for name in COUNTED) + metadata


def bytes_completed(ending: Mapping[str, Any], has_arguments: bool = False, has_reasoning: bool = False) -> int:
    """How many bytes the change adds to a message that is being written; those it had before are counted already."""
    there = {"tool_arguments": has_arguments, "reasoning": has_reasoning}
    return sum(bytes_of(ending.get(name) or "") for name in COUNTED if not there.get(name))


def bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


NO_PARENT = UUID(int=0)
"""The `parent_id` of another version of a session's first message."""

PREVIEW = EncryptedTextField()
SPOKEN = (Message.Role.USER, Message.Role.ASSISTANT)
MAX_PINNED = 100  # of a conversation
