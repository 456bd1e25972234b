from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.db import OperationalError, models, transaction
from django.db.models import Exists, Min, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, SessionGone, TooManyRuns
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chat_app.log.session_events import message_created
from chat_app.model_calls import CallRecord
from chat_app.tool_calls import AskedCall, DecidedCall
from chatjuicer.api.exceptions import IdempotencyMismatch
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField
from chatjuicer.observability.counters import counts
from sessions_app.exceptions import SessionInactive
from sessions_app.models import IDLE, ChatSession, Message

from .ending import PROCESS_LOST, UNHEARD_NOTE, UNKNOWN_ERROR, close_tool_calls, keep_text, wire_usage
from .inputs import context_item, user_message
from .lease import lease_end
from .status import ACTIVE, LIVE, RunStatus
from .usage import CallUsage

logger = logging.getLogger(__name__)

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
    titled: bool = False  # a model has found a title since
    always_allowed: set[str] = field(default_factory=set)  # names of tools that need no approval in this session
    instructions: str = ""  # what the owner asks for in all sessions

    @property
    def first_words(self) -> str:
        content = self.context[0]["content"] if self.context else self.words
        return content if isinstance(content, str) else str(content[0].get("text", ""))


def allowed_tools(session: ChatSession) -> set[str]:
    """Names of the tools that need no approval in this session, because a person chose "always"."""
    return set(session.approvals.filter(always=True).values_list("name", flat=True))


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
        # Without what is encrypted: a row that cannot be read must not hide the others.
        return list(running.filter(Q(pk__in=late) | Q(owner__in=dead)).defer("state"))


class RunManager(models.Manager["Run"]):
    def start(
        self,
        session_pk: UUID,
        inputs: Sequence[protocol.UserInput],
        *,
        model: str = "",
        reasoning_effort: str = "",
        client_id: str = "",
        on_busy: protocol.OnBusy = "queue",
        owner: str = "",
    ) -> Started:
        """Accept the user's messages: they, the run that will answer them and their events, in one transaction.

        With an `owner` and nothing else in progress, the run is claimed for that process at once. A `client_id` that
        the session has seen gives the run of then; with another command it is IdempotencyMismatch. Raises, too,
        SessionGone, SessionInactive, RunActive, QueueFull, TooManyRuns, InvalidAttachment.
        """
        with transaction.atomic():
            session = lock_session(session_pk)
            command_hash = hash_of(inputs, model, reasoning_effort, on_busy)
            if client_id and (repeated := self._started_before(session, client_id, command_hash, inputs)):
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
                command_hash=command_hash if client_id else "",
            )
            messages = session.add_messages([user_message(session, run.pk, given) for given in inputs])
            run.first_position, run.input_count = messages[0].position, len(messages)
            events: list[protocol.Event] = [message_created(message) for message in messages]
            started = Started(run, session, [m.pk for m in messages])
            if at_once:
                started.claimed = True
                started.always_allowed = allowed_tools(session)
                started.instructions = session.owner.instructions
                started.context = run.begin(session, owner, messages)
                run.save(force_insert=True)
                run.note_start(record(session, [*events, protocol.StreamStart()], run.pk, state=RunStatus.RUNNING))
            else:
                run.save(force_insert=True)
                record(session, events, run.pk, state=self.session_state(session))
                transaction.on_commit(commit_hooks.run_queued)
            return started

    def _started_before(
        self, session: ChatSession, client_id: str, command_hash: str, inputs: Sequence[protocol.UserInput]
    ) -> Started | None:
        """The caller has locked the session, so that of two at a time one finds the other's."""
        found = list(self.filter(session=session, client_id=client_id).order_by("created_at", "first_position", "pk"))
        for run in found:
            messages = list(run.inputs())
            # Of a version that kept no hash, the words alone are known.
            same_words = [message.content for message in messages] == [given.content for given in inputs]
            if run.command_hash == command_hash or (not run.command_hash and same_words):
                return Started(run, session, [message.pk for message in messages], again=True)
        if found:
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
        for run in waiting.defer("state", "session__title", "session__last_message_preview").select_related("session")[
            : limit * 2
        ]:
            if len(claimed) == limit:
                break
            user_id = run.session.owner_id
            if run.session_id not in claimed and running[user_id] < most and (started := self._claim(run, owner)):
                claimed[run.session_id] = started
                running[user_id] += 1
        return list(claimed.values())

    def _claim(self, run: Run, owner: str) -> Started | None:
        """A run that cannot be claimed, whatever the reason, is ended: it would keep all others waiting."""
        try:
            return run.claim(owner)
        except OperationalError:
            raise
        except Exception:
            logger.exception("run %s cannot be claimed", run.pk)
        try:
            run.end(RunStatus.FAILED, "error", error=UNKNOWN_ERROR)
        except OperationalError:
            raise
        except Exception:
            logger.exception("run %s cannot be ended", run.pk)
        return None

    def session_state(self, session: ChatSession) -> str:
        """What the session's row says of its runs: idle, queued, running or awaiting_approval."""
        live = set(self.filter(session=session, status__in=LIVE).values_list("status", flat=True))
        return next((str(status) for status in (*ACTIVE, RunStatus.QUEUED) if status in live), IDLE)

    def let_hear(self, session: ChatSession) -> None:
        """Give the model the words of runs that were stopped before they began, in their place: once the runs before
        them have ended."""
        first_live = self.filter(session=session, status__in=LIVE).aggregate(first=Min("first_position"))["first"]
        unheard = self.filter(session=session, unheard=True).order_by("first_position")
        if first_live is not None:
            unheard = unheard.filter(first_position__lt=first_live)
        for run in unheard.defer("state"):
            note = {"role": "system", "content": UNHEARD_NOTE}
            session.add_context([*(context_item(message) for message in run.inputs()), note], run_id=run.pk)
            self.filter(pk=run.pk).update(unheard=False)

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


def hash_of(inputs: Sequence[protocol.UserInput], model: str, reasoning_effort: str, on_busy: str) -> str:
    """Tells one command from another under the same `client_id`."""
    said = [[given.content, given.attachments or []] for given in inputs]
    command = [said, model, reasoning_effort, on_busy]
    return hashlib.sha256(msgspec.json.encode(command, order="sorted")).hexdigest()


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
            return Started(
                run,
                session,
                ids,
                claimed=True,
                context=context,
                always_allowed=allowed_tools(session),
                instructions=session.owner.instructions,
            )

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
            instructions=session.owner.instructions,
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

    def note_calls(self, calls: Sequence[CallRecord]) -> None:
        """What its calls of models took; those that a stop has cut, too, whatever has become of the run since."""
        CallUsage.objects.note(self.session.owner_id, self.session_id, self.pk, calls)

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
