"""How runs come to be, are found, claimed and stopped: the verbs over more than one of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, TooManyRuns
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chat_app.log.session_events import message_created
from chatjuicer.api.exceptions import IdempotencyMismatch
from sessions_app.exceptions import SessionInactive
from sessions_app.models import ChatSession

from .ending import CLAIM_FAILED
from .inputs import user_message
from .lease import lease_end
from .started import Started, allowed_tools
from .status import ACTIVE, LIVE, RunStatus

if TYPE_CHECKING:
    from .run import Run

logger = logging.getLogger(__name__)

MAX_QUEUED_RUNS = 50  # of one session


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
            run.end(RunStatus.FAILED, "error", error=CLAIM_FAILED)
        except OperationalError:
            raise
        except Exception:
            logger.exception("run %s cannot be ended", run.pk)
        return None

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
