"""Providers of models that are kept in the admin, beside those of the settings, and before them."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models

from chatjuicer.encryption import EncryptedTextField
from sessions_app.providers import Provider, parsed_provider
from sessions_app.served import registry

logger = logging.getLogger(__name__)


class ModelProviderManager(models.Manager["ModelProvider"]):
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

    objects: ClassVar[ModelProviderManager] = ModelProviderManager()

    class Meta:
        verbose_name = "provider of models"
        verbose_name_plural = "providers of models"

    def __str__(self) -> str:
        return self.name

    def turn(self, enabled: bool) -> None:
        """Whether it is asked."""
        self.enabled = enabled
        self.save(update_fields=["enabled"])

    def provider(self) -> Provider:
        """Raises ValueError, whose text says what is expected."""
        given: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "url": self.url,
            "key": self.key,
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
