from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import SessionGone
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chat_app.tool_calls import AskedCall, DecidedCall
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField
from chatjuicer.observability.counters import counts
from sessions_app.models import ChatSession, Message

from .ending import PROCESS_LOST, close_tool_calls, keep_text, wire_usage
from .inputs import context_item
from .lease import lease_end
from .runs import RunManager, RunQuerySet
from .started import Started, allowed_tools
from .status import ACTIVE, LIVE, RunStatus


class Run(models.Model):
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
        positions = (self.first_position, self.first_position + self.input_count - 1)
        own = Message.objects.filter(session_id=self.session_id, run_id=self.pk)  # positions begin anew after a clear
        return own.filter(position__range=positions).order_by("position")

    @property
    def answer(self) -> Q:
        """Of the session's messages, those that it has begun since its latest `stream_start`."""
        after = max(self.first_position, self.answer_after)
        return Q(run_id=self.pk, role__in=("assistant", "tool_call"), position__gt=after)

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
        """Make the session's next run the owner's; None when another process, or another run, was first."""
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
            run.note_start(record(session, [protocol.StreamStart()], run.pk, state=run.status))
            ids = [m.pk for m in messages]
            return Started(run, session, ids, claimed=True, context=context, always_allowed=allowed_tools(session))

    def resume(self, session: ChatSession, owner: str) -> Started:
        """Go on after an approval: the same run, another `stream_start`."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.lease_until, self.may_go_on = lease_end(), False
        self.answer_after = session.last_position
        self.save()
        self.note_start(record(session, [protocol.StreamStart()], self.pk, state=self.status))
        decided = self.approvals.exclude(status="pending")
        calls = session.messages.filter(status="pending", role="tool_call", run_id=self.pk)
        return Started(
            self,
            session,
            [],
            claimed=True,
            decisions=[DecidedCall(a.call_id, a.approved, a.reason) for a in decided],
            open_calls=dict(calls.values_list("tool_call_id", "pk")),
            words=next((message.content for message in self.inputs()[:1]), ""),
            always_allowed=allowed_tools(session),
        )

    def begin(self, session: ChatSession, owner: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Become the owner's, and add the user's words to the model's context; the items that were added. The caller
        saves the run."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.started_at, self.lease_until = timezone.now(), lease_end()
        items = [context_item(message) for message in messages]
        session.add_context(items, run_id=self.pk)
        transaction.on_commit(counts.run_started)
        return items

    def pause(self, epoch: int, asked: Sequence[AskedCall], state: str, usage: dict[str, Any] | None) -> bool:
        """Wait for a person's decision on the calls; `state` is what the agent needs to go on. False, and nothing
        changed, if the run is not running in that epoch any more."""
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
            run.status, run.epoch, run.state, run.usage = (
                Run.Status.AWAITING_APPROVAL,
                run.epoch + 1,
                state,
                usage or run.usage,
            )
            run.owner, run.lease_until, run.may_go_on = "", None, False
            run.save()
            requests = [protocol.ApprovalRequest(a.pk, a.call_id, a.name, a.arguments) for a in approvals]
            end = protocol.StreamEnd(finish_reason="awaiting_approval", usage=wire_usage(usage))
            record(session, [*requests, end], run.pk, state=run.status)
            return True

    def note_usage(self, usage: dict[str, Any]) -> None:
        """What the run has used so far, in the transaction of the event that says it. The session counts it once, when
        the run ends."""
        Run.objects.filter(pk=self.pk, epoch=self.epoch).update(usage=usage)

    def let_go_on(self) -> None:
        """Every call is decided: the next supervisor that looks resumes the run."""
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

        Keeps the text so far, as the log has it, in both layers; completes tool calls that were cut short; gives the
        model the words of runs that were stopped in the queue, in their place; counts the usage; lets the next queued
        run start. False, and nothing changed, when the run has ended already or is in another epoch than `epoch`.
        """
        with transaction.atomic():
            try:
                session = lock_session(self.session_id)
            except SessionGone:
                return False
            live = Run.objects.filter(pk=self.pk, status__in=LIVE)
            run = (live if epoch is None else live.filter(epoch=epoch)).defer("state").first()
            if run is None:
                return False
            usage = usage or run.usage  # of a run that was cut short, as its latest `usage` event said
            events: list[protocol.Event] = [] if run.status == Run.Status.RUNNING else [protocol.StreamStart()]
            run.unheard = run.status == Run.Status.QUEUED and status == Run.Status.INTERRUPTED
            run.approvals.filter(status="pending").update(status="cancelled")
            message_id = keep_text(run, session, status, error)
            events += close_tool_calls(run.pk, session)
            if error is not None:
                events.append(error)
            run.status, run.finish_reason, run.epoch = status, finish_reason, run.epoch + 1
            run.error_code = error.code if error else ""
            run.usage, run.ended_at, run.lease_until = usage, timezone.now(), None
            run.state, run.may_go_on = "", False
            run.save()
            Run.objects.let_hear(session)
            session.settle(Run.objects.session_state(session), usage or {})
            if title and not (session.title and run.comes_after_an_answer()):
                session.suggest_title(title)
            events.append(
                protocol.StreamEnd(finish_reason=finish_reason, message_id=message_id, usage=wire_usage(usage))
            )
            record(session, events, run.pk)
            transaction.on_commit(commit_hooks.run_queued)
            transaction.on_commit(lambda: counts.run_ended(status.value))
            return True

    def comes_after_an_answer(self) -> bool:
        """Whether the session had one before, and with it the chance of a title."""
        return Run.objects.filter(session=self.session_id, status=Run.Status.COMPLETED).exclude(pk=self.pk).exists()

    def end_orphaned(self) -> bool:
        """Its process is gone: end it as failed, unless somebody else has ended or claimed it meanwhile."""
        return self.end(RunStatus.FAILED, "error", epoch=self.epoch, error=PROCESS_LOST)
