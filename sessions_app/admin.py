"""Conversations in the admin. History can be read and not written; every page costs the same however much there is."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from chatjuicer.accounts.admin_reason import AsksForReason, usual_spelling
from chatjuicer.api.paginator import BoundedPaginator
from chatjuicer.api.read_only_admin import NoFilterBySecrets, ReadOnlyAdmin, minute_of
from sessions_app.models import (
    Agent,
    ChatSession,
    Compaction,
    ContextItem,
    McpServer,
    Message,
    Project,
    Prompt,
    change_agent,
    known,
    together,
)

INLINE_ROWS = 5
"""Rows of each history on a session's page, of which two screens show all."""


class HistoryFormSet(BaseInlineFormSet):
    def get_queryset(self) -> QuerySet[Any]:
        if not hasattr(self, "_newest"):
            self._newest = super().get_queryset()[:INLINE_ROWS]
        return self._newest


class HistoryInline(admin.TabularInline):
    """The newest rows that hang on a session, read-only. Subclasses say `model`, `fields` and `ordering`."""

    formset = HistoryFormSet
    extra = 0
    can_delete = False
    classes = ("collapse",)
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HistoryAdmin(ReadOnlyAdmin, AsksForReason):
    """Rows of sessions, read-only, in order within one session; across all sessions as they are found first."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_select_related = ("session",)
    in_session_ordering: tuple[str, ...] = ("-position",)

    def conversation_of(self, request: HttpRequest, object_id: str | None) -> str:
        if object_id is None:
            return f"chatsession:{asked}" if (asked := session_asked_for(request)) else f"{self.opts.model_name}:*"
        found = self.get_object(request, unquote(object_id))
        return f"chatsession:{found.session_id}" if found else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Of sessions that exist: what is in the trash is nobody's to read."""
        return super().get_queryset(request).filter(known("session__"))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # Only within a session does an index know the order of positions.
        return self.in_session_ordering if session_asked_for(request) else ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term and not session_asked_for(request):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


def session_asked_for(request: HttpRequest) -> str:
    """The id of the one session whose rows a list shows; "" if it shows those of several."""
    names = ("session", "session__exact", "session__id__exact")
    ids = {value for name in names for value in request.GET.getlist(name)}
    return usual_spelling(ids.pop()) if len(ids) == 1 else ""


def all_rows(session: ChatSession, model: type[Model], words: str) -> str:
    """A link to the list of the session's rows of `model`."""
    route = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return format_html('<a href="{}?session__id__exact={}">{}</a>', reverse(route), session.pk, words)


def beginning(text: str) -> str:
    return text[:200] + ("…" if len(text) > 200 else "")


class MessageInline(HistoryInline):
    model = Message
    fields = readonly_fields = (
        "position", "role", "status", "visible", "said", "tool_name", "rating", "pinned", "token_count",
        "created_at",
    )  # fmt: skip
    ordering = ("-position",)
    verbose_name_plural = f"the newest {INLINE_ROWS} messages"

    @admin.display(description="content")
    def said(self, message: Message) -> str:
        return beginning(message.content or message.tool_result)


class ContextItemInline(HistoryInline):
    model = ContextItem
    fields = readonly_fields = ("position", "visible", "json", "run_id", "created_at")
    ordering = ("-position",)
    verbose_name_plural = f"the newest {INLINE_ROWS} items of what the model is given"

    @admin.display(description="item")
    def json(self, item: ContextItem) -> str:
        return beginning(item.item)


