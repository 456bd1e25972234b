"""The row of a run: its columns, and what they say. What may be done to it: run.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.db import models
from django.db.models import Q

from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField
from sessions_app.models import ChatSession, Message, Writes
from sessions_app.models.statements import as_param

from .status import RunStatus


class RunRow(models.Model):
    """The agent's work on one batch of user messages.

    `owner` is the process that executes it, until `lease_until` (by the database's clock). `epoch` grows with each
    claim and with the end; a write that names an older epoch changes nothing.
    """

    Status = RunStatus

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    session = models.ForeignKey(ChatSession, models.CASCADE, related_name="runs")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.QUEUED)
    owner = models.CharField(max_length=128, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    model = models.CharField(max_length=128)
    reasoning_effort = models.CharField(max_length=16, blank=True)
    client_id = models.CharField(max_length=128, blank=True)
    command_hash = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of all that the client asked for."
    )
    first_position = models.PositiveIntegerField(help_text="Position of the first user message.")
    input_count = models.PositiveSmallIntegerField(help_text="How many user messages it answers.")
    below = models.UUIDField(
        null=True, blank=True, help_text="Message in whose branches it begins one: by its answer, or by its words."
    )
    continues = models.UUIDField(null=True, blank=True, help_text="Message in which an answer goes on.")
    first_run = models.UUIDField(null=True, blank=True, help_text="The run whose words it answers; empty: this one.")
    state = EncryptedTextField(blank=True, help_text="What the Agents SDK needs to go on after an approval.")
    unheard = models.BooleanField(
        default=False, db_default=False, help_text="Ended before it began; the model has yet to be given its words."
    )
    may_go_on = models.BooleanField(default=False, help_text="Waited for approval, and has it.")
    first_seq = models.PositiveBigIntegerField(null=True, help_text="Number of its latest stream_start.")
    answer_after = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Its messages above this position were begun after its latest stream_start."
    )
    finish_reason = models.CharField(max_length=20, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    usage = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    folded = models.BooleanField(default=False, db_default=False, help_text="Its deltas are few rows.")

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(status__in=("running", "awaiting_approval")),
                name="run_one_active",
            ),
        ]
        indexes = [
            models.Index(fields=["session", "client_id"], condition=~Q(client_id=""), name="run_client_id"),
            models.Index(fields=["created_at"], condition=Q(status="queued"), name="run_queued"),
            models.Index(fields=["ended_at"], condition=Q(folded=False), name="run_unfolded"),
            models.Index(fields=["created_at"], condition=Q(may_go_on=True), name="run_may_go_on"),
            models.Index(fields=["owner", "lease_until"], condition=Q(status="running"), name="run_leased"),
            models.Index(
                fields=["session", "first_position"],
                condition=Q(status__in=("queued", "running", "awaiting_approval")),
                name="run_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.pk}"

    def inputs(self) -> models.QuerySet[Message]:
        """The user messages that it answers, in order."""
        positions = (self.first_position, self.first_position + self.input_count - 1)
        own = Message.objects.filter(session_id=self.session_id, run_id=self.pk)  # positions begin anew after a clear
        return own.filter(position__range=positions).order_by("position")

    @property
    def answer(self) -> Q:
        """Of the session's messages, those that it has begun since its latest `stream_start`."""
        after = max(self.first_position, self.answer_after)
        return Q(run_id=self.pk, role__in=("assistant", "tool_call"), position__gt=after)

    @property
    def waits_for_approval(self) -> bool:
        """Nobody has decided yet."""
        return self.status == RunStatus.AWAITING_APPROVAL and not self.may_go_on

    def update(self, writes: Writes, fields: Sequence[str]) -> None:
        """The row gets what these fields are."""
        changes = {name: getattr(self, name) for name in fields}
        writes.update(type(self), "id=%s", [as_param(type(self), self.pk)], **changes)

    def representation(self) -> dict[str, Any]:
        return {
            "id": str(self.pk),
            "run_id": str(self.pk),
            "status": self.status,
            "model": self.model,
            "created_at": rfc3339(self.created_at),
            "started_at": rfc3339(self.started_at) if self.started_at else None,
            "first_seq": self.first_seq,
        }
