from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import SessionGone
from chat_app.fair_share import may_take_another
from chat_app.locks import is_locked, waiting_briefly
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import add_events, lock_session, record, verb_transaction
from chat_app.log.session_events import message_created
from chat_app.model_calls import CallRecord
from chat_app.tool_calls import DecidedCall
from chatjuicer.api.exceptions import IdempotencyMismatch
from chatjuicer.observability.counters import counts
from sessions_app.models import IDLE, Addition, ChatSession, Message, Writes
from sessions_app.models.statements import as_param

from .ending import PROCESS_LOST, keep_said, let_hear, wire_usage
from .inputs import command_hash, context_item, say
from .lease import LeasedQuerySet, lease_end
from .notice import Notice
from .place import continued_of, give_back_place, place_aside, take_place, words_of
from .queue import QueueManager
from .run_row import RunRow
from .statements import AtStart, at_end, at_start, is_any_to_claim
from .status import ACTIVE, LIVE, RunStatus
from .usage import CallUsage

logger = logging.getLogger(__name__)


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
    continued: tuple[UUID, str, str] | None = None  # the answer that goes on, its text and its reasoning so far

    def begin(self, addition: Addition, owner: str, messages: Sequence[Message], seen: AtStart) -> None:
        """The caller executes the run that it starts, and saves it with what it adds to the session."""
        self.claimed = True
        self.always_allowed = allowed_tools(self.session) if seen.has_always else set()
        self.instructions = seen.instructions
        self.context = self.run.begin(addition, owner, messages)

    def mark_claimed(self) -> None:
        """The caller executes the run: reads what the run needs beside its own words."""
        self.claimed = True
        self.always_allowed, self.instructions = allowed_tools(self.session), self.session.owner.instructions
        self.continued, self.words = continued_of(self.run, self.session), words_of(self.run, self.session)

    @property
    def first_words(self) -> str:
        content = self.context[0]["content"] if self.context else self.words
        return content if isinstance(content, str) else str(content[0].get("text", ""))


def allowed_tools(session: ChatSession) -> set[str]:
    """Names of the tools that need no approval in this session, because a person chose "always"."""
    return set(session.approvals.filter(always=True).values_list("name", flat=True))


class RunQuerySet(LeasedQuerySet["Run"]):
    def live(self) -> RunQuerySet:
        return self.filter(status__in=LIVE)

    def active(self) -> RunQuerySet:
        return self.filter(status__in=ACTIVE)


