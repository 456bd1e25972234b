from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import uuid4

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import SessionGone
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField
from chatjuicer.observability.counters import counts
from files_app.attachments import Attachment, content_for_model
from sessions_app.models import ChatSession, Message

from .ending import cut_tools, keep_what_was_said, wire_usage
from .lease import lease_end
from .queue import RunManager, RunQuerySet, Started, allowed_tools
from .status import ACTIVE, LIVE, RunStatus


class AskedCall(Protocol):
    """A tool call that a person is asked about."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> str: ...


class Run(models.Model):
    """The agent's work on one batch of user messages.

    `owner` is the process that executes it, until `lease_until` (by the database's clock); `epoch` grows with each
    claim and with the end, and a write that names an older one changes nothing.
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
    first_position = models.PositiveIntegerField(help_text="Position of the first user message.")
    input_count = models.PositiveSmallIntegerField(help_text="How many user messages it answers.")
    state = EncryptedTextField(blank=True, help_text="What the Agents SDK needs to go on after an approval.")
    may_go_on = models.BooleanField(default=False, help_text="Waited for approval, and has it.")
    first_seq = models.PositiveBigIntegerField(null=True, help_text="Number of its latest stream_start.")
    finish_reason = models.CharField(max_length=20, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    usage = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    folded = models.BooleanField(default=False, db_default=False, help_text="Its deltas are few rows.")

    objects = RunManager.from_queryset(RunQuerySet)()

    class Meta:
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
        last = self.first_position + self.input_count - 1
        return Message.objects.filter(session_id=self.session_id, position__range=(self.first_position, last)).order_by(
            "position"
        )

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

    # -- verbs

    def claim(self, owner: str) -> Started | None:
        """Make a queued run the owner's; None when another process or another run of the session was first."""
        with transaction.atomic():
            try:
                session = lock_session(self.session_id)
            except SessionGone:
                return None
            live = list(Run.objects.filter(session=session, status__in=LIVE).order_by("first_position"))
            active = next((run for run in live if run.status in ACTIVE), None)
            if active is not None:
                return active.resume(session, owner) if active.may_go_on else None
            if not live:
                return None
            run = live[0]
            messages = list(run.inputs())
            context = run.begin(session, owner, messages)
            run.save()
            run.note_start(record(session, [protocol.StreamStart()], run.pk))
            ids = [m.pk for m in messages]
            return Started(run, session, ids, claimed=True, context=context, always_allowed=allowed_tools(session))

    def resume(self, session: ChatSession, owner: str) -> Started:
        """Go on after an approval: the same run, another `stream_start`."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.lease_until, self.may_go_on = lease_end(), False
        self.save()
        self.note_start(record(session, [protocol.StreamStart()], self.pk))
        answers = list(self.approvals.exclude(status="pending"))
        started = Started(self, session, [], claimed=True, answers=answers, always_allowed=allowed_tools(session))
        calls = session.messages.filter(status="pending", role="tool_call", run_id=self.pk)
        started.open_calls = dict(calls.values_list("tool_call_id", "pk"))
        started.words = next((message.content for message in self.inputs()[:1]), "")
        return started

    def begin(self, session: ChatSession, owner: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Become the owner's, and give the model the user's words; the items that were added. Saved by the caller."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.started_at, self.lease_until = timezone.now(), lease_end()
        items: list[dict[str, Any]] = [{"role": "user", "content": for_model(message)} for message in messages]
        session.add_context(items, run_id=self.pk)
        transaction.on_commit(counts.run_started)
        return items

    def pause(self, epoch: int, asked: Sequence[AskedCall], state: str, usage: dict[str, Any] | None) -> bool:
        """Wait for a person's word on the calls, with what the SDK needs to go on. False if the run is not ours."""
        with transaction.atomic():
            session = lock_session(self.session_id)
            run = Run.objects.filter(pk=self.pk, status=Run.Status.RUNNING, epoch=epoch).first()
            if run is None:
                return False
            approvals = [
                run.approvals.model(session=session, run=run, call_id=call.id, name=call.name, arguments=call.arguments)
                for call in asked
            ]
            run.approvals.bulk_create(approvals)
            run.status, run.epoch, run.state, run.usage = Run.Status.AWAITING_APPROVAL, run.epoch + 1, state, usage
            run.owner, run.lease_until, run.may_go_on = "", None, False
            run.save()
            requests = [protocol.ApprovalRequest(a.pk, a.call_id, a.name, a.arguments) for a in approvals]
            end = protocol.StreamEnd(finish_reason="awaiting_approval", usage=wire_usage(usage))
            record(session, [*requests, end], run.pk)
            return True

    def let_go_on(self) -> None:
        """All that it waited for has been said; the next supervisor that looks takes it up again."""
        self.may_go_on = True
        self.save(update_fields=["may_go_on"])

    def note_start(self, records: list[protocol.Record]) -> None:
        self.first_seq = records[-1].seq
        Run.objects.filter(pk=self.pk).update(first_seq=self.first_seq)

    def end(
        self,
        status: RunStatus,
        finish_reason: protocol.FinishReason,
        *,
        epoch: int | None = None,
        usage: dict[str, Any] | None = None,
        error: protocol.Error | None = None,
        title: str = "",
    ) -> bool:
        """Close the run, whoever owns it: the one way to its one `stream_end`.

        Keeps what was said, as the log has it, in both layers; completes tool calls that were cut short; counts the
        usage; lets the next queued run go. False, and nothing changed, when it has ended already or when `epoch` is not
        its own any more.
        """
        with transaction.atomic():
            try:
                session = lock_session(self.session_id)
            except SessionGone:
                return False
            live = Run.objects.filter(pk=self.pk, status__in=LIVE)
            run = (live if epoch is None else live.filter(epoch=epoch)).first()
            if run is None:
                return False
            events: list[protocol.Event] = [] if run.status == Run.Status.RUNNING else [protocol.StreamStart()]
            run.approvals.filter(status="pending").update(status="cancelled")
            message_id = keep_what_was_said(run, session, status, error)
            events += cut_tools(run, session)
            if error is not None:
                events.append(error)
            if usage and (total := usage.get("total_tokens")):
                session.count_tokens(total, usage.get("context_tokens", 0))
            if title:
                session.suggest_title(title)
            events.append(
                protocol.StreamEnd(finish_reason=finish_reason, message_id=message_id, usage=wire_usage(usage))
            )
            run.status, run.finish_reason, run.epoch = status, finish_reason, run.epoch + 1
            run.error_code = error.code if error else ""
            run.usage, run.ended_at, run.lease_until = usage, timezone.now(), None
            run.state, run.may_go_on = "", False
            run.save()
            record(session, events, run.pk)
            transaction.on_commit(commit_hooks.run_queued)
            transaction.on_commit(lambda: counts.run_ended(status.value))
            return True


def for_model(message: Message) -> str | list[dict[str, Any]]:
    references = message.metadata.get("attachments", [])
    return content_for_model(message.content, [Attachment.from_reference(r) for r in references])
