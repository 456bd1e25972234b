"""What the calls of models took, one row each: the source of reports and budgets (budget.py)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from chat_app.model_calls import EMBEDDING, QUERY, CallRecord, Purpose
from chatjuicer.accounts.models import User
from chatjuicer.api.times import rfc3339
from sessions_app import catalogue
from sessions_app.models import ChatSession

from .run_row import RunRow

By = Literal["day", "model", "session", "user"]
CALLS = ("calls", "unpriced_calls")  # all, and those of them whose price was not known
COUNTED = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost")
_KEYS: dict[By, str] = {"day": "day", "model": "model", "session": "session_pk", "user": "user__email"}


AROUND_A_RUN = timedelta(minutes=1)
"""What a stop has cut is noted after the run's end; and clocks of machines differ."""


class CallUsageManager(models.Manager["CallUsage"]):
    def note(
        self, user_id: UUID | None, session_pk: UUID | None, run_id: UUID | None, calls: Iterable[CallRecord]
    ) -> None:
        """Unless the user is gone: an answer that is cut short with the account ends a moment after it."""
        if user_id is None or User.objects.filter(pk=user_id).exists():
            self.bulk_create(CallUsage.of(call, user_id, session_pk, run_id) for call in calls)

    def report(self, rows: QuerySet[CallUsage], by: By, most: int | None = None) -> list[dict[str, Any]]:
        """A row for each day (UTC, oldest first), model, session or user (those with most tokens first), with the sums
        of COUNTED, the numbers of CALLS, and the oldest `price_as_of`. Sessions are named by their `public_id`; those
        that are gone are one row, whose key is null, and so is what was for no user. `most`: no more models or users
        than that."""
        name = _KEYS[by]
        if by == "day":
            rows = rows.annotate(day=TruncDate("created_at", tzinfo=UTC))
        sums = {f"total_{field}": Sum(field) for field in COUNTED}
        calls = {"calls": Count("pk"), "unpriced_calls": Count("pk", filter=Q(cost=None))}
        oldest = Min("price_as_of")
        found = rows.values(name).annotate(**calls, **sums, oldest=oldest).order_by(name)
        if most is not None:
            tokens = F("total_input_tokens") + F("total_output_tokens")
            found = found.order_by(tokens.desc(), name)[:most]
        keys = _session_names(row[name] for row in found) if by == "session" else None
        summed: dict[str | None, dict[str, Any]] = {}
        for row in found:
            key = keys.get(row[name]) if keys is not None else row[name] and str(row[name])
            summed[key] = _added(summed.get(key), row)
        report = [{"key": key, **row} for key, row in summed.items()]
        return report if by == "day" else sorted(report, key=lambda row: -row["input_tokens"] - row["output_tokens"])

    def of_runs(self, owner_id: UUID, runs: Iterable[RunRow]) -> QuerySet[CallUsage]:
        """Their calls, at least one run given. The index knows the calls of a user by their time."""
        known = list(runs)
        ends = [run.ended_at for run in known if run.ended_at]
        began = min(run.created_at for run in known) - AROUND_A_RUN
        rows = self.filter(user=owner_id, created_at__gte=began, run_id__in=[run.pk for run in known])
        return rows.filter(created_at__lte=max(ends) + AROUND_A_RUN) if len(ends) == len(known) else rows

    def embedded_today(self, purpose: Purpose) -> int:
        """Tokens of all texts that were put into vectors for that since midnight (UTC)."""
        rows = self.filter(purpose=purpose, created_at__gte=today())
        return int(rows.aggregate(total=Sum("input_tokens"))["total"] or 0)


class CallUsage(models.Model):
    """One call of a model. It outlives its session, so that a budget is not refilled by deleting what was said."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="model_calls",
        db_index=False,
        help_text="empty: it was for all",
    )
    session_pk = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    model = models.CharField(max_length=128)
    purpose = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16)
    input_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField(help_text="of the input")
    output_tokens = models.PositiveIntegerField()
    reasoning_tokens = models.PositiveIntegerField(help_text="of the output")
    estimated = models.BooleanField(help_text="the provider did not count")
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True, help_text="US dollars; empty: not known")
    price_as_of = models.DateField(null=True, help_text="the day of the price that the cost is made of")
    first_word_ms = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[CallUsageManager] = CallUsageManager()

    class Meta:
        verbose_name = "call of a model"
        verbose_name_plural = "calls of models"
        indexes = [
            models.Index(fields=["user", "created_at"], name="call_usage_of_user"),
            models.Index(fields=["created_at"], name="call_usage_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.outcome}"

    @classmethod
    def of(cls, call: CallRecord, user_id: UUID | None, session_pk: UUID | None, run_id: UUID | None) -> CallUsage:
        """With the price of now."""
        price = catalogue.price_of(call.model)
        cost = price.cost(call.input_tokens, call.cached_tokens, call.output_tokens) if price else None
        is_free = call.purpose not in (EMBEDDING, QUERY) and catalogue.asks_nobody(call.model)
        return cls(
            user_id=user_id,
            session_pk=session_pk,
            run_id=run_id,
            model=call.model[:128],
            purpose=call.purpose,
            outcome=call.outcome,
            input_tokens=call.input_tokens,
            cached_tokens=call.cached_tokens,
            output_tokens=call.output_tokens,
            reasoning_tokens=call.reasoning_tokens,
            estimated=call.estimated,
            cost=Decimal(0) if is_free else cost,
            price_as_of=price.as_of if price else None,
            first_word_ms=call.first_word_ms,
            duration_ms=call.duration_ms,
        )

    def representation(self) -> dict[str, Any]:
        return {
            "at": rfc3339(self.created_at),
            "model": self.model,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "input_tokens": self.input_tokens,
            "cached_tokens": self.cached_tokens,
            "output_tokens": self.output_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "estimated": self.estimated,
            "cost": None if self.cost is None else float(self.cost),
            "price_as_of": self.price_as_of and self.price_as_of.isoformat(),
            "first_word_ms": self.first_word_ms,
            "duration_ms": self.duration_ms,
        }


def total_of(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    total = {**dict.fromkeys((*CALLS, *COUNTED), 0), "cost": None, "price_as_of": None}
    for row in rows:
        total = {name: _together(total[name], row[name]) for name in total}
    return total


def _added(total: dict[str, Any] | None, row: dict[str, Any]) -> dict[str, Any]:
    given = {name: row[name] for name in CALLS} | {field: row[f"total_{field}"] for field in COUNTED}
    given["cost"] = None if given["cost"] is None else float(given["cost"])
    given["price_as_of"] = row["oldest"] and row["oldest"].isoformat()
    return given if total is None else {name: _together(total[name], given[name]) for name in given}


def _together(one: Any, other: Any) -> Any:
    """The sum, of days (ISO 8601) the first. Null is unknown, and adds nothing."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other) if isinstance(one, str) else one + other


def _session_names(keys: Iterable[UUID | None]) -> dict[UUID, str]:
    return dict(ChatSession.objects.filter(pk__in=[key for key in keys if key]).values_list("pk", "public_id"))


def today() -> datetime:
    """Its beginning, in UTC."""
    return _midnight(datetime.now(UTC).date())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
