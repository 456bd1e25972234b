"""How runs come to be, are found, claimed and stopped: the verbs over more than one of them."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import OperationalError, models, transaction
from django.db.models import Exists, Min, OuterRef, Q
from django.db.models.functions import Now

from chat_app import protocol
from chat_app.exceptions import QueueFull, RunActive, TooManyRuns
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import lock_session, record
from chat_app.log.session_events import message_created
from chatjuicer.api.exceptions import IdempotencyMismatch
from sessions_app.exceptions import SessionInactive
from sessions_app.models import IDLE, ChatSession

from .ending import CLAIM_FAILED, UNHEARD_NOTE
from .inputs import context_item, user_message
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
            run.end(RunStatus.FAILED, "error", error=CLAIM_FAILED)
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
