"""An address that is told what happens in an account."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from chat_app.exceptions import TooManyWebhooks
from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.sealing import seal, unseal
from chatjuicer.encryption import EncryptedTextField

PURPOSE = "webhook"  # of the seal
SECRET_MARK = "whsec_"
SECRET_BYTES = 32
MAX_WEBHOOKS = 20  # of one user


class WebhookManager(models.Manager["Webhook"]):
    def add(self, user: User, url: str, events: Sequence[str]) -> Webhook:
        """With a secret of its own. Raises TooManyWebhooks."""
        secret = SECRET_MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        with transaction.atomic():
            User.objects.hold(user.pk)
            if self.filter(user=user).count() >= MAX_WEBHOOKS:
                raise TooManyWebhooks()
            webhook = self.create(user=user, url=url, events=unique(events), sealed_secret=seal(secret, PURPOSE))
            AuditEntry.objects.record(Act.WEBHOOK_CREATED, webhook, owner=str(user.pk), events=webhook.events)
        return webhook


class Webhook(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks")
    url = EncryptedTextField(help_text="which may hold a secret of the receiver's")
    events = models.JSONField(help_text="of which it is told: some of Notice.Type")
    sealed_secret = models.TextField(help_text="which signs, sealed by a key that is made of SECRET_KEY")
    active = models.BooleanField(default=True, help_text="off by its owner, or because nothing arrives any more")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_delivered_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[WebhookManager] = WebhookManager()

    def __str__(self) -> str:
        return f"webhook at {urlsplit(self.url).hostname}"

    @property
    def secret(self) -> str:
        """Raises InvalidToken where SECRET_KEY is another one since."""
        return unseal(self.sealed_secret, PURPOSE)

    def configure(self, **changes: Any) -> None:
        """What its owner sets: url, events, active. What waits to be sent goes to the new address. Raises DoesNotExist
        if it has just been deleted."""
        if "events" in changes:
            changes["events"] = unique(changes["events"])
        for name, value in changes.items():
            setattr(self, name, value)
        with transaction.atomic():
            Webhook.objects.select_for_update().values_list("pk").get(pk=self.pk)
            self.save(update_fields=list(changes))
            AuditEntry.objects.record(Act.WEBHOOK_CHANGED, self, changed=sorted(changes))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        about = f"webhook:{self.pk}"
        with transaction.atomic():
            # Whoever is just writing a notice for it is waited for: it goes, too.
            Webhook.objects.select_for_update().filter(pk=self.pk).values_list("pk").first()
            deleted = super().delete(*args, **kwargs)
            AuditEntry.objects.record(Act.WEBHOOK_DELETED, about, owner=str(self.user_id))
        return deleted

    def note_arrival(self) -> None:
        Webhook.objects.filter(pk=self.pk).update(last_delivered_at=timezone.now())

    def turn_off(self) -> None:
        """Nothing arrives there any more, or its receiver has said that it is gone."""
        with transaction.atomic():
            if Webhook.objects.filter(pk=self.pk, active=True).update(active=False):
                AuditEntry.objects.record(Act.WEBHOOK_CHANGED, self, changed=["active"])


def unique(events: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(events))
