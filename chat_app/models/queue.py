"""How runs come to be, wait, and are taken: the verbs over more than one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, TooManyRuns
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chat_app.log.session_events import message_created
from chatjuicer.api.exceptions import IdempotencyMismatch
from files_app.attachments import resolve
from sessions_app.exceptions import SessionInactive
from sessions_app.models import ChatSession, MessageDraft

from .lease import lease_end
from .status import ACTIVE, LIVE, RunStatus

if TYPE_CHECKING:
    from .approval import Approval
    from .run import Run

MAX_QUEUED_RUNS = 50  # of one session


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
    # And its calls that have no result yet, by their ids: the messages that show them.
    open_calls: dict[str, UUID] = field(default_factory=dict)
    words: str = ""  # and what it began with
    always_allowed: set[str] = field(default_factory=set)

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
        """Prolong the lease of what `owner` executes, by one statement; the ids that are still its own."""
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
        Raises SessionGone, SessionInactive, RunActive, QueueFull, TooManyRuns.
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
            at_once = bool(owner) and not live
            if not at_once and self._waiting(session.owner_id) >= settings.MAX_QUEUED_RUNS_PER_USER:
                raise TooManyRuns()
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
            messages = session.add_messages([user_message(session, run, said) for said in inputs])
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

    def _waiting(self, user_id: UUID) -> int:
        return self.filter(session__owner=user_id, status=RunStatus.QUEUED).count()

    def claim(self, owner: str, limit: int, of_users: Mapping[UUID, int] | None = None) -> list[Started]:
        """Take the oldest queued runs of sessions in which nothing is in progress, and of users who have not as many as
        one may; `of_users` says how many `owner` executes for each."""
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


def user_message(session: ChatSession, run: Run, said: protocol.UserInput) -> MessageDraft:
    """Raises InvalidAttachment."""
    references = [attachment.reference() for attachment in resolve(session, said.attachments or [])]
    metadata = {"attachments": references} if references else {}
    return MessageDraft(role="user", content=said.content, run_id=run.pk, metadata=metadata)


def allowed_tools(session: ChatSession) -> set[str]:
    """Names of the tools that somebody said need not be asked about again in this session."""
    return set(session.approvals.filter(always=True).values_list("name", flat=True))
