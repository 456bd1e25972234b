"""Text at rest: sealed by the first of MESSAGE_ENCRYPTION_KEYS, readable by all of them, plain without any. Bytes of
files are sealed by keys that are made of these (files_app/envelope.py).

A sealed text says by which key, so that plain and sealed rows may stand side by side while keys change.
"""

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

MARK = "enc:v1:"
"""Begins `enc:v1:<key>:<token>`, and `enc:v1::<text>`, which is a plain text that begins like a sealed one."""


SEALED = MARK.removesuffix(":")
"""The one name in an object that stands for a sealed one: `{"enc:v1": "<key>:<token>"}`."""


class UnknownKey(ImproperlyConfigured):
    """Something was sealed by a key that is not, or no longer, among the settings'."""


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
    return f"{MARK}{current_key()}:"


def current_key() -> str:
    """The name of the key that seals what is written; empty where there is none."""
    keys = tuple(settings.MESSAGE_ENCRYPTION_KEYS)
    return ring(keys)[0][0] if keys else ""


def derived_key(name: str, salt: bytes, purpose: str) -> bytes:
    """32 bytes that only who has the key of that name can make. Raises UnknownKey."""
    for key in settings.MESSAGE_ENCRYPTION_KEYS:
        if name_of(key) == name:
            return HKDF(SHA256(), 32, salt, purpose.encode()).derive(base64.urlsafe_b64decode(key))
    raise UnknownKey(f"Bytes cannot be read: none of MESSAGE_ENCRYPTION_KEYS has sealed them ({name}).")


@lru_cache(maxsize=8)
def ring(keys: tuple[str, ...]) -> list[tuple[str, Fernet]]:
    """Each key with its name, which tells nothing of it. Raises ValueError for what is no key."""
    return [(name_of(key), Fernet(key)) for key in keys]


def name_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def seal_json(value: Any) -> Any:
    """What is stored in the place of a JSON value: an object, if it is sealed. Empty ones are stored as they are."""
    text = json.dumps(value) if value else ""
    if (sealed := seal(text)) != text:
        return {SEALED: sealed.removeprefix(MARK)}
    return {SEALED: f":{text}"} if is_sealed(value) else value


def unseal_json(stored: Any, decoder: type[json.JSONDecoder] | None = None) -> Any:
    return json.loads(unseal(MARK + stored[SEALED]), cls=decoder) if is_sealed(stored) else stored


def unseal_json_text(stored: str) -> str:
    """The JSON that a stored JSON text stands for, unsealed if it is sealed."""
    if not stored.startswith(f'{{"{SEALED}"'):
        return stored
    value = json.loads(stored)
    return unseal(MARK + value[SEALED]) if is_sealed(value) else stored


def is_sealed(stored: Any) -> bool:
    return isinstance(stored, dict) and stored.keys() == {SEALED} and isinstance(stored[SEALED], str)


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


class EncryptedJSONField(models.JSONField):
    """Like EncryptedTextField, of an object. What is stored is JSON all the same: the column is that of a JSONField,
    and what does not unseal it reads an object, too."""

    def deconstruct(self) -> Any:
        """For migrations it is a JSONField: the column is the same."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = value if hasattr(value, "resolve_expression") else seal_json(value)
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return unseal_json(super().from_db_value(value, expression, connection), self.decoder)
