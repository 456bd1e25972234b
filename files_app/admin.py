from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chatjuicer.api.read_only_admin import ReadOnlyAdmin
from files_app.models import Export, File
from sessions_app.admin import HistoryAdmin


@admin.register(File)
class FileAdmin(HistoryAdmin):
    """Of sessions. Those of agents stand with their agent, and people's own are their own."""

    list_display = ("name", "folder", "session", "size_bytes", "content_type", "modified_at", "unreadable")
    search_fields = ("name",)
    search_help_text = "Part of a name, within one session"
    in_session_ordering = ("folder", "name")
    exclude = ("agent",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[File]:
        return super().get_queryset(request).filter(session__isnull=False)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ("owner", "state", "size_bytes", "created_at", "expires_at")
    fields = list_display  # without the storage key
    list_select_related = ("owner",)
    ordering = ("-created_at",)
