from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID, uuid4

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import ApprovalGone, SessionGone
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record, verb_transaction
from chat_app.tool_calls import AskedCall
from chatjuicer.accounts.models import Act, AuditEntry
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField, SpokenCharField
from sessions_app.models import ChatSession

from .ending import wire_usage
from .notice import Notice
from .run import Run

Decision = Literal["approve", "reject"]


class ApprovalManager(models.Manager["Approval"]):
    def ask(self, run: Run, asked: Sequence[AskedCall], state: str, usage: dict[str, Any] | None) -> bool:
        """Let the run wait for a person's decision on the calls; `state` is what the agent needs to go on. False, and
        nothing changed, if it is not running in that epoch any more, or went with its session."""
        with verb_transaction():
            try:
                session = lock_session(run.session_id)
            except SessionGone:
                return False
            found = Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING, epoch=run.epoch).first()
            if found is None:
                return False
            approvals = [
                self.model(session=session, run=found, call_id=call.id, name=call.name, arguments=call.arguments)
                for call in asked
            ]
            self.bulk_create(approvals)
            found.wait(state, usage or found.usage)
            requests = [protocol.ApprovalRequest(a.pk, a.call_id, a.name, a.arguments) for a in approvals]
            end = protocol.StreamEnd(finish_reason="awaiting_approval", usage=wire_usage(usage))
            record(session, [*requests, end], found.pk, state=found.status)
            Notice.objects.tell_of(session, Notice.Type.APPROVAL_WAITING, found.pk)
            return True

    def decide(
        self, session_pk: UUID, approval_id: UUID, decision: Decision, reason: str = "", always: bool = False
    ) -> Approval:
        """Note a person's decision. The first one counts; a later call gets what was decided. Once every call of the
        run is decided, the run may go on. Raises ApprovalGone if there is no such approval in the session, or if its
        run has ended."""
        with verb_transaction():
            session = lock_session(session_pk)
            approval = self.filter(session_id=session_pk, pk=approval_id).select_related("run").first()
            if approval is None or approval.status == Approval.Status.CANCELLED:
                raise ApprovalGone()
            approval.session = session
            if approval.status == Approval.Status.PENDING:
                approved = decision == "approve"
                approval.status = Approval.Status.APPROVED if approved else Approval.Status.REJECTED
                approval.reason, approval.always, approval.decided_at = reason, always and approved, timezone.now()
                approval.save()
                if not approval.run.approvals.filter(status=Approval.Status.PENDING).exists():
                    approval.run.let_go_on()
                    transaction.on_commit(commit_hooks.run_queued)
                AuditEntry.objects.note(
                    Act.APPROVAL_DECIDED, approval, tool=approval.name, decision=approval.status.value
                )
            return approval


class Approval(models.Model):
    """A tool call that waits, or waited, for a person's decision."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    session = models.ForeignKey(ChatSession, models.CASCADE, related_name="approvals")
    run = models.ForeignKey(Run, models.CASCADE, related_name="approvals")
    call_id = SpokenCharField(max_length=255)
    name = SpokenCharField(max_length=255)
    arguments = EncryptedTextField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    reason = EncryptedTextField(blank=True)
    always = models.BooleanField(default=False, help_text="the tool need not be asked about again in this session")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    objects = ApprovalManager()

    class Meta:
        indexes = [
            models.Index(fields=["session"], condition=Q(status="pending"), name="approval_pending"),
            models.Index(fields=["session", "name"], condition=Q(always=True), name="approval_always"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.name}"

    @property
    def approved(self) -> bool:
        return self.status == Approval.Status.APPROVED

    def representation(self) -> dict[str, Any]:
        return {
            "approval_id": str(self.pk),
            "session_id": self.session.public_id,
            "run_id": str(self.run_id),
            "id": self.call_id,
            "name": self.name,
            "arguments": self.arguments,
            "status": self.status,
            "reason": self.reason,
            "created_at": rfc3339(self.created_at),
        }
