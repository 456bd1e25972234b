"""Text at rest: sealed by the first of MESSAGE_ENCRYPTION_KEYS, readable by all of them, plain without any.

A sealed text says by which key, so that plain and sealed rows may stand side by side while keys change.
"""

import hashlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

MARK = "enc:v1:"
"""Begins `enc:v1:<key>:<token>`, and `enc:v1::<text>`, which is a plain text that begins like a sealed one."""


class UnknownKey(ImproperlyConfigured):
    """A text was sealed by a key that is not, or no longer, among the settings'."""


def seal(text: str) -> str:
    if not text:
        return text
    keys = settings.MESSAGE_ENCRYPTION_KEYS
    if not keys:
        return f"{MARK}:{text}" if text.startswith(MARK) else text
    name, fernet = ring(tuple(keys))[0]
    return f"{MARK}{name}:{fernet.encrypt(text.encode()).decode()}"


def unseal(stored: str) -> str:
    if not stored.startswith(MARK):
        return stored
    name, _, token = stored[len(MARK) :].partition(":")
    if not name:
        return token
    for own_name, fernet in ring(tuple(settings.MESSAGE_ENCRYPTION_KEYS)):
        if own_name == name:
            try:
                return fernet.decrypt(token).decode()
            except InvalidToken:
                break
    raise UnknownKey(f"A text cannot be read: none of MESSAGE_ENCRYPTION_KEYS has sealed it ({name}).")


def current_mark() -> str:
    """How texts begin that need no rotation. Raises ImproperlyConfigured where there are no keys."""
    if not settings.MESSAGE_ENCRYPTION_KEYS:
        raise ImproperlyConfigured("MESSAGE_ENCRYPTION_KEYS is empty.")
    return f"{MARK}{ring(tuple(settings.MESSAGE_ENCRYPTION_KEYS))[0][0]}:"


@lru_cache(maxsize=8)
def ring(keys: tuple[str, ...]) -> list[tuple[str, Fernet]]:
    """Each key with its name, which tells nothing of it. Raises ValueError for what is no key."""
    return [(hashlib.sha256(key.encode()).hexdigest()[:8], Fernet(key)) for key in keys]


def storable(text: str) -> str:
    """`text` without what no database column takes, and a model may well say: NUL and lone surrogates become U+FFFD.
    The two halves of a pair, which came in two pieces, become their character."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class StorableText(models.Field):
    """The one place where text is made storable; the instance that is saved has the text as it is stored."""

    def clean_text(self, text: str) -> str:
        return storable(text)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if isinstance(value, str) and (cleaned := self.clean_text(value)) is not value:
            setattr(model_instance, self.attname, cleaned)
            return cleaned
        return value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return self.clean_text(value) if isinstance(value, str) else value


class SpokenCharField(StorableText, models.CharField):
    """A short text that a model says: what is too long for the column is cut."""

    def clean_text(self, text: str) -> str:
        text = storable(text)
        return text if len(text) <= (self.max_length or 0) else text[: self.max_length]

    def deconstruct(self) -> Any:
        """For migrations it is a CharField: the column is the same."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class EncryptedTextField(StorableText, models.TextField):
    """Sealed when it is saved and unsealed when it is read. A query compares what is stored, so that it finds
    plain rows and empty ones only."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = super().get_db_prep_save(value, connection)
        return seal(value) if isinstance(value, str) else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value if value is None else unseal(value)
