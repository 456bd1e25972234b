"""What the pages of accounts in the admin have in common, of people and of programs."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chatjuicer.accounts.models import ApiKey, User
from chatjuicer.api.read_only_admin import NoFilterBySecrets


class ApiKeyInline(admin.TabularInline):
    model = ApiKey
    fields = readonly_fields = ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    ordering = ("-created_at",)
    extra = 0
    max_num = 0


class RemovesAccounts(NoFilterBySecrets):
    """By the account's verb, which takes what hangs on it: that may be millions of rows, and needs no right to each
    kind."""

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        users = list(objs)
        kind = str(self.opts.verbose_name_plural)
        kept = {str(user) for user in users if not self.has_delete_permission(request, user)}
        return [f"{user}, with all sessions and files" for user in users], {kind: len(users)}, kept, []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        obj.remove(by_themselves=obj.pk == request.user.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for user in queryset:
            user.remove()
