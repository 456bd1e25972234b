from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.fields import GenericForeignKey
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, ForeignObjectRel, Model
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from chatjuicer.encryption import EncryptedJSONField, EncryptedTextField


def is_secret(field: Field[Any, Any] | ForeignObjectRel | GenericForeignKey) -> bool:
    """Whether no list tells it: what is encrypted where there are keys, what is sealed, and what is looked up by a
    digest, by the forms of their names."""
    is_sealed = field.name.startswith("sealed") or field.name.endswith("digest")
    is_encrypted = isinstance(field, EncryptedTextField | EncryptedJSONField)
    return is_sealed or field.name == "password" or is_encrypted


def minute_of(moment: datetime) -> str:
    """Short enough for a column of a list."""
    return date_format(localtime(moment), "Y-m-d H:i")


class NoFilterBySecrets(admin.ModelAdmin):
    """Base of all pages of the admin. Django lets an address filter a list by any field of its rows: whoever may see
    the list would guess letter by letter what it does not show, such as a provider's key (`?key__startswith=sk-a`)."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        name = lookup.partition("__")[0]
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return super().lookup_allowed(lookup, value, request)
        return not is_secret(field) and super().lookup_allowed(lookup, value, request)


class ReadOnlyAdmin(NoFilterBySecrets):
    """Shows rows that other code writes, and lets nobody add, change or delete one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
