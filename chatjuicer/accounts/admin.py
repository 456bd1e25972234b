from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from chatjuicer.accounts import service_admin  # noqa: F401  which registers its own page
from chatjuicer.accounts.admin_accounts import ApiKeyInline, RemovesAccounts
from chatjuicer.accounts.exceptions import LastAdministrator
from chatjuicer.accounts.models import AuditEntry, GroupAllowance, OidcIdentity, TokenFamily, Totp, User
from chatjuicer.accounts.ranks import may_change
from chatjuicer.api.paginator import BoundedPaginator
from chatjuicer.api.read_only_admin import NoFilterBySecrets, ReadOnlyAdmin

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


class OidcIdentityInline(admin.TabularInline):
    model = OidcIdentity
    fields = readonly_fields = ("issuer", "subject", "created_at")
    ordering = ("created_at",)
    extra = 0
    max_num = 0


@admin.register(User)
class UserAdmin(RemovesAccounts, DjangoUserAdmin):
    form = UserForm
    add_form = NewUserForm
    paginator = BoundedPaginator
    show_full_result_count = False
    list_display = ("email", "display_name", "is_active", "is_staff", "is_service", "created_at")
    list_filter = ("is_active", "is_staff", "is_service", "groups")
    search_fields = ("email", "display_name")
    ordering = ("-created_at", "-id")
    list_per_page = 25
    readonly_fields = ("id", "is_service", "created_at", "last_login")
    filter_horizontal = ("groups",)
    inlines = (TokenFamilyInline, OidcIdentityInline, ApiKeyInline)
    actions = ("sign_out", "turn_off_totp")
    fieldsets = (
        (None, {"fields": ("id", "email", "password", "display_name")}),
        ("Preferences", {"fields": ("theme", "default_model")}),
        ("Rights", {"fields": ("is_active", "is_service", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[Any, ...]:
        return tuple(self.inlines) if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Only a superuser makes administrators; and nobody locks themselves out, who may be the last one."""
        roles = () if request.user.is_superuser else ("is_staff", "is_superuser", "groups")
        own = ("is_active", "is_staff", "is_superuser") if obj == request.user else ()
        return tuple(dict.fromkeys((*self.readonly_fields, *roles, *own)))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_change(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_change(request.user, obj))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.unless_last(request, lambda: super(UserAdmin, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.unless_last(request, lambda: super(UserAdmin, self).delete_view(request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """With its actions, of which one deletes."""
        return self.unless_last(request, lambda: super(UserAdmin, self).changelist_view(request, *args, **kwargs))

    def unless_last(self, request: HttpRequest, answer: Callable[[], Any]) -> HttpResponse:
        """Says why nothing was changed where nobody could administer the server after it."""
        try:
            return answer()
        except LastAdministrator as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def changeable(self, request: HttpRequest, users: QuerySet[User]) -> list[User]:
        return [user for user in users if self.has_change_permission(request, user)]

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in self.changeable(request, users):
            user.sign_out_everywhere()
        self.message_user(request, "Their tokens are revoked, and their sockets close.")

    @admin.action(description="Turn one-time passwords off", permissions=["change"])
    def turn_off_totp(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in self.changeable(request, users):
            Totp.objects.turn_off(user)
        self.message_user(request, "They are asked for none until they set them up again.")


class AllowanceInline(admin.StackedInline):
    model = GroupAllowance
    can_delete = False


@admin.register(Group)
class GroupAdmin(NoFilterBySecrets, DjangoGroupAdmin):
    """What members may use, and, of those who are staff, what they may do here."""

    inlines = (AllowanceInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        """Nobody gives themselves rights by way of a group."""
        return () if request.user.is_superuser else ("permissions",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_display = ("seq", "at", "action", "actor", "object", "address", "details")
    ordering = ("-seq",)
