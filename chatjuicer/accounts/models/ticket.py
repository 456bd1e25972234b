import secrets
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils import timezone

from chatjuicer.accounts.models.family import TokenFamily
from chatjuicer.accounts.models.user import User
from chatjuicer.accounts.sealing import digest

LIFETIME = timedelta(seconds=30)


class WsTicketManager(models.Manager["WsTicket"]):
    def issue(self, user: User, family_id: UUID | None, key_id: UUID | None = None) -> str:
        """The ticket's text, which is kept nowhere."""
        text, until = secrets.token_urlsafe(32), timezone.now() + LIFETIME
        self.create(digest=digest(text), user=user, family_id=family_id, key_id=key_id, expires_at=until)
        return text

    def spend(self, text: str) -> "WsTicket | None":
        """The ticket, once; None for a spent, expired or unknown one, or when its owner may not come in."""
        ticket = (
            self.filter(pk=digest(text), expires_at__gt=timezone.now(), user__is_active=True)
            .select_related("user", "family__user", "key__user")
            .first()
        )
        if ticket is None or any(by and not by.is_alive for by in (ticket.family, ticket.key)):
            return None
        deleted, _ = self.filter(pk=ticket.pk).delete()
        return ticket if deleted else None


class WsTicket(models.Model):
    """Opens one socket without a token in its address."""

    digest = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ws_tickets")
    family = models.ForeignKey(TokenFamily, on_delete=models.CASCADE, null=True, related_name="ws_tickets")
    key = models.ForeignKey("accounts.ApiKey", on_delete=models.CASCADE, null=True, related_name="ws_tickets")
    expires_at = models.DateTimeField()

    objects: ClassVar[WsTicketManager] = WsTicketManager()

    def __str__(self) -> str:
        return f"ticket until {self.expires_at:%H:%M:%S}"
