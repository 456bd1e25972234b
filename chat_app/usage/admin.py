"""What calls of models took, and budgets, in the admin: the rows, and sums and a plot of the last days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from chat_app.models import Budget, CallUsage
from chat_app.models.usage import total_of
from chatjuicer.api.paginator import BoundedPaginator
from chatjuicer.api.read_only_admin import NoFilterBySecrets, ReadOnlyAdmin, minute_of
from chatjuicer.api.times import between

DAYS = 30
MOST = 5  # models, and users, in the tables
BAR_WIDTH, BAR_HEIGHT = 20, 100  # of the plot's own units


class Bar(NamedTuple):
    """One day of the plot; `y` counts from above."""

    x: int
    y: float
    height: float
    day: date
    row: dict[str, Any]


@admin.register(CallUsage)
class CallUsageAdmin(ReadOnlyAdmin):
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = list_max_show_all = 15
    list_select_related = ("user",)
    list_display = (
        "asked", "user", "model", "purpose", "outcome", "tokens_in", "tokens_out", "dollars", "first_word", "took",
    )  # fmt: skip
    list_filter = ("purpose", "outcome", "created_at")
    search_fields = ("user__email",)
    search_help_text = "An e-mail address"
    ordering = ("-created_at",)
    change_list_template = "admin/chat_app/usage.html"

    @admin.display(description="asked", ordering="created_at")
    def asked(self, call: CallUsage) -> str:
        return minute_of(call.created_at)

    @admin.display(description="in", ordering="input_tokens")
    def tokens_in(self, call: CallUsage) -> str:
        return with_part(call.input_tokens, call.cached_tokens, "cached")

    @admin.display(description="out", ordering="output_tokens")
    def tokens_out(self, call: CallUsage) -> str:
        return with_part(call.output_tokens, call.reasoning_tokens, "reasoning")

    @admin.display(description="cost", ordering="cost")
    def dollars(self, call: CallUsage) -> str:
        return "" if call.cost is None else f"${call.cost:.4f}"

    @admin.display(description="first word", ordering="first_word_ms")
    def first_word(self, call: CallUsage) -> str:
        return "" if call.first_word_ms is None else f"{call.first_word_ms / 1000:.1f} s"

    @admin.display(description="took", ordering="duration_ms")
    def took(self, call: CallUsage) -> str:
        return f"{call.duration_ms / 1000:.1f} s"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CallUsage], search_term: str
    ) -> tuple[QuerySet[CallUsage], bool]:
        return of_user(queryset, search_term), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the sums on the page that one comes to alone: they cost as much as all rows of DAYS."""
        answer = super().changelist_view(request, extra_context)
        if isinstance(answer, TemplateResponse) and answer.context_data and request.GET.keys() <= {SEARCH_VAR}:
            answer.context_data["usage"] = sums(answer.context_data["cl"].query)
        return answer


@admin.register(Budget)
class BudgetAdmin(NoFilterBySecrets):
    list_display = ("user", "daily_tokens", "daily_cost")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> tuple[str, ...]:
        """The user is the row's key: with another one it would be another row, and the first one stayed."""
        return ("user",) if obj else ()


def with_part(tokens: int, part: int, name: str) -> str:
    return f"{tokens:,} ({part:,} {name})" if part else f"{tokens:,}"


def of_user(rows: QuerySet[CallUsage], email: str) -> QuerySet[CallUsage]:
    term = email.strip().lower()
    return rows.filter(user__email=term) if term else rows


def sums(email: str) -> dict[str, Any]:
    """Of the last DAYS, today included, of all or of one user."""
    first = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    rows = of_user(CallUsage.objects.filter(between(first, None)), email)
    by_day = CallUsage.objects.report(rows, "day")
    return {
        "days": DAYS,
        "bars": bars(by_day, first),
        "width": DAYS * BAR_WIDTH,
        "height": BAR_HEIGHT,
        "total": total_of(by_day),
        "tables": [
            ("model", CallUsage.objects.report(rows, "model", MOST)),
            ("user", CallUsage.objects.report(rows, "user", MOST)),
        ],
    }


def bars(by_day: list[dict[str, Any]], first: date) -> list[Bar]:
    """Of each day, its tokens against those of the day with most."""
    found = {row["key"]: row for row in by_day}
    most = max((tokens_of(row) for row in by_day), default=0)
    plot = []
    for number in range(DAYS):
        day = first + timedelta(days=number)
        row = found.get(day.isoformat(), {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost": None})
        height = round(BAR_HEIGHT * tokens_of(row) / most, 1) if most else 0
        plot.append(Bar(number * BAR_WIDTH, BAR_HEIGHT - height, height, day, row))
    return plot


def tokens_of(row: dict[str, Any]) -> int:
    return int(row["input_tokens"] + row["output_tokens"])
