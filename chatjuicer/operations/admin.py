from django.contrib import admin

from chatjuicer.api.read_only_admin import ReadOnlyAdmin
from chatjuicer.operations.models import HousekeepingTask


@admin.register(HousekeepingTask)
class HousekeepingTaskAdmin(ReadOnlyAdmin):
    """What the housekeeping did last; read-only."""

    list_display = ("name", "began_at", "took_s", "done", "error", "failed_at", "owner")
