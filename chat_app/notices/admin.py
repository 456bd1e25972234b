"""Webhooks, subscribed browsers and their notices in the admin, read-only."""

from urllib.parse import urlsplit

from django.contrib import admin

from chat_app.models import Notice, PushSubscription, Webhook
from chatjuicer.api.paginator import BoundedPaginator
from chatjuicer.api.read_only_admin import ReadOnlyAdmin


class AccountsAdmin(ReadOnlyAdmin):
    """Read-only rows of accounts, found by the owner's address."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_select_related = ("user",)
    search_fields = ("user__email",)
    search_help_text = "The owner's e-mail address"
    ordering = ("-created_at",)


@admin.register(Webhook)
class WebhookAdmin(AccountsAdmin):
    list_display = ("id", "user", "host", "events", "active", "created_at", "last_delivered_at")
    list_filter = ("active",)
    fields = ("id", "user", "host", "events", "active", "created_at", "last_delivered_at")

    @admin.display
    def host(self, webhook: Webhook) -> str:
        """The rest of the address may be a secret of the receiver's."""
        return urlsplit(webhook.url).hostname or ""


@admin.register(PushSubscription)
class PushSubscriptionAdmin(AccountsAdmin):
    list_display = ("id", "user", "events", "preview", "created_at")
    fields = ("id", "user", "family", "events", "preview", "created_at")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What was sent to webhooks, and waits to be sent to whomever."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_select_related = ("webhook__user", "subscription__user")
    list_display = (
        "id", "account", "to", "type", "status", "tries", "response_status", "error", "created_at", "due_at",
        "ended_at",
    )  # fmt: skip
    list_filter = ("status", "type")
    search_fields = ("webhook__user__email",)
    search_help_text = "The e-mail address of a webhook's owner"
    ordering = ("-created_at",)

    @admin.display
    def account(self, notice: Notice) -> str:
        return str(notice.receiver.user)

    @admin.display
    def to(self, notice: Notice) -> str:
        return str(notice.receiver)
