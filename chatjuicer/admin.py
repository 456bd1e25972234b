"""Pages of the admin that are put together from what each app shows."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from chat_app.admin import EventInline, RunInline
from chat_app.transcript_admin import TranscriptAdmin
from sessions_app.admin import AgentAdmin, ContextItemInline, MessageInline
from sessions_app.models import Agent, ChatSession

MAX_FILES = 500
"""That a page names."""


@admin.register(ChatSession)
class WholeSessionAdmin(TranscriptAdmin):
    inlines = [MessageInline, ContextItemInline, RunInline, EventInline]


@admin.register(Agent)
class WholeAgentAdmin(AgentAdmin):
    """With its files, which come and go by the page and the API."""

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(["given_files"] if obj else []))

    @admin.display(description="files")
    def given_files(self, agent: Agent) -> str:
        rows = agent.files.order_by("name").values_list("name", "size_bytes", "unreadable")
        return format_html_join(mark_safe("<br>"), "{} · {} bytes {}", rows[:MAX_FILES])
