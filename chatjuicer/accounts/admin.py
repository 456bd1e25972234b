from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from chatjuicer.accounts.models import Act, ApiKey, AuditEntry, TokenFamily, Totp, User
from chatjuicer.api.paginator import BoundedPaginator
from chatjuicer.api.read_only_admin import ReadOnlyAdmin

admin.site.site_header = admin.site.site_title = "Chat Juicer"
admin.site.unregister(Group)


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


class TokenFamilyInline(admin.TabularInline):
    model = TokenFamily
    fields = readonly_fields = ("id", "user_agent", "address", "created_at", "last_used_at", "expires_at", "revoked_at")
    ordering = ("-created_at",)
    extra = 0
    max_num = 0
    can_delete = False
    verbose_name = "sign-in"


class ApiKeyInline(admin.TabularInline):
    model = ApiKey
    fields = readonly_fields = ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    ordering = ("-created_at",)
    extra = 0
    max_num = 0


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserForm
    add_form = NewUserForm
    paginator = BoundedPaginator
    show_full_result_count = False
    list_display = ("email", "display_name", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "display_name")
    ordering = ("-created_at", "-id")
    list_per_page = 25
    readonly_fields = ("id", "created_at", "last_login")
    filter_horizontal = ()
    inlines = (TokenFamilyInline, ApiKeyInline)
    actions = ("sign_out", "turn_off_totp")
    fieldsets = (
        (None, {"fields": ("id", "email", "password", "display_name")}),
        ("Preferences", {"fields": ("theme", "default_model", "instructions")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[Any, ...]:
        return tuple(self.inlines) if obj else ()

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """The account's verb takes what hangs on it: that may be millions of rows, and needs no right to each kind."""
        names = [str(user) for user in objs]
        return [f"{name}, with all sessions and files" for name in names], {"users": len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        obj.remove()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            user.remove()

    @admin.action(description="Sign out everywhere")
    def sign_out(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            user.sign_out()
            AuditEntry.objects.record(Act.SIGNED_OUT_EVERYWHERE, user)
        self.message_user(request, "Their tokens are revoked, and their sockets close.")

    @admin.action(description="Turn one-time passwords off")
    def turn_off_totp(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            Totp.objects.turn_off(user)
        self.message_user(request, "They are asked for none until they set them up again.")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_display = ("seq", "at", "action", "actor", "object", "address", "details")
    ordering = ("-seq",)
