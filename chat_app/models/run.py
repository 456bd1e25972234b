from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, SessionGone, TooManyRuns
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chat_app.log.session_events import message_created
from chat_app.tool_calls import AskedCall, DecidedCall
from chatjuicer.api.exceptions import IdempotencyMismatch
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField
from chatjuicer.observability.counters import counts
from sessions_app.exceptions import SessionInactive
from sessions_app.models import ChatSession, Message

from .ending import PROCESS_LOST, close_tool_calls, keep_text, wire_usage
from .inputs import context_item, user_message
from .lease import lease_end
from .status import ACTIVE, LIVE, RunStatus

MAX_QUEUED_RUNS = 50  # of one session


@dataclass(slots=True)
class Started:
    """A run that was accepted or claimed. `claimed`: it is the caller's to execute. `again`: the same message under
    the same `client_id` had been accepted before; nothing was changed."""

    run: Run
    session: ChatSession
    message_ids: list[UUID]
    claimed: bool = False
    again: bool = False
    # Of a run that begins: the user's words as context items.
    context: list[dict[str, Any]] = field(default_factory=list)
    # Of a run that is resumed after an approval: the decided calls, the calls without a result ({id of the call: id of
    # the message that shows it}), and the user's first words.
    decisions: list[DecidedCall] = field(default_factory=list)
    open_calls: dict[str, UUID] = field(default_factory=dict)
    words: str = ""
    always_allowed: set[str] = field(default_factory=set)  # names of tools that need no approval in this session

    @property
    def first_words(self) -> str:
        content = self.context[0]["content"] if self.context else self.words
        return content if isinstance(content, str) else str(content[0].get("text", ""))


class RunQuerySet(models.QuerySet["Run"]):
    def live(self) -> RunQuerySet:
        return self.filter(status__in=LIVE)

    def active(self) -> RunQuerySet:
        return self.filter(status__in=ACTIVE)

    def renew(self, owner: str, runs: Sequence[UUID]) -> set[UUID]:
        """Prolong the leases of the runs that `owner` executes, by one statement; the ids that are still its own."""
        mine = self.filter(pk__in=runs, owner=owner, status=RunStatus.RUNNING)
        mine.update(lease_until=lease_end())
        return set(mine.values_list("pk", flat=True))

    def orphans(self, is_dead: Callable[[str], bool]) -> list[Run]:
        """Running runs whose lease ran out, or whose owner is known to be dead."""
        running = self.filter(status=RunStatus.RUNNING)
        late = set(running.filter(lease_until__lt=Now()).values_list("pk", flat=True))
        dead = {owner for owner in running.values_list("owner", flat=True).distinct() if is_dead(owner)}
        return list(running.filter(Q(pk__in=late) | Q(owner__in=dead)))


