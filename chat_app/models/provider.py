"""Providers of models that are kept in the admin, beside those of the settings, and before them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, models, transaction

from chat_app.exceptions import KeyNeeded
from chatjuicer.api.exceptions import NameTaken
from chatjuicer.encryption import EncryptedTextField
from sessions_app.providers.provider import Provider, parsed_provider
from sessions_app.providers.served import registry

logger = logging.getLogger(__name__)

WHERE_IT_IS = frozenset({"url", "kind"})
"""What says where a provider is: who names another place would be given the key that was entered for the first."""


def require_key(changed: Iterable[str], *, has_key: bool, given: bool) -> None:
    """Where these fields of a provider change. Raises KeyNeeded."""
    if has_key and not given and not WHERE_IT_IS.isdisjoint(changed):
        raise KeyNeeded()


HAS_KEY: dict[str, Any] = {
    "has_key": models.Case(models.When(key="", then=False), default=True, output_field=models.BooleanField())
}


class ModelProviderManager(models.Manager["ModelProvider"]):
    def light(self) -> models.QuerySet[ModelProvider]:
        """Without their keys, of which nothing unseals some perhaps; `has_key` says whether there is one."""
        return self.defer("key").annotate(**HAS_KEY).order_by("position", "name")

    def add(self, **fields: Any) -> ModelProvider:
        """Raises NameTaken, and ValueError, whose text says what is expected."""
        row = self.model(**fields)
        row.provider()
        row.store(force_insert=True)
        return row

    def change(self, pk: int, **changes: Any) -> ModelProvider:
        """As `configure`, of the row as it is now: nobody enters a key meanwhile. Raises DoesNotExist, too."""
        with transaction.atomic():
            row = self.light().select_for_update().get(pk=pk)
            row.configure(**changes)
        return row

    def publish(self) -> None:
        """Makes them known to this process. One that cannot be read, because its key was sealed by an unknown key, is
        left out; the others count."""
        found: dict[str, Provider | None] = {}
        for name in self.order_by("position", "name").values_list("name", flat=True):
            try:
                row = self.get(name=name)
                found[name] = row.provider() if row.enabled else None
            except (self.model.DoesNotExist, ImproperlyConfigured, ValueError) as error:
                logger.error("The provider %s of the admin cannot be used: %s", name, type(error).__name__)
        registry.put_rows(found)


class ModelProvider(models.Model):
    """One that is not `enabled` takes the settings' provider of that name out, too."""

    name = models.CharField(
        max_length=32, unique=True, help_text="Tells models of the same id apart, as in name/model. Small letters."
    )
    enabled = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(
        default=0, help_text="Of several that have a model of the same id, the first is asked."
    )
    kind = models.CharField(max_length=16, default="compatible")
    url = models.CharField("address", max_length=500, blank=True, help_text="Empty: where that kind is.")
    key = EncryptedTextField(blank=True, default="", help_text="Encrypted where MESSAGE_ENCRYPTION_KEYS is set.")
    api = models.CharField("API", max_length=16, blank=True, default="", help_text="Empty: that kind's.")
    api_version = models.CharField(max_length=32, blank=True, default="", help_text="Azure's.")
    allowed = models.JSONField(
        "models", default=list, blank=True, help_text='Ids that may be used, such as ["gpt-5", "gpt-5-*"]; none: all.'
    )
    fallbacks = models.JSONField(
        default=dict, blank=True, help_text='Who is asked where it fails: {"gpt-5": ["other/model"]}.'
    )

    has_key: bool  # of a row that was read `light`

    objects: ClassVar[ModelProviderManager] = ModelProviderManager()

    class Meta:
        verbose_name = "provider of models"
        verbose_name_plural = "providers of models"

    def __str__(self) -> str:
        return self.name

    def configure(self, **changes: Any) -> None:
        """Of a row that was read `light`. `key` "" forgets it. Raises KeyNeeded, NameTaken, and ValueError, whose text
        says what is expected."""
        changed = (name for name, value in changes.items() if name in WHERE_IT_IS and value != getattr(self, name))
        require_key(changed, has_key=self.has_key, given="key" in changes)
        for name, value in changes.items():
            setattr(self, name, value)
        self.parsed(changes.get("key", ""))  # the one that is there may be sealed for good
        self.store(update_fields=list(changes))
        if "key" in changes:
            self.has_key = bool(self.key)

    def store(self, **how: Any) -> None:
        """Raises NameTaken."""
        try:
            with transaction.atomic():
                self.save(**how)
        except IntegrityError:
            raise NameTaken() from None

    def provider(self) -> Provider:
        """Raises ValueError, whose text says what is expected."""
        return self.parsed(self.key)

    def parsed(self, key: str) -> Provider:
        """With that key. Raises ValueError."""
        given: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "url": self.url,
            "key": key,
            "api": self.api,
            "api_version": self.api_version,
            "models": self.allowed,
            "fallbacks": self.fallbacks,
        }
        return parsed_provider({key: value for key, value in given.items() if value}, lambda name: "")

    def clean(self) -> None:
        try:
            self.provider()
        except ValueError as error:
            raise ValidationError(f"Expected: {error}.") from None
