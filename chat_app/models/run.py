from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from chat_app import protocol
from chat_app.counts import counts
from chat_app.exceptions import QueueFull, RunActive, SessionGone
from chat_app.log import bell, record
from chatjuicer.accounts.exceptions import IdempotencyMismatch
from files_app.attachments import Attachment, content_for_model, resolve
from sessions_app.exceptions import SessionInactive
from sessions_app.models import ChatSession, Message, MessageDraft
from sessions_app.representations import message_representation, rfc3339

from .event import Event

if TYPE_CHECKING:
    from .approval import Approval

MAX_QUEUED_RUNS = 50  # of one session

STOPPED_NOTE = "The user stopped the previous answer before it was finished."
CUT_NOTE = "The previous answer was cut off by a technical fault before it was finished."


@dataclass(slots=True)
class Started:
    """What `start` did. `claimed` says that the run is already the caller's to execute; `again` that this very message
    had been accepted before."""

    run: Run
    session: ChatSession
    message_ids: list[UUID]
    claimed: bool = False
    again: bool = False
    context: list[dict[str, Any]] = field(default_factory=list)
    # Of a run that goes on: the calls that somebody has decided on.
    answers: list[Approval] = field(default_factory=list)
    always_allowed: set[str] = field(default_factory=set)

    @property
    def first_words(self) -> str:
        content = self.context[0]["content"] if self.context else ""
        return content if isinstance(content, str) else str(content[0].get("text", ""))


class AskedCall(Protocol):
    """A tool call that a person is asked about."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> str: ...


class RunQuerySet(models.QuerySet["Run"]):
    def live(self) -> RunQuerySet:
        return self.filter(status__in=LIVE)

    def active(self) -> RunQuerySet:
        return self.filter(status__in=ACTIVE)

    def renew(self, owner: str) -> set[UUID]:
        """Prolong the lease of all that `owner` runs, by one statement; the ids that are still its own."""
        mine = self.filter(owner=owner, status=Run.Status.RUNNING)
        mine.update(lease_until=lease_end())
        return set(mine.values_list("pk", flat=True))

    def orphans(self, is_dead: Callable[[str], bool]) -> list[Run]:
        """Running runs whose lease ran out, or whose owner is known to be dead."""
        running = self.filter(status=Run.Status.RUNNING)
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
        Raises SessionGone, SessionInactive, RunActive, QueueFull.
        """
        with transaction.atomic():
            session = lock_session(session_pk)
            if client_id and (twin := self.filter(session=session, client_id=client_id).last()):
                messages = list(twin.inputs())
                if [m.content for m in messages] == [said.content for said in inputs]:
                    return Started(twin, session, [m.pk for m in messages], again=True)
                if once:
                    raise IdempotencyMismatch()
            if not session.is_active:
                raise SessionInactive()
            live = list(self.filter(session=session, status__in=LIVE).order_by("first_position"))
            if live and on_busy == "reject":
                raise RunActive()
            if len(live) > MAX_QUEUED_RUNS:
                raise QueueFull()
            if on_busy == "interrupt":
                for run in live:
                    if run.status in ACTIVE:
                        run.end(Run.Status.INTERRUPTED, "interrupted")
            run = Run(
                session=session,
                model=model or session.model,
                reasoning_effort=reasoning_effort or session.reasoning_effort,
                client_id=client_id,
            )
            messages = session.add_messages([user_message(session, run, said) for said in inputs])
            run.first_position, run.input_count = messages[0].position, len(messages)
            events: list[protocol.Event] = [
                protocol.MessageCreated(message=message_representation(m, session.session_id)) for m in messages
            ]
            started = Started(run, session, [m.pk for m in messages])
            if owner and not live:
                started.claimed = True
                started.always_allowed = allowed_tools(session)
                started.context = run.begin(session, owner, messages)
                run.save(force_insert=True)
                run.note_start(record(session, [*events, protocol.StreamStart()], run.pk))
            else:
                run.save(force_insert=True)
                record(session, events, run.pk)
                transaction.on_commit(bell.queue)
            return started

    def claim(self, owner: str, limit: int) -> list[Started]:
        """Take the oldest queued runs of sessions in which nothing is in progress."""
        busy = self.filter(session=OuterRef("session"), status__in=ACTIVE)
        queued = Q(status=Run.Status.QUEUED) & ~Exists(busy)
        waiting = self.filter(queued | Q(status=Run.Status.AWAITING_APPROVAL, may_go_on=True)).order_by("created_at")
        claimed: dict[UUID, Started] = {}
        for run in waiting[: limit * 2]:
            if len(claimed) == limit:
                break
            if run.session_id not in claimed and (started := run.claim(owner)):
                claimed[run.session_id] = started
        return list(claimed.values())

    def interrupt(self, session_pk: UUID, run_id: UUID | None = None) -> Run | None:
        """Stop the active run, or the live one named; None when there is nothing to stop."""
        with transaction.atomic():
            session = lock_session(session_pk)
            wanted = self.filter(session=session)
            wanted = wanted.filter(pk=run_id, status__in=LIVE) if run_id else wanted.filter(status__in=ACTIVE)
            run = wanted.first()
            if run is not None:
                run.end(Run.Status.INTERRUPTED, "interrupted")
            return run