class RunManager(models.Manager["Run"]):
    def start(
        self,
        session_pk: UUID,
        inputs: Sequence[protocol.UserInput],
        *,
        model: str = "",
        reasoning_effort: str = "",
        client_id: str = "",
        once: bool = False,
        on_busy: protocol.OnBusy = "queue",
        owner: str = "",
    ) -> Started:
        """Accept the user's messages: they, the run that will answer them and their events, in one transaction.

        With an `owner` and nothing else in progress, the run is claimed for that process at once. The same words under
        a `client_id` that the session has seen give the run of then; with `once`, other texts are IdempotencyMismatch.
        Raises SessionGone, SessionInactive, RunActive, QueueFull, TooManyRuns, InvalidAttachment.
        """
        with transaction.atomic():
            session = lock_session(session_pk)
            if client_id and (repeated := self._started_before(session, client_id, inputs, once)):
                return repeated
            if not session.is_active:
                raise SessionInactive()
            live = list(self.filter(session=session, status__in=LIVE).order_by("first_position"))
            at_once = bool(owner) and not live
            self._require_room(session, live, on_busy, at_once)
            if on_busy == "interrupt":
                for run in live:
                    if run.status in ACTIVE:
                        run.end(RunStatus.INTERRUPTED, "interrupted")
            run = self.model(
                session=session,
                model=model or session.model,
                reasoning_effort=reasoning_effort or session.reasoning_effort,
                client_id=client_id,
            )
            messages = session.add_messages([user_message(session, run.pk, given) for given in inputs])
            run.first_position, run.input_count = messages[0].position, len(messages)
            events: list[protocol.Event] = [message_created(message) for message in messages]
            started = Started(run, session, [m.pk for m in messages])
            if at_once:
                started.claimed = True
                started.always_allowed = allowed_tools(session)
                started.context = run.begin(session, owner, messages)
                run.save(force_insert=True)
                run.note_start(record(session, [*events, protocol.StreamStart()], run.pk))
            else:
                run.save(force_insert=True)
                record(session, events, run.pk)
                transaction.on_commit(commit_hooks.run_queued)
            return started

    def _started_before(
        self, session: ChatSession, client_id: str, inputs: Sequence[protocol.UserInput], once: bool
    ) -> Started | None:
        run = self.filter(session=session, client_id=client_id).last()
        if run is None:
            return None
        messages = list(run.inputs())
        if [m.content for m in messages] == [given.content for given in inputs]:
            return Started(run, session, [m.pk for m in messages], again=True)
        if once:
            raise IdempotencyMismatch()
        return None

    def _require_room(self, session: ChatSession, live: Sequence[Run], on_busy: protocol.OnBusy, at_once: bool) -> None:
        if live and on_busy == "reject":
            raise RunActive()
        if len(live) > MAX_QUEUED_RUNS:
            raise QueueFull()
        if not at_once:
            queued = self.filter(session__owner=session.owner_id, status=RunStatus.QUEUED).count()
            if queued >= settings.MAX_QUEUED_RUNS_PER_USER:
                raise TooManyRuns()

    def claim(self, owner: str, limit: int, of_users: Mapping[UUID, int] | None = None) -> list[Started]:
        """Make the oldest queued runs the owner's, at most `limit`, of sessions in which nothing is in progress.

        `of_users`: how many runs `owner` executes already for each user, of whom none gets more than MAX_RUNS_PER_USER.
        """
        running, most = Counter(of_users or {}), settings.MAX_RUNS_PER_USER
        busy = self.filter(session=OuterRef("session"), status__in=ACTIVE)
        queued = Q(status=RunStatus.QUEUED) & ~Exists(busy)
        waiting = self.filter(queued | Q(status=RunStatus.AWAITING_APPROVAL, may_go_on=True)).order_by("created_at")
        if full := [user for user, runs in running.items() if runs >= most]:
            waiting = waiting.exclude(session__owner__in=full)
        claimed: dict[UUID, Started] = {}
        for run in waiting.select_related("session")[: limit * 2]:
            if len(claimed) == limit:
                break
            user_id = run.session.owner_id
            if run.session_id not in claimed and running[user_id] < most and (started := run.claim(owner)):
                claimed[run.session_id] = started
                running[user_id] += 1
        return list(claimed.values())

    def interrupt(self, session_pk: UUID, run_id: UUID | None = None) -> Run | None:
        """Stop the active run, or the live one named; None when there is nothing to stop."""
        with transaction.atomic():
            session = lock_session(session_pk)
            wanted = self.filter(session=session)
            wanted = wanted.filter(pk=run_id, status__in=LIVE) if run_id else wanted.filter(status__in=ACTIVE)
            run = wanted.first()
            if run is not None:
                run.end(RunStatus.INTERRUPTED, "interrupted")
            return run


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
    first_position = models.PositiveIntegerField(help_text="Position of the first user message.")
    input_count = models.PositiveSmallIntegerField(help_text="How many user messages it answers.")
    state = EncryptedTextField(blank=True, help_text="What the Agents SDK needs to go on after an approval.")
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
        return Message.objects.filter(session_id=self.session_id, position__range=positions).order_by("position")

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
            run.note_start(record(session, [protocol.StreamStart()], run.pk))
            ids = [m.pk for m in messages]
            return Started(run, session, ids, claimed=True, context=context, always_allowed=allowed_tools(session))

    def resume(self, session: ChatSession, owner: str) -> Started:
        """Go on after an approval: the same run, another `stream_start`."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.lease_until, self.may_go_on = lease_end(), False
        self.answer_after = session.last_position
        self.save()
        self.note_start(record(session, [protocol.StreamStart()], self.pk))
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
            run.status, run.epoch, run.state, run.usage = Run.Status.AWAITING_APPROVAL, run.epoch + 1, state, usage
            run.owner, run.lease_until, run.may_go_on = "", None, False
            run.save()
            requests = [protocol.ApprovalRequest(a.pk, a.call_id, a.name, a.arguments) for a in approvals]
            end = protocol.StreamEnd(finish_reason="awaiting_approval", usage=wire_usage(usage))
            record(session, [*requests, end], run.pk)
            return True

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

        Keeps the text so far, as the log has it, in both layers; completes tool calls that were cut short; counts the
        usage; lets the next queued run start. False, and nothing changed, when the run has ended already or is in
        another epoch than `epoch`.
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
            message_id = keep_text(run, session, status, error)
            events += close_tool_calls(run.pk, session)
            if error is not None:
                events.append(error)
            if usage and (total := usage.get("total_tokens")):
                session.count_tokens(total, usage.get("context_tokens", 0))
            if title and not (session.title and run.comes_after_an_answer()):
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

    def comes_after_an_answer(self) -> bool:
        """Whether the session had one before, and with it the chance of a title."""
        return Run.objects.filter(session=self.session_id, status=Run.Status.COMPLETED).exclude(pk=self.pk).exists()

    def end_orphaned(self) -> bool:
        """Its process is gone: end it as failed, unless somebody else has ended or claimed it meanwhile."""
        return self.end(RunStatus.FAILED, "error", epoch=self.epoch, error=PROCESS_LOST)


def allowed_tools(session: ChatSession) -> set[str]:
    """Names of the tools that need no approval in this session, because a person chose "always"."""
    return set(session.approvals.filter(always=True).values_list("name", flat=True))