class RunManager(QueueManager["Run"]):
    def start(
        self,
        session_pk: UUID,
        inputs: Sequence[protocol.UserInput],
        *,
        model: str = "",
        reasoning_effort: str = "",
        client_id: str = "",
        on_busy: protocol.OnBusy = "queue",
        past_question: bool = False,
        owner: str = "",
    ) -> Started:
        """Accept the user's messages: they, the run that will answer them and their events, in one transaction.

        With an `owner` and nothing else in progress, the run is claimed for that process at once. `past_question`: a
        run that waits for an approval is stopped, so that the messages do not wait behind it. A `client_id` that the
        session has seen gives the run that it started then. Raises IdempotencyMismatch if that was another command;
        SessionGone, SessionInactive, QuotaExceeded, RunActive, QueueFull, TooManyRuns, InvalidAttachment.
        """
        with verb_transaction():
            seen = at_start(session_pk, client_id)
            session = seen.session
            asked = command_hash(inputs, model, reasoning_effort, on_busy)
            if seen.is_repeated and (repeated := self.started_before(session, client_id, asked, inputs)):
                return repeated
            seen.require_open_for(given.content for given in inputs)
            live: list[Run] = self.in_order(session) if seen.has_live else []
            if past_question and on_busy == "queue" and any(run.waits_for_approval for run in live):
                on_busy = "interrupt"
            at_once = bool(owner) and not live
            self.require_free_queue(session, live, on_busy, at_once)
            if live and on_busy == "interrupt":
                session = self.stop_active(live)
            run = self.model(
                session=session,
                model=model or session.model,
                reasoning_effort=reasoning_effort or session.reasoning_effort,
                client_id=client_id,
                command_hash=asked if client_id else "",
            )
            addition = Addition(session)
            aside = place_aside(session, live) if live and on_busy != "interrupt" else None
            messages = say(inputs, run, addition, aside)
            events: list[protocol.Event] = [message_created(message) for message in messages]
            started = Started(run, session, [m.pk for m in messages])
            if at_once:
                started.begin(addition, owner, messages, seen)
                events.append(protocol.StreamStart())
                run.first_seq = session.last_seq + len(events)
            else:
                self.enqueue(addition)
            addition.writes.insert([run])
            add_events(addition, events, run.pk)
            addition.write()
            return started

    def stop_active(self, live: Sequence[Run]) -> ChatSession:
        """End the run that is in progress, if one is; the session's row as it is then."""
        for run in live:
            if run.status in ACTIVE:
                run.end(RunStatus.INTERRUPTED, "interrupted")
        return lock_session(live[0].session_id)

    def started_before(
        self, session: ChatSession, client_id: str, asked: str, inputs: Sequence[protocol.UserInput]
    ) -> Started | None:
        """What an earlier command with this `client_id` started. Raises IdempotencyMismatch if it was another one.

        The caller has locked the session, so that of two equal commands at a time the second finds the first's run.
        """
        found = list(self.filter(session=session, client_id=client_id).order_by("created_at", "first_position", "pk"))
        for run in found:
            messages = list(run.inputs())
            # A run of a version that kept no hash is told by its words alone.
            same_words = [message.content for message in messages] == [given.content for given in inputs]
            if run.command_hash == asked or (not run.command_hash and same_words):
                return Started(run, session, [message.pk for message in messages], again=True)
        if found:
            raise IdempotencyMismatch()
        return None

    def claim(
        self, owner: str, limit: int, of_users: Mapping[UUID, int] | None = None, places: int = 10_000
    ) -> list[Started]:
        """Make the oldest queued runs the owner's, at most `limit`, of sessions in which nothing is in progress.

        `of_users`: how many runs `owner` executes already for each user, of all its `places`; nobody gets more than
        their share of these.
        """
        if not is_any_to_claim():
            return []
        running = Counter(of_users or {})

        def is_full(user_id: UUID) -> bool:
            most = settings.MAX_RUNS_PER_USER
            return not may_take_another(running[user_id], running.total(), places, most)

        full = [user_id for user_id in running if is_full(user_id)]
        claimed: dict[UUID, Started] = {}
        for run in self._claimable(limit * 2, full):
            if len(claimed) == limit:
                break
            user_id = run.session.owner_id
            if run.session_id not in claimed and not is_full(user_id) and (started := self._claim(run, owner)):
                claimed[run.session_id] = started
                running[user_id] += 1
        return list(claimed.values())

    def _claimable(self, most: int, full: Sequence[UUID]) -> list[Run]:
        """The oldest, without those of users who are `full`. Each kind has an index of its own, and both at once none
        that SQLite would find: it would walk through all runs that there ever were."""
        busy = Run.objects.filter(session=OuterRef("session")).active()
        # One of each session: the many that wait in one that is locked would stand before all others. Of the live ones,
        # since an index has those by session: PostgreSQL, whose statistics are of a time when nothing was queued, would
        # walk through all queued runs for each of them.
        before = Run.objects.filter(session=OuterRef("session"), first_position__lt=OuterRef("first_position"))
        kinds = (
            self.filter(~Exists(busy), ~Exists(before.live()), status=RunStatus.QUEUED),
            self.filter(status=RunStatus.AWAITING_APPROVAL, may_go_on=True),
        )
        found = [
            run
            for waiting in kinds
            for run in waiting.exclude(session__owner__in=full)
            .defer("state", "session__title", "session__last_message_preview")
            .select_related("session")
            .order_by("created_at")[:most]
        ]
        return sorted(found, key=lambda run: run.created_at)

    def _claim(self, run: Run, owner: str) -> Started | None:
        """A run that cannot be claimed, whatever the reason, is ended: it would keep all others waiting."""
        try:
            return run.claim(owner)
        except OperationalError as error:
            if is_locked(error):  # its turn comes when it is free
                return None
            raise
        except Exception:
            logger.exception("run %s cannot be claimed", run.pk)
        try:
            run.end(RunStatus.FAILED, "error", error=protocol.INTERNAL)
        except OperationalError:
            raise
        except Exception:
            logger.exception("run %s cannot be ended", run.pk)
        return None

    def interrupt(self, session_pk: UUID, run_id: UUID | None = None) -> Run | None:
        """Stop the active run, or the live one named; None when there is nothing to stop."""
        with verb_transaction():
            session = lock_session(session_pk)
            runs = Run.objects.filter(session=session)
            wanted = runs.filter(pk=run_id).live() if run_id else runs.active()
            run = wanted.first()
            if run is not None:
                run.end(RunStatus.INTERRUPTED, "interrupted")
            return run


NOTICES = {RunStatus.COMPLETED: Notice.Type.ANSWER_READY, RunStatus.FAILED: Notice.Type.ANSWER_FAILED}
BEGINNING = ("first_position", "status", "owner", "epoch", "started_at", "lease_until", "first_seq")
ENDING = (
    "status", "finish_reason", "epoch", "error_code", "usage", "ended_at", "lease_until",
    "state", "may_go_on", "unheard",
)  # fmt: skip


