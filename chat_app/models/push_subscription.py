"""A browser that is told by Web Push, on one device of an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from chat_app.exceptions import TooManySubscriptions
from chatjuicer.accounts.models import Act, AuditEntry, TokenFamily, User
from chatjuicer.encryption import EncryptedTextField

MAX_SUBSCRIPTIONS = 50  # of one user


@dataclass(frozen=True, slots=True)
class Device:
    """Where a subscription belongs to: a sign-in, or a client that needs none, whose user's epoch it lasts for."""

    user: User
    family_id: UUID | None


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser says of itself, the keys in base64url."""

    endpoint: str
    p256dh: str
    auth: str


class PushSubscriptionQuerySet(models.QuerySet["PushSubscription"]):
    def alive(self) -> PushSubscriptionQuerySet:
        """Those whose device is signed in."""
        now = timezone.now()
        signed_in = Q(family__revoked_at=None, family__expires_at__gt=now, family__isnull=False)
        here = Q(family=None, auth_epoch=F("user__auth_epoch"))
        return self.filter(signed_in | here, user__is_active=True)

    def of_device(self, device: Device) -> PushSubscriptionQuerySet:
        return self.filter(user=device.user, family=device.family_id)

    def end(self) -> None:
        """They are told nothing more. Whoever is just writing a notice for one of them is waited for: it goes, too."""
        with transaction.atomic():
            keys = list(self.select_for_update().order_by("pk").values_list("pk", flat=True))
            self.model.objects.filter(pk__in=keys).delete()


class PushSubscriptionManager(models.Manager.from_queryset(PushSubscriptionQuerySet)):  # type: ignore[misc]
    def put(self, device: Device, browser: Browser, events: Sequence[str], *, preview: bool) -> PushSubscription:
        """The device's from now on, in the place of what it had, and of what anybody had at that endpoint: a browser
        has one person at a time. What the device has already stays as it is, with what waits to be sent there. Raises
        TooManySubscriptions."""
        try:
            return self._put(device, browser, events, preview=preview)
        except IntegrityError:  # somebody else has said the same of that endpoint at this moment
            return self._put(device, browser, events, preview=preview)

    def _put(self, device: Device, browser: Browser, events: Sequence[str], *, preview: bool) -> PushSubscription:
        digest, wanted = sha256(browser.endpoint.encode()).hexdigest(), list(dict.fromkeys(events))
        with transaction.atomic():
            User.objects.hold(device.user.pk)
            same = self.of_device(device).filter(
                auth_epoch=device.user.auth_epoch,
                digest=digest,
                p256dh=browser.p256dh,
                events=wanted,
                preview=preview,
            )
            if same.update(endpoint=browser.endpoint, auth=browser.auth):
                return same.get()
            old = Q(digest=digest)
            if device.family_id:
                old |= Q(user=device.user, family=device.family_id)
            self.filter(old).end()
            if self.filter(user=device.user).count() >= MAX_SUBSCRIPTIONS:
                raise TooManySubscriptions()
            made: PushSubscription = self.create(
                user=device.user,
                family_id=device.family_id,
                auth_epoch=device.user.auth_epoch,
                digest=digest,
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
                events=wanted,
                preview=preview,
            )
            AuditEntry.objects.note(Act.PUSH_SUBSCRIBED, made, owner=str(device.user.pk))
            return made

    def end_of(self, device: Device) -> None:
        """Because its user says so."""
        with transaction.atomic():
            ending = self.of_device(device)
            keys = list(ending.values_list("pk", flat=True))
            ending.end()
            for key in keys:
                AuditEntry.objects.note(Act.PUSH_ENDED, f"pushsubscription:{key}", owner=str(device.user.pk))


class PushSubscription(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="push_subscriptions")
    family = models.ForeignKey(TokenFamily, models.CASCADE, null=True, related_name="+", help_text="the sign-in")
    auth_epoch = models.PositiveIntegerField(help_text="of the user, when it was made")
    digest = models.CharField(max_length=64, unique=True, help_text="of the endpoint")
    endpoint = EncryptedTextField(help_text="whoever has it can send to the browser, if also the server's key")
    p256dh = models.CharField(max_length=128, help_text="the browser's public key")
    auth = EncryptedTextField(help_text="a secret of the browser")
    events = models.JSONField(help_text="of which it is told: some of Notice.Type")
    preview = models.BooleanField(default=False, help_text="whether it is told how the answer begins, too")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[PushSubscriptionManager] = PushSubscriptionManager()

    def __str__(self) -> str:
        return f"browser of {self.created_at:%Y-%m-%d %H:%M}"
