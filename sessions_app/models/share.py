"""A session's page for whoever has its address."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chatjuicer.accounts.models import Act, AuditEntry
from chatjuicer.accounts.sealing import digest
from chatjuicer.compression import compressed, decompressed
from chatjuicer.encryption import EncryptedTextField
from sessions_app.exceptions import NotToBeCopied

from .draft import MessageDraft
from .sessions import NATIVE, known

if TYPE_CHECKING:
    from chatjuicer.accounts.models import User

    from .session import ChatSession

TOKEN_BYTES = 24


class ShareManager(models.Manager["Share"]):
    def put(self, session: ChatSession, page: str, said: list[dict[str, Any]], expires_at: datetime | None) -> Share:
        """What the page shows from now on; its address stays while there is one. `said` are the same messages, as of a
        MessageDraft, for copies. Raises DoesNotExist, of the session, if that has just been deleted."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        shown = {
            "title": session.title,
            "content": compressed(page.encode()),
            "said": compressed(orjson.dumps(said)),
            "expires_at": expires_at,
            "shared_at": timezone.now(),
        }
        with transaction.atomic():
            # Whoever deletes it now waits until there is a page, which goes with it.
            type(session).objects.select_for_update(no_key=True).filter(known()).values_list("pk").get(pk=session.pk)
            self.expired().filter(session=session).delete()
            share, _ = self.update_or_create(
                session=session, defaults=shown, create_defaults={"token": token, "digest": digest(token), **shown}
            )
            AuditEntry.objects.note(Act.SHARED, session)
        return share

    def expired(self) -> models.QuerySet[Share]:
        return self.filter(expires_at__lte=timezone.now())

    def of(self, session: ChatSession) -> Share:
        """Raises DoesNotExist."""
        return self._current().get(session=session)

    def by(self, owner: User) -> models.QuerySet[Share]:
        """Without what the pages say. The latest first."""
        shares = self._current().filter(known("session__"), session__owner=owner, session__namespace=NATIVE)
        return shares.select_related("session").defer("content", "said").order_by("-shared_at", "-pk")

    def at(self, token: str) -> Share:
        """What stands at the address, as long as its session and its owner's account do. Raises DoesNotExist."""
        return self._current().filter(known("session__"), session__owner__is_active=True).get(digest=digest(token))

    def _current(self) -> models.QuerySet[Share]:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


class Share(models.Model):
    session = models.OneToOneField(
        "sessions_app.ChatSession", models.CASCADE, primary_key=True, related_name="shared_page"
    )
    token = EncryptedTextField(help_text="of the address")
    digest = models.CharField(max_length=64, unique=True, help_text="of the token, by which it is found")
    title = EncryptedTextField(blank=True, default="")
    content = EncryptedTextField(help_text="compressed HTML of the messages")
    said = EncryptedTextField(
        blank=True, default="", db_default="", help_text="compressed JSON of the messages; empty: of an older version"
    )
    shared_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ShareManager] = ShareManager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="share_expiry")]

    def __str__(self) -> str:
        return f"shared at {self.shared_at:%Y-%m-%d %H:%M}"

    @property
    def page(self) -> str:
        return decompressed(self.content).decode()

    @property
    def can_be_copied(self) -> bool:
        return bool(self.said)

    @property
    def drafts(self) -> list[MessageDraft]:
        """What the page shows, as messages of somebody else's session. Raises NotToBeCopied."""
        if not self.can_be_copied:
            raise NotToBeCopied()
        return [MessageDraft(**said) for said in orjson.loads(decompressed(self.said))]

    def take_back(self) -> None:
        """The address leads nowhere from now on. Raises DoesNotExist if it does so already."""
        with transaction.atomic():
            if not Share.objects.filter(pk=self.pk).delete()[0]:
                raise Share.DoesNotExist
            AuditEntry.objects.note(Act.SHARE_TAKEN_BACK, f"chatsession:{self.session_id}")
