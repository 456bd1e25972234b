"""Runs and events, read-only but for one action, which stops a run. The pages of the rooms register themselves."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

# Django looks for an app's pages here alone.
import chat_app.notices.admin
import chat_app.providers.admin
import chat_app.usage.admin  # noqa: F401
from chat_app.models import Event, Run
from chat_app.transcript_admin import Used, seconds, used_by_runs
from chatjuicer.api.read_only_admin import minute_of
from sessions_app.admin import INLINE_ROWS, HistoryAdmin, HistoryInline, beginning, is_uuid


class RunInline(HistoryInline):
    model = Run
    fields = readonly_fields = ("status", "finish_reason", "error_code", "model", "owner", "created_at", "ended_at")
    ordering = ("-created_at",)
    verbose_name_plural = f"the newest {INLINE_ROWS} runs"


class EventInline(HistoryInline):
    model = Event
    fields = readonly_fields = ("seq", "type", "json", "run_id", "at")
    ordering = ("-seq",)
    verbose_name_plural = f"the newest {INLINE_ROWS} events"

    @admin.display(description="payload")
    def json(self, event: Event) -> str:
        return beginning(event.json())


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    list_display = ("begun", "short_id", "said_in", "outcome", "model", "took", "tokens", "cost")
    list_display_links = ("begun", "short_id")
    list_filter = ("status",)
    list_per_page = list_max_show_all = 20
    sortable_by = ()
    search_fields = ("id",)
    search_help_text = "A run's id"
    readonly_fields = ("took", "used", "conversation")
    in_session_ordering = ("-created_at",)
    actions = ("stop",)
    list_shows_content = False

    def conversation_of(self, request: HttpRequest, object_id: str | None) -> str:
        return ""  # of a run it is shown how it went

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # No index knows this order: a page takes a second where there are 300 000 runs.
        return self.in_session_ordering

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return (queryset.filter(pk=term) if is_uuid(term) else queryset.none()), False

    @admin.display
    def begun(self, run: Run) -> str:
        return minute_of(run.created_at)

    @admin.display(description="id")
    def short_id(self, run: Run) -> str:
        return str(run.pk)[:8]

    @admin.display(description="session")
    def said_in(self, run: Run) -> str:
        address = reverse("admin:sessions_app_chatsession_transcript", args=[run.session_id])
        return format_html('<a href="{}">{}</a>', address, Truncator(str(run.session)).chars(24))

    @admin.display
    def outcome(self, run: Run) -> str:
        why = run.error_code or (run.finish_reason if run.finish_reason != "stop" else "")
        return f"{run.get_status_display()}: {why}" if why else run.get_status_display()

    @admin.display
    def took(self, run: Run) -> str:
        lasted = seconds(run)
        return "" if lasted is None else f"{lasted:.1f} s"

    @admin.display(description="tokens in / out")
    def tokens(self, run: Run) -> str:
        used = used_by(run)
        return f"{used.input_tokens:,} / {used.output_tokens:,}" if used else ""

    @admin.display
    def cost(self, run: Run) -> str:
        used = used_by(run)
        return f"${used.cost:.4f}" if used and used.cost is not None else ""

    @admin.display
    def used(self, run: Run) -> str:
        return str(used_by(run) or "nothing")

    @admin.display
    def conversation(self, run: Run) -> str:
        address = reverse("admin:sessions_app_chatsession_transcript", args=[run.session_id])
        return format_html('<a href="{}">Read it</a>', address)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_app.change_run")

    @admin.action(description="Stop, and keep what was said", permissions=["stop"])
    def stop(self, request: HttpRequest, runs: QuerySet[Run]) -> None:
        stopped = sum(Run.objects.interrupt(run.session_id, run.pk) is not None for run in runs)
        self.message_user(request, f"Stopped {stopped} of {len(runs)} runs.", messages.SUCCESS)


def used_by(run: Run) -> Used | None:
    """Asked for once: several columns tell of it."""
    if "used" not in vars(run):
        vars(run)["used"] = used_by_runs(run.session, [run]).get(run.pk)
    return cast(Used | None, vars(run)["used"])


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("seq", "session", "type", "json", "run_id", "at")
    list_display_links = ("seq", "json")
    list_filter = ("type",)
    in_session_ordering = ("-seq",)

    @admin.display(description="payload")
    def json(self, event: Event) -> str:
        return beginning(event.json())
