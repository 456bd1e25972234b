"""How much of models may be used in a day (UTC), in tokens and in money: by a user, by a group's members together, by
all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q, Sum

from chat_app.exceptions import BudgetSpent
from chat_app.model_calls import EMBEDDING
from chat_app.models.usage import CallUsage, today
from chatjuicer.accounts.models import GroupAllowance, User
from chatjuicer.accounts.models.known import Known

Whose = Literal["user", "group", "server"]
ZERO = Decimal(0)


class Spent(NamedTuple):
    """`cost` in US dollars, of the calls whose price was known; `unpriced_tokens` are those of the others."""

    tokens: int
    cost: Decimal
    unpriced_tokens: int


@dataclass(frozen=True, slots=True)
class DailyLimit:
    """0 tokens: any number; 0 dollars: any amount. `calls` says by a filter whose count."""

    whose: Whose
    tokens: int
    cost: Decimal
    calls: dict[str, Any]
    group: str | None = None

    def spent(self) -> Spent:
        """Since midnight."""
        both = F("input_tokens") + F("output_tokens")
        # Vectors of files have a bound of their own: a token of one costs a hundredth of a word's.
        rows = CallUsage.objects.exclude(purpose=EMBEDDING).filter(created_at__gte=today(), **self.calls)
        sums = rows.aggregate(tokens=Sum(both), dollars=Sum("cost"), unpriced=Sum(both, filter=Q(cost=None)))
        return Spent(sums["tokens"] or 0, sums["dollars"] or ZERO, sums["unpriced"] or 0)

    def is_reached(self) -> bool:
        spent = self.spent()
        return bool((self.tokens and spent.tokens >= self.tokens) or (self.cost and spent.cost >= self.cost))


class BudgetManager(models.Manager["Budget"]):
    known = Known()

    def publish(self) -> None:
        """Makes known to this process whether somebody has a budget of their own."""
        self.known.any = self.exists()

    def put(self, user: User, *, daily_tokens: int | None, daily_cost: Decimal | None) -> Budget:
        """In the place of the one that there may be."""
        limits = {"daily_tokens": daily_tokens, "daily_cost": daily_cost}
        return self.update_or_create(user=user, defaults=limits)[0]

    def limits_of(self, user_pk: UUID) -> Iterator[DailyLimit]:
        """Those that bind the user: their own, their groups', the server's."""
        own = self.filter(user=user_pk).first() if self.known.may_be else None
        tokens = settings.BUDGET_USER_DAILY_TOKENS if own is None or own.daily_tokens is None else own.daily_tokens
        cost = settings.BUDGET_USER_DAILY_COST if own is None or own.daily_cost is None else own.daily_cost
        if tokens or cost:
            yield DailyLimit("user", tokens, cost, {"user": user_pk})
        if GroupAllowance.objects.are_budgeted():
            for allowance in GroupAllowance.objects.budgets_of(user_pk):
                calls = {"user__groups": allowance.pk}
                yield DailyLimit("group", allowance.daily_tokens, allowance.daily_cost, calls, allowance.group.name)
        if settings.BUDGET_SERVER_DAILY_TOKENS or settings.BUDGET_SERVER_DAILY_COST:
            yield DailyLimit("server", settings.BUDGET_SERVER_DAILY_TOKENS, settings.BUDGET_SERVER_DAILY_COST, {})

    def left_of(self, user_pk: UUID) -> list[dict[str, Any]]:
        """What each budget leaves the user for today; of what it does not limit there is null."""
        return [_left(limit, limit.spent()) for limit in self.limits_of(user_pk)]


class Budget(models.Model):
    """Of one user, in the place of BUDGET_USER_DAILY_TOKENS and BUDGET_USER_DAILY_COST."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="budget")
    daily_tokens = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="in a day (UTC); 0: any number; empty: as everybody"
    )
    daily_cost = models.DecimalField(
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(ZERO)],
        help_text="US dollars in a day (UTC), of models whose price is known; 0: any amount; empty: as everybody",
    )

    objects: ClassVar[BudgetManager] = BudgetManager()

    def __str__(self) -> str:
        parts = [] if self.daily_tokens is None else [f"{self.daily_tokens} tokens"]
        parts += [] if self.daily_cost is None else [f"{self.daily_cost:.2f} US dollars"]
        return f"{' and '.join(parts) or 'as much as everybody'} a day"


def has_budgets() -> bool:
    """Whether there may be any. Without a look into the database, for each model call asks."""
    of_all = settings.BUDGET_SERVER_DAILY_TOKENS or settings.BUDGET_SERVER_DAILY_COST
    of_each = settings.BUDGET_USER_DAILY_TOKENS or settings.BUDGET_USER_DAILY_COST
    return bool(of_all or of_each) or GroupAllowance.objects.budgets.may_be or Budget.objects.known.may_be


def require_budget(user_pk: UUID) -> None:
    """Raises BudgetSpent if the user, one of their groups, or the server has used what there is for today."""
    if any(limit.is_reached() for limit in Budget.objects.limits_of(user_pk)):
        raise BudgetSpent()


def next_day() -> datetime:
    """When what is left begins anew."""
    return today() + timedelta(days=1)


def _left(limit: DailyLimit, spent: Spent) -> dict[str, Any]:
    tokens, cost = limit.tokens, limit.cost
    return {
        "whose": limit.whose,
        "group": limit.group,
        "tokens": {"limit": tokens, "left": max(tokens - spent.tokens, 0)} if tokens else None,
        "cost": {"limit": float(cost), "left": float(max(cost - spent.cost, ZERO))} if cost else None,
        "unpriced_tokens": spent.unpriced_tokens if cost else 0,
    }
