"""What is yet to be told to somebody who has no connection here: one event for one webhook or one browser.

It is written in the transaction of what it tells, so that no crash loses it, and kept until it has arrived or is given
up. Any process may send it, under a lease; whoever takes it counts a try first, so that a notice that brings a process
down is not sent for ever. What it says is read when it is sent: nothing personal lies here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from chat_app.fair_share import may_take_another
from chat_app.log.commit_hooks import commit_hooks
from sessions_app.models import NATIVE, ChatSession

from .push_subscription import PushSubscription
from .webhook import Webhook

LEASE = timedelta(seconds=60)
"""Longer than a try may take."""

LOOKED_AT = 50  # waiting notices of one look
MAX_TRIES, MAX_PUSH_TRIES = 8, 5
LONGEST_REST = timedelta(hours=12)
"""Between two tries. With a first rest of 10 s, the eighth try is 28 hours after the first."""

OF_ONE_USER = 8  # of a process's places

PUSHED_AFTER = timedelta(seconds=2)
"""A window that has lost its connection for a moment is back by then."""

FAR_S = 3600.0


class Outcome(NamedTuple):
    """Of a try. `status` is what the receiver answered, None if it did not; `error` is empty where it has arrived."""

    status: int | None
    error: str = ""
    retry_after_s: float = 0


class Sending(NamedTuple):
    """A notice that a process has a lease of."""

    owner: str
    webhook: UUID | None
    subscription: UUID | None
    user: UUID


class NoticeManager(models.Manager["Notice"]):
    def tell(self, owner_id: UUID, facts: Iterable[tuple[str, str]], run_id: UUID | None = None) -> None:
        """Whom it concerns, of each event and `public_id`. Must run inside the transaction of what it tells."""
        facts, now = list(facts), timezone.now()

        def wanted(receivers: models.QuerySet[Any], column: str, due_at: datetime) -> list[Notice]:
            return [
                self.model(**{column: pk}, type=type, public_id=public_id, run_id=run_id, due_at=due_at)
                for pk, events in held(receivers.filter(user=owner_id))
                for type, public_id in facts
                if type in events
            ]

        rows = wanted(Webhook.objects.filter(active=True, user__is_active=True), "webhook_id", now)
        if any(type in Notice.PUSHED for type, _ in facts):
            rows += wanted(PushSubscription.objects.all(), "subscription_id", now + PUSHED_AFTER)
        if rows:
            self.bulk_create(rows)
            transaction.on_commit(commit_hooks.notices_written)

    def tell_of(self, session: ChatSession, type: Notice.Type, run_id: UUID) -> None:
        """As `tell`. Of sessions in other namespaces nothing is told, as in the account's log."""
        if session.namespace == NATIVE:
            self.tell(session.owner_id, [(type.value, session.public_id)], run_id)

    def claim(self, owner: str, places: int, is_dead: Callable[[str], bool]) -> tuple[list[Notice], float]:
        """Those that are due, made the owner's, who sends at most so many at once as there are `places`: one to each
        receiver, and a share to those of each user, so that slow ones hold nobody else up. And for how many seconds
        nothing else is due."""
        now, claimed = timezone.now(), list[Notice]()
        sending = self._being_sent(is_dead)
        receivers = {one.webhook or one.subscription for one in sending}
        of_user = Counter(one.user for one in sending if one.owner == owner)
        for notice in self._waiting(sending, of_user, places).order_by("due_at")[:LOOKED_AT]:
            user_id = notice.receiver.user_id
            if notice.due_at > now:
                return claimed, (notice.due_at - now).total_seconds()
            if notice.tries >= notice.most_tries:  # whoever tried last has died of it, or could not say how it went
                notice.settle(Outcome(None, "no_answer"))
            elif (
                notice.receiver.pk not in receivers
                and may_take_another(of_user[user_id], of_user.total(), places, OF_ONE_USER)
                and notice.take(owner)
            ):
                receivers.add(notice.receiver.pk)
                of_user[user_id] += 1
                claimed.append(notice)
        return claimed, FAR_S

    def _being_sent(self, is_dead: Callable[[str], bool]) -> list[Sending]:
        """By processes that are alive; what others had begun is free again."""
        user = Coalesce("webhook__user", "subscription__user")
        rows = self.filter(lease_until__gte=Now()).values_list("owner", "webhook", "subscription", user)
        leased = [Sending(*row) for row in rows]
        if dead := {one.owner for one in leased if is_dead(one.owner)}:
            self.filter(owner__in=dead).update(owner="", lease_until=None)
        return [one for one in leased if one.owner not in dead]

    def _waiting(self, sending: Sequence[Sending], of_user: Mapping[UUID, int], places: int) -> models.QuerySet[Notice]:
        """What nobody is sending, to receivers who are being sent nothing, of users who may have another place."""
        waiting = self.filter(status=Notice.Status.PENDING).filter(FREE)
        taken = sum(of_user.values())
        full = [user for user, own in of_user.items() if not may_take_another(own, taken, places, OF_ONE_USER)]
        for name in ("webhook", "subscription"):
            if busy := [key for one in sending if (key := getattr(one, name))]:
                waiting = waiting.exclude(**{f"{name}__in": busy})
            if full:
                waiting = waiting.exclude(**{f"{name}__user__in": full})
        return waiting.select_related("webhook__user", "subscription__user")

    def give_back(self, owner: str) -> None:
        """What the owner had begun to send may have arrived; somebody else sends it again."""
        self.filter(owner=owner).update(owner="", lease_until=None)

    def remove_old(self, ended_before: timedelta, batch: int) -> Iterator[int]:
        ended = self.filter(ended_at__lt=timezone.now() - ended_before)
        while keys := list(ended.values_list("pk", flat=True)[:batch]):
            self.filter(pk__in=keys).delete()
            yield len(keys)


