from django.contrib import admin

from files_app.models import File
from sessions_app.admin import HistoryAdmin


@admin.register(File)
class FileAdmin(HistoryAdmin):
    list_display = ("name", "folder", "session", "size_bytes", "content_type", "modified_at", "unreadable")
    search_fields = ("name",)
    search_help_text = "Part of a name, within one session"
    in_session_ordering = ("folder", "name")
