"""What a person left behind in a session: how far they have read, and what they have begun to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Least

from chatjuicer.encryption import EncryptedTextField

from .account_log import AccountEvent
from .message import Message

if TYPE_CHECKING:
    from .session import ChatSession

MAX_DRAFT_CHARS = 32_000
"""Lists carry drafts."""


class Marks(models.Model):
    """The part of a ChatSession that is about its reader."""

    answered_position = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="of the newest message that an assistant said"
    )
    read_position = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    draft = EncryptedTextField(max_length=MAX_DRAFT_CHARS, blank=True, default="", db_default="", editable=False)

    class Meta:
        abstract = True

    @property
    def unread(self) -> bool:
        return self.answered_position > self.read_position

    @property
    def kept_draft(self) -> str | None:
        return self.draft or None

    def keep_draft(self, content: str) -> None:
        """Told to the account's devices; an empty one is forgotten. Raises DoesNotExist if the session is gone."""
        with transaction.atomic(savepoint=False):
            self._leave(AccountEvent.Type.DRAFT, draft=content)

    def mark_read(self, position: int) -> None:
        """Up to there, at most to the end. Raises DoesNotExist if the session is gone."""
        session = cast("ChatSession", self)
        changes: dict[str, Any] = {"read_position": Least(F("last_position"), Value(position))}
        with transaction.atomic(savepoint=False):
            # Locks the row: no answer comes between the look and the change.
            session.__class__.objects.select_for_update().filter(pk=self.pk).values_list("pk").first()
            answers = session.messages.filter(position__gt=position, role=Message.Role.ASSISTANT, visible=True)
            if not session.packed and not answers.exists():  # what was said there may be gone
                changes["answered_position"] = Least(F("answered_position"), Value(position))
            self._leave(AccountEvent.Type.READ, **changes)

    def _leave(self, type: AccountEvent.Type, **changes: Any) -> None:
        """Writes the changes, and tells the account's devices if they have changed anything."""
        session = cast("ChatSession", self)
        before = (self.read_position, self.unread, self.draft)
        if not session.__class__.objects.filter(pk=self.pk).update(**changes):
            raise session.__class__.DoesNotExist
        self.refresh_from_db(fields=["answered_position", "read_position", "draft"])
        if before != (self.read_position, self.unread, self.draft):
            AccountEvent.objects.note(session, type)
