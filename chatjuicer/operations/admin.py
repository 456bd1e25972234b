from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from chatjuicer.operations.models import HousekeepingTask


@admin.register(HousekeepingTask)
class HousekeepingTaskAdmin(admin.ModelAdmin):
    """What the housekeeping did last; read-only."""

    list_display = ("name", "began_at", "took_s", "done", "error", "failed_at", "owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
