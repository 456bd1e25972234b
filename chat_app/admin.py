"""Runs, events and notices, read-only but for one action, which stops a run; and providers of models."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from chat_app import usage_admin  # noqa: F401  which registers its own pages
from chat_app.exceptions import KeyNeeded
from chat_app.models import Event, ModelProvider, Notice, PushSubscription, Run, Webhook
from chat_app.models.provider import WHERE_IT_IS
from chat_app.transcript_admin import seconds, used_by_runs
from chatjuicer.api.paginator import BoundedPaginator
from chatjuicer.api.read_only_admin import NoFilterBySecrets, ReadOnlyAdmin
from sessions_app.admin import INLINE_ROWS, HistoryAdmin, HistoryInline, beginning, is_uuid
from sessions_app.providers.kinds import KINDS


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


class ModelProviderForm(forms.ModelForm):
    """A key is never shown again: what is left empty stays as it is."""

    new_key = forms.CharField(
        label="key",
        required=False,
        max_length=2_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty: as it is. Encrypted where MESSAGE_ENCRYPTION_KEYS is set.",
    )
    kind = forms.ChoiceField(choices=[(name, kind.label) for name, kind in KINDS.items()], initial="compatible")
    api = forms.ChoiceField(
        label="API",
        required=False,
        choices=[("", "that kind's"), ("responses", "Responses"), ("chat_completions", "Chat Completions")],
    )
    forget_key = forms.BooleanField(required=False, help_text="It needs none.")

    class Meta:
        model = ModelProvider
        fields = ("name", "enabled", "position", "kind", "url", "api", "api_version", "allowed", "fallbacks")

    def clean(self) -> dict[str, Any]:
        """Nobody learns a key by naming an address of their own."""
        given: dict[str, Any] = self.cleaned_data
        moved = self.instance.key and WHERE_IT_IS & set(self.changed_data)
        if moved and not (given.get("new_key") or given.get("forget_key")):
            self.add_error("new_key", KeyNeeded.message)
        return given

    def _post_clean(self) -> None:
        if self.cleaned_data.get("forget_key"):
            self.instance.key = ""
        elif key := self.cleaned_data.get("new_key"):
            self.instance.key = key
        super()._post_clean()  # type: ignore[misc]


@admin.register(ModelProvider)
class ModelProviderAdmin(NoFilterBySecrets):
    form = ModelProviderForm
    list_display = ("name", "enabled", "position", "kind", "url", "has_key")
    ordering = ("position", "name")

    @admin.display(description="key", boolean=True)
    def has_key(self, provider: ModelProvider) -> bool:
        return bool(provider.key)