def held(receivers: models.QuerySet[Any]) -> list[tuple[UUID, list[str]]]:
    """`pk` and `events` of those that are there to the end of the transaction: whoever deletes one waits. SQLite has
    one transaction that writes, which this is in."""
    found = list(receivers.values_list("pk", "events"))
    if not found or connection.vendor != "postgresql":
        return found
    table = connection.ops.quote_name(receivers.model._meta.db_table)
    with connection.cursor() as cursor:
        # As for a foreign key, which is looked at in the end only. Django knows no such lock.
        cursor.execute(f"SELECT id FROM {table} WHERE id = ANY(%s) FOR KEY SHARE", [[pk for pk, _ in found]])  # noqa: S608
        there = {pk for (pk,) in cursor.fetchall()}
    return [(pk, events) for pk, events in found if pk in there]


FREE = Q(lease_until=None) | Q(lease_until__lt=Now())


class Notice(models.Model):
    """`id` names it to the receiver, however often it comes."""

    class Type(models.TextChoices):
        ANSWER_READY = "answer_ready"
        ANSWER_FAILED = "answer_failed"
        APPROVAL_WAITING = "approval_waiting"
        SESSION_CREATED = "session_created"
        SESSION_DELETED = "session_deleted"
        SESSION_RESTORED = "session_restored"

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    PUSHED: ClassVar[Sequence[str]] = (Type.ANSWER_READY, Type.ANSWER_FAILED, Type.APPROVAL_WAITING)
    """Of which browsers may be told."""

    OF_LOG: ClassVar[Sequence[str]] = (Type.SESSION_CREATED, Type.SESSION_DELETED, Type.SESSION_RESTORED)
    """Which the account's log knows by the same names."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, null=True, related_name="notices", db_index=False)
    subscription = models.ForeignKey(PushSubscription, models.CASCADE, null=True, related_name="notices")
    type = models.CharField(max_length=32, choices=Type.choices)
    public_id = models.CharField(max_length=64, db_column="session_id")
    run_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    due_at = models.DateTimeField(default=timezone.now, help_text="when it is tried next")
    tries = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=128, blank=True, default="", help_text="the process that is sending it")
    lease_until = models.DateTimeField(null=True)
    response_status = models.PositiveSmallIntegerField(null=True, help_text="status of the receiver's last answer")
    error = models.CharField(max_length=32, blank=True, default="", help_text="of the last try")
    ended_at = models.DateTimeField(null=True, help_text="when it had arrived or was given up")

    objects: ClassVar[NoticeManager] = NoticeManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(webhook=None, subscription__isnull=False) | Q(webhook__isnull=False, subscription=None),
                name="notice_has_one_receiver",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="notice_waiting"),
            models.Index(fields=["lease_until"], condition=Q(lease_until__isnull=False), name="notice_leased"),
            models.Index(fields=["webhook", "-created_at"], name="notice_of_webhook"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="notice_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.type}: {self.status}"

    @property
    def receiver(self) -> Webhook | PushSubscription:
        found = self.webhook or self.subscription
        assert found is not None  # as the constraint says
        return found

    @property
    def most_tries(self) -> int:
        return MAX_TRIES if self.webhook_id else MAX_PUSH_TRIES

    def take(self, owner: str) -> bool:
        """Whether the owner may try it now; it has been counted."""
        free = Notice.objects.filter(FREE, pk=self.pk, status=Notice.Status.PENDING, tries=self.tries)
        if not free.update(owner=owner, lease_until=Now() + LEASE, tries=F("tries") + 1):
            return False
        self.owner, self.tries = owner, self.tries + 1
        return True

    def drop(self) -> None:
        """Nobody needs to be told any more."""
        self._mine.delete()

    def settle(self, outcome: Outcome) -> None:
        """Note how the try went, unless another process has tried since."""
        if self.webhook is not None:
            self._settle_webhook(self.webhook, outcome)
        elif outcome.status in GONE:
            PushSubscription.objects.filter(pk=self.receiver.pk).end()
        elif not outcome.error or self.tries >= self.most_tries or outcome.status in REFUSED:
            self.drop()
        else:
            self._put_off(outcome)

    def _settle_webhook(self, webhook: Webhook, outcome: Outcome) -> None:
        if not outcome.error:
            self._end(Notice.Status.DELIVERED, outcome)
            webhook.note_arrival()
        elif outcome.status == 410:
            self._end(Notice.Status.FAILED, outcome)
            webhook.turn_off()
        elif self.tries < self.most_tries:
            self._put_off(outcome)
        else:
            self._end(Notice.Status.FAILED, outcome)
            since = Webhook.objects.filter(pk=webhook.pk).filter(last_delivered_at__gt=self.created_at)
            if not since.exists():
                webhook.turn_off()

    def _end(self, status: Status, outcome: Outcome) -> None:
        self._mine.update(
            status=status,
            response_status=outcome.status,
            error=outcome.error,
            owner="",
            lease_until=None,
            ended_at=timezone.now(),
        )

    def _put_off(self, outcome: Outcome) -> None:
        rest = min(timedelta(seconds=settings.NOTICE_RETRY_S * 6 ** (self.tries - 1)), LONGEST_REST)
        asked_for = min(timedelta(seconds=outcome.retry_after_s), LONGEST_REST)
        due_at = timezone.now() + max(rest, asked_for)
        self._mine.update(
            due_at=due_at, response_status=outcome.status, error=outcome.error, owner="", lease_until=None
        )

    @property
    def _mine(self) -> models.QuerySet[Notice]:
        return Notice.objects.filter(pk=self.pk, owner=self.owner, tries=self.tries)


GONE = (404, 410)
"""What a push service says of a browser that has no subscription any more."""

REFUSED = (400, 401, 403, 413)
"""What it says where another try would fare no better."""