class Run(RunRow):
    """The agent's work on one batch of user messages."""

    objects = RunManager.from_queryset(RunQuerySet)()

    def claim(self, owner: str) -> Started | None:
        """Make the session's next run the owner's; None when another process, or another run, was first. Where another
        transaction has locked the session, it is not waited for, as all others who wait would wait, too."""
        with waiting_briefly():
            try:
                session = lock_session(self.session_id)
            except SessionGone:
                return None
            live = Run.objects.in_order(session)
            active = next((run for run in live if run.status in ACTIVE), None)
            if active is not None:
                return active.resume(session, owner) if active.may_go_on else None
            if not live:
                return None
            run = live[0]
            messages = list(run.inputs())
            take_place(run, session, messages)
            addition = Addition(session)
            context = run.begin(addition, owner, messages)
            run.first_seq = session.last_seq + 1
            run.update(addition.writes, BEGINNING)
            add_events(addition, [protocol.StreamStart()], run.pk)
            addition.write()
            started = Started(run, session, [m.pk for m in messages], context=context)
            started.mark_claimed()
            return started

    def resume(self, session: ChatSession, owner: str) -> Started:
        """Go on after an approval: the same run, another `stream_start`."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.lease_until, self.may_go_on = lease_end(), False
        self.answer_after = session.last_position
        self.first_seq = session.last_seq + 1
        self.save()
        record(session, [protocol.StreamStart()], self.pk, state=self.status)
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

    def begin(self, addition: Addition, owner: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Become the owner's, and add the user's words to the model's context; the items that were added. The caller
        saves the run, or its fields BEGINNING."""
        self.status, self.owner, self.epoch = Run.Status.RUNNING, owner, self.epoch + 1
        self.started_at, self.lease_until = addition.now, lease_end()
        items = [context_item(message) for message in messages]
        addition.context(items, self.pk, [message.pk for message in messages])
        addition.change(state=self.status.value)
        transaction.on_commit(counts.run_started)
        return items

    def note_usage(self, writes: Writes, usage: dict[str, Any]) -> None:
        """What the run has used so far, written with the event that says it. The session counts it once, when the run
        ends."""
        writes.update(Run, "id=%s AND epoch=%s", [as_param(Run, self.pk), self.epoch], usage=usage)

    def wait(self, state: str, usage: dict[str, Any] | None) -> None:
        """Wait for a person's decision on its calls; `state` is what the agent needs to go on."""
        self.status, self.epoch, self.state, self.usage = Run.Status.AWAITING_APPROVAL, self.epoch + 1, state, usage
        self.owner, self.lease_until, self.may_go_on = "", None, False
        self.save()

    def note_calls(self, calls: Sequence[CallRecord], writes: Writes) -> None:
        """Write what its calls of models used, of those that a stop has cut, too; whether or not the run has ended."""
        writes.insert([CallUsage.of(call, self.session.owner_id, self.session_id, self.pk) for call in calls])

    def let_go_on(self) -> None:
        """Every call is decided: the next supervisor that looks resumes the run."""
        self.may_go_on = True
        self.save(update_fields=["may_go_on"])

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
        with verb_transaction():
            seen = at_end(Run, self.pk, self.session_id)
            if seen is None or epoch not in (None, seen.run.epoch):
                return False
            run, session = seen.run, seen.session
            usage = usage or run.usage  # of a run that was cut short, as its latest `usage` event said
            events: list[protocol.Event] = [] if run.status == Run.Status.RUNNING else [protocol.StreamStart()]
            if seen.has_approvals:
                run.approvals.filter(status="pending").update(status="cancelled")
            message_id, cut_short = keep_said(seen, status, finish_reason, error)
            if status == Run.Status.INTERRUPTED and run.below and not run.input_count:
                give_back_place(run, session)
            events += [*cut_short, *([error] if error else [])]
            run.close(status, finish_reason, usage, error)
            addition = Addition(session)
            run.update(addition.writes, ENDING)
            addition.settle(seen.others or IDLE, usage or {})
            if run.unheard or seen.has_later:
                addition.write()
                let_hear(session)
                addition = Addition(session)
            if title and not (session.title and seen.has_answers):
                addition.write()
                session.suggest_title(title)
                addition = Addition(session)
            end = protocol.StreamEnd(finish_reason=finish_reason, message_id=message_id, usage=wire_usage(usage))
            add_events(addition, [*events, end], run.pk)
            addition.write()
            if seen.has_followers and status in NOTICES:
                Notice.objects.tell_of(session, NOTICES[status], run.pk)
            if seen.others == RunStatus.QUEUED:
                transaction.on_commit(commit_hooks.run_queued)
            transaction.on_commit(lambda: counts.run_ended(status.value))
            return True

    def close(
        self,
        status: RunStatus,
        finish_reason: protocol.FinishReason,
        usage: dict[str, Any] | None,
        error: protocol.Error | None,
    ) -> None:
        """Become an ended one. The caller saves its fields ENDING."""
        self.unheard = self.status == Run.Status.QUEUED and status == Run.Status.INTERRUPTED
        self.status, self.finish_reason, self.epoch = status, finish_reason, self.epoch + 1
        self.error_code = error.code if error else ""
        self.usage, self.ended_at, self.lease_until = usage, timezone.now(), None
        self.state, self.may_go_on = "", False

    def end_orphaned(self) -> bool:
        """Its process is gone: end it as failed, unless somebody else has ended or claimed it meanwhile."""
        return self.end(RunStatus.FAILED, "error", epoch=self.epoch, error=PROCESS_LOST)