class Run(models.Model):
    """The agent's work on one batch of user messages.

    `owner` is the process that executes it, until `lease_until` (by the database's clock); `epoch` grows with each
    claim and with the end, and a write that names an older one changes nothing.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        AWAITING_APPROVAL = "awaiting_approval"
        COMPLETED = "completed"
        INTERRUPTED = "interrupted"
        FAILED = "failed"

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
    state = models.TextField(blank=True, help_text="What the Agents SDK needs to go on after an approval.")
    may_go_on = models.BooleanField(default=False, help_text="Waited for approval, and has it.")
    first_seq = models.PositiveBigIntegerField(null=True, help_text="Number of its latest stream_start.")
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
        return Started(self, session, [], claimed=True, answers=answers, always_allowed=allowed_tools(session))

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
        status: Run.Status,
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
            message_id = run.keep_what_was_said(session, status, error)
            events += run.cut_tools(session)
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
            transaction.on_commit(bell.queue)
            transaction.on_commit(lambda: counts.run_ended(status.value))
            return True

    def keep_what_was_said(self, session: ChatSession, status: Run.Status, error: protocol.Error | None) -> UUID | None:
        """Finish the message that was being written with the text that the log has of it; the last message's id."""
        pending = session.messages.filter(status="pending", role="assistant", run_id=self.pk).first()
        cut = "interrupted" if status == Run.Status.INTERRUPTED else "failed"
        if pending is not None:
            text = text_so_far(session.pk, pending.pk, self.first_seq or 0)
            pending.complete(
                text,
                status="completed" if status == Run.Status.COMPLETED else cut,
                partial=status != Run.Status.COMPLETED,
                is_error=status == Run.Status.FAILED,
                response_time_ms=self._elapsed_ms(),
            )
            session.add_context([{"role": "assistant", "content": text}], run_id=self.pk)
        if status == Run.Status.INTERRUPTED and self.started_at:
            session.add_context([{"role": "system", "content": STOPPED_NOTE}], run_id=self.pk)
        elif status == Run.Status.FAILED and pending is not None:
            session.add_context([{"role": "system", "content": CUT_NOTE}], run_id=self.pk)
        if pending is not None:
            return pending.pk
        if status == Run.Status.FAILED:
            code = error.code if error else "internal"
            draft = MessageDraft(
                role="assistant", status="failed", is_error=True, run_id=self.pk, model=self.model,
                metadata={"error": {"code": code, "message": error.message if error else ""}},
            )  # fmt: skip
            return session.add_messages([draft])[0].pk
        said = session.messages.filter(run_id=self.pk, role="assistant", position__gt=self.first_position)
        last = said.order_by("-position").first()
        return last.pk if last else None

    def cut_tools(self, session: ChatSession) -> list[protocol.Event]:
        """A `completed` frame for each tool call that will not complete by itself."""
        frames: list[protocol.Event] = []
        for call in session.messages.filter(status="pending", role="tool_call", run_id=self.pk).order_by("position"):
            call.finish_tool(INTERRUPTED_RESULT, False, status="interrupted")
            frames.append(
                protocol.ToolCall.of(
                    call.tool_call_id,
                    call.tool_name,
                    call.tool_arguments,
                    "completed",
                    result=INTERRUPTED_RESULT,
                    success=False,
                    interrupted=True,
                )
            )
        return frames

    def _elapsed_ms(self) -> int | None:
        return int((timezone.now() - self.started_at).total_seconds() * 1000) if self.started_at else None


ACTIVE = (Run.Status.RUNNING, Run.Status.AWAITING_APPROVAL)
LIVE = (Run.Status.QUEUED, *ACTIVE)
ENDED = (Run.Status.COMPLETED, Run.Status.INTERRUPTED, Run.Status.FAILED)
INTERRUPTED_RESULT = "The call was interrupted before it returned."


def lock_session(session_pk: UUID) -> ChatSession:
    """The session's row, locked until the transaction ends, so that what happens in a session happens in one order."""
    session = ChatSession.objects.select_for_update().filter(pk=session_pk).first()
    if session is None:
        raise SessionGone()
    return session


def user_message(session: ChatSession, run: Run, said: protocol.UserInput) -> MessageDraft:
    """Raises InvalidAttachment."""
    references = [attachment.reference() for attachment in resolve(session, said.attachments)]
    metadata = {"attachments": references} if references else {}
    return MessageDraft(role="user", content=said.content, run_id=run.pk, metadata=metadata)


def for_model(message: Message) -> str | list[dict[str, Any]]:
    references = message.metadata.get("attachments", [])
    return content_for_model(message.content, [Attachment.from_reference(r) for r in references])


def allowed_tools(session: ChatSession) -> set[str]:
    """Names of the tools that somebody said need not be asked about again in this session."""
    return set(session.approvals.filter(always=True).values_list("name", flat=True))


def lease_end() -> Any:
    """LEASE_S from now by the database's clock, which all processes share."""
    return Now() + timedelta(seconds=settings.LEASE_S)


def text_so_far(session_pk: UUID, message_id: UUID, since_seq: int) -> str:
    """What the log has of an answer that is still being written."""
    deltas = Event.objects.filter(session_id=session_pk, seq__gte=since_seq, type="delta").order_by("seq")
    ending = f'"message_id":"{message_id}"}}'
    payloads = deltas.values_list("payload", flat=True).iterator(chunk_size=2000)
    return "".join(protocol.delta_content(payload) for payload in payloads if payload.endswith(ending))


def wire_usage(usage: dict[str, Any] | None) -> dict[str, int] | None:
    keys = ("input_tokens", "output_tokens", "total_tokens")
    return {key: int(usage.get(key) or 0) for key in keys} if usage else None