class ChatSessionAdmin(AsksForReason):
    """Registered by chatjuicer.admin, which knows all that hangs on a session and can be shown on its page."""

    list_shows_content = False
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = list_max_show_all = 20
    list_display = ("public_id", "owner", "model", "state", "messages", "archived", "used", "begun")
    list_filter = ("archived", "pinned", "is_named", "created_at")
    list_select_related = ("owner",)
    search_fields = ("public_id",)
    search_help_text = "An owner's e-mail address, a session_id, or an id"
    ordering = ("-created_at",)
    editable = ("title", "pinned", "archived")
    first = ("history", "owner", "public_id", "model", "state", "total_tokens", "created_at", "last_used_at")

    def get_fieldsets(self, request: HttpRequest, obj: ChatSession | None = None) -> Any:
        rest = [name for name in self.get_readonly_fields(request, obj) if name not in self.first]
        return [
            (None, {"fields": [("title", "pinned", "archived"), *self.first]}),
            ("All else that is kept of it", {"fields": rest, "classes": ["collapse"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: ChatSession | None = None) -> list[str]:
        columns = [field.name for field in ChatSession._meta.fields if field.name not in self.editable]
        return ["history", *columns]

    def conversation_of(self, request: HttpRequest, object_id: str | None) -> str:
        return f"chatsession:{usual_spelling(unquote(object_id or ''))}"

    @admin.display(description="messages", ordering="message_count")
    def messages(self, session: ChatSession) -> int:
        return session.message_count

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, session: ChatSession) -> str:
        return minute_of(session.last_used_at)

    @admin.display(description="begun", ordering="created_at")
    def begun(self, session: ChatSession) -> str:
        return minute_of(session.created_at)

    @admin.display(description="everything")
    def history(self, session: ChatSession) -> str:
        return format_html(
            "{} · {}",
            all_rows(session, Message, f"{session.message_count} messages"),
            all_rows(session, ContextItem, "what the model is given"),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ChatSession], search_term: str
    ) -> tuple[QuerySet[ChatSession], bool]:
        """By what an index finds. Titles are what people have said."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(owner__email__startswith=term.lower()), False
        return queryset.filter(Q(public_id=term) | Q(pk=term) if is_uuid(term) else Q(public_id=term)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ChatSession, form: "ModelForm[ChatSession]", change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            obj.configure(**changes)

    def delete_model(self, request: HttpRequest, obj: ChatSession) -> None:
        with together():
            obj.remove()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ChatSession]) -> None:
        for session in queryset:  # each with its line in a transaction of its own
            session.remove()

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What would go, by the counters of the rows: Django would load every message to name it."""
        sessions = list(objs)
        numbers = {"sessions": len(sessions), "messages": sum(session.message_count for session in sessions)}
        return [str(session) for session in sessions], numbers, set(), []


def is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


@admin.register(Message)
class MessageAdmin(HistoryAdmin):
    list_display = ("position", "session", "role", "status", "visible", "said", "tool_name", "rating", "created_at")
    list_display_links = ("position", "said")
    search_fields = ("content", "tool_name")
    search_help_text = "Searches one session's messages: open them from the session"

    @admin.display(description="content")
    def said(self, message: Message) -> str:
        return beginning(message.content or message.tool_result)


@admin.register(Compaction)
class CompactionAdmin(HistoryAdmin):
    list_display = ("number", "session", "said", "through", "tokens_before", "tokens_after", "undone", "created_at")
    in_session_ordering = ("-number",)

    @admin.display(description="summary")
    def said(self, compaction: Compaction) -> str:
        return beginning(compaction.summary)


@admin.register(ContextItem)
class ContextItemAdmin(HistoryAdmin):
    list_display = ("position", "session", "visible", "json", "created_at")
    list_display_links = ("position", "json")
    search_fields = ("item",)
    search_help_text = "Searches one session's items: open them from the session"

    @admin.display(description="item")
    def json(self, item: ContextItem) -> str:
        return beginning(item.item)


@admin.register(Project)
class ProjectAdmin(AsksForReason):
    list_shows_content = False
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_display = ("id", "owner", "session_count", "updated_at", "created_at")
    list_select_related = ("owner",)
    search_fields = ("owner__email",)
    search_help_text = "The owner's e-mail address"
    fields = ("name", "owner", "description", "instructions", "session_count", "created_at", "updated_at")
    readonly_fields = ("owner", "session_count", "created_at", "updated_at")

    def conversation_of(self, request: HttpRequest, object_id: str | None) -> str:
        """What its owner wants in all its conversations."""
        return f"project:{usual_spelling(unquote(object_id or ''))}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        return Project.objects.counted()

    @admin.display(description="sessions")
    def session_count(self, project: Project) -> int:
        return int(cast(Any, project).session_count)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Project, form: "ModelForm[Project]", change: bool) -> None:
        obj.configure(**{name: form.cleaned_data[name] for name in form.changed_data})

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        obj.remove()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        for project in queryset:
            project.remove()

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Its sessions stay: Django would load each to say so."""
        projects = list(objs)
        return [str(project) for project in projects], {"projects": len(projects)}, set(), []


class ForAllAdmin(NoFilterBySecrets):
    """What administrators make for all. What people keep for themselves is their own."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    exclude = ("owner",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(owner=None)


class AgentAdmin(ForAllAdmin):
    """Registered above, with its files."""

    list_display = ("name", "description", "model", "updated_at", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> tuple[str, ...]:
        """Sessions of anybody have chosen it by its name."""
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Agent, form: "ModelForm[Agent]", change: bool) -> None:
        if not change:
            obj.save()
        elif form.changed_data:
            change_agent(obj, **{name: getattr(obj, name) for name in form.changed_data})

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        for agent in queryset:
            agent.delete()

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Its files go with it: Django would load all that was read of them to say so."""
        agents = list(objs)
        return [str(agent) for agent in agents], {"agents": len(agents)}, set(), []


@admin.register(Prompt)
class PromptAdmin(ForAllAdmin):
    list_display = ("name", "beginning", "updated_at", "created_at")

    @admin.display(description="text")
    def beginning(self, prompt: Prompt) -> str:
        return beginning(prompt.text)

    def save_model(self, request: HttpRequest, obj: Prompt, form: "ModelForm[Prompt]", change: bool) -> None:
        if not change:
            obj.save()
        elif form.changed_data:
            obj.change(**{name: getattr(obj, name) for name in form.changed_data})


@admin.register(McpServer)
class McpServerAdmin(ReadOnlyAdmin):
    """Of what people have added for themselves, whose it is, where, and whether it lets us in."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_select_related = ("user",)
    list_display = ("name", "user", "host", "status", "error", "connected_at", "created_at")
    list_filter = ("status",)
    fields = (
        "id",
        "user",
        "name",
        "host",
        "always_asks",
        "in_new_chats",
        "status",
        "error",
        "connected_at",
        "created_at",
    )
    search_fields = ("user__email",)
    search_help_text = "The owner's e-mail address"
    ordering = ("-created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Unlike the other pages of read-only rows: staff can delete a server that turned out to be harmful."""
        return bool(request.user.has_perm("sessions_app.delete_mcpserver"))

    @admin.display
    def host(self, server: McpServer) -> str:
        """The rest of the address may be a secret."""
        return server.host

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[McpServer]) -> None:
        for server in queryset:
            server.delete()
