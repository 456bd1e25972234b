from typing import Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.http import HttpRequest

from chatjuicer.encryption import EncryptedTextField

SECRETS = {"password", "digest", "sealed", "sealed_secret", "metadata"}
"""Fields that no list tells, beside those that are encrypted where there are keys."""


class NoFilterBySecrets(admin.ModelAdmin):
    """Base of all pages of the admin. Django lets an address filter a list by any field of its rows: whoever may see
    the list would guess letter by letter what it does not show, such as a provider's key (`?key__startswith=sk-a`)."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        name = lookup.partition("__")[0]
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return super().lookup_allowed(lookup, value, request)
        is_secret = name in SECRETS or isinstance(field, EncryptedTextField)
        return not is_secret and super().lookup_allowed(lookup, value, request)


class ReadOnlyAdmin(NoFilterBySecrets):
    """Shows rows that other code writes, and lets nobody add, change or delete one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
