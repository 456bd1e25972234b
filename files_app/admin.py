from django.contrib import admin

from chatjuicer.api.read_only_admin import ReadOnlyAdmin
from files_app.models import Export, File
from sessions_app.admin import HistoryAdmin


@admin.register(File)
class FileAdmin(HistoryAdmin):
    list_display = ("name", "folder", "session", "size_bytes", "content_type", "modified_at", "unreadable")
    search_fields = ("name",)
    search_help_text = "Part of a name, within one session"
    in_session_ordering = ("folder", "name")


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ("owner", "state", "size_bytes", "created_at", "expires_at")
    fields = list_display  # and not the key of its bytes
    list_select_related = ("owner",)
    ordering = ("-created_at",)
