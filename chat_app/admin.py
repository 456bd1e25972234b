"""Runs and events, read-only but for one action, which stops a run. The pages of the rooms register themselves."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

# Django looks for an app's pages here alone.
import chat_app.notices.admin
import chat_app.providers.admin
import chat_app.usage.admin  # noqa: F401
from chat_app.models import Event, Run
from chat_app.transcript_admin import seconds, used_by_runs
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
    list_display = ("id", "session", "status", "finish_reason", "error_code", "model", "took", "created_at")
    list_filter = ("status",)
    search_fields = ("id",)
    search_help_text = "A run's id"
    readonly_fields = ("took", "used", "conversation")
    in_session_ordering = ("-created_at",)
    actions = ("stop",)
    list_shows_content = False

    def conversation_of(self, request: HttpRequest, object_id: str | None) -> str:
        return ""  # of a run it is shown how it went

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return (queryset.filter(pk=term) if is_uuid(term) else queryset.none()), False

    @admin.display
    def took(self, run: Run) -> str:
        lasted = seconds(run)
        return "" if lasted is None else f"{lasted:.1f} s"

    @admin.display
    def used(self, run: Run) -> str:
        used = used_by_runs(run.session, [run]).get(run.pk)
        return str(used) if used else "nothing"

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


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("seq", "session", "type", "json", "run_id", "at")
    list_display_links = ("seq", "json")
    list_filter = ("type",)
    in_session_ordering = ("-seq",)

    @admin.display(description="payload")
    def json(self, event: Event) -> str:
        return beginning(event.json())
