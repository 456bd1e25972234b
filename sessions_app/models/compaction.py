"""A summary in the place of the beginning of what the model is given. What it stands for is kept, so that it can be
looked at and taken back."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.utils import timezone

from chatjuicer.encryption import EncryptedTextField

from .context import ContextItem
from .message import Message

if TYPE_CHECKING:
    from .session import ChatSession


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionDraft:
    """A compaction before it is in force; fields as in `Compaction`. It is made of what stood in the context when
    `number - 1` was the session's latest compaction and `last_pk` the key of the item at `last_position`."""

    number: int
    last_pk: int
    last_position: int
    through: int
    summary: str
    kept_first: int = 0
    kept_last: int = 0
    shortened_through: int = 0
    result_tokens: int = 0
    text_tokens: int = 0
    pinned: tuple[int, ...] = ()
    passed_over: tuple[int, ...] = ()  # what else was pinned, for which there was no room
    tokens_before: int = 0
    tokens_after: int = 0

    @property
    def reach(self) -> int:
        """The last position at which the model may be given less than all."""
        return max(self.through, self.shortened_through)


class CompactionManager(models.Manager["Compaction"]):
    def in_force(self, session_pk: UUID) -> Compaction | None:
        """The one that says what the model is given; None: everything. One that stands for items of a path that is not
        visible is not: what it was made of is given again when that path comes back, and the summary with it."""
        last = ContextItem.objects.filter(session=OuterRef("session"), position=OuterRef("through"), visible=True)
        made = self.filter(Q(through=0) | Q(Exists(last)), session=session_pk, undone=False)
        return made.order_by("-number").first()

    def put(self, session: ChatSession, draft: CompactionDraft) -> Compaction | None:
        """In force, if the context of the session, which is locked, is still what the draft was made of."""
        of_session = self.filter(session=session)
        latest = of_session.aggregate(latest=models.Max("number"))["latest"] or 0
        there = session.context_items.filter(pk=draft.last_pk, position=draft.last_position, visible=True)
        if latest != draft.number - 1 or not there.exists():
            return None
        fields = asdict(draft)
        del fields["last_pk"], fields["last_position"], fields["passed_over"]
        fields["pinned"] = sorted({*draft.pinned, *(self._pinned(session, draft.reach) - {*draft.passed_over})})
        return self.create(session=session, **fields)

    def _pinned(self, session: ChatSession, reach: int) -> set[int]:
        """Positions up to there of what is pinned now: it may have been while the summary was made. What is out of view
        may come back below it."""
        pinned = Message.objects.filter(session=session, pinned=True).values("pk")
        items = session.context_items.filter(message_id__in=pinned, position__lte=reach)
        return {item.position for item in items if item.is_said}

    def give_again(self, session: ChatSession, positions: Collection[int]) -> None:
        """Whole, whichever of the session's summaries is in force, or comes back in force. The caller has locked it."""
        changed = []
        # Without their texts: of a long conversation there are many.
        for compaction in self.filter(session=session, undone=False).only("through", "shortened_through", "pinned"):
            reached = {position for position in positions if position <= compaction.reach} - {*compaction.pinned}
            if reached:
                compaction.pinned = sorted({*compaction.pinned, *reached})
                changed.append(compaction)
        self.bulk_update(changed, ["pinned"], batch_size=100)


class Compaction(models.Model):
    """Each stands for all that its session's earlier ones stand for, and for more; the latest that is not undone is in
    force. The items of the context stay as they are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey("sessions_app.ChatSession", models.CASCADE, related_name="compactions", db_index=False)
    number = models.PositiveIntegerField(help_text="1, 2, 3 … in its session")
    summary = EncryptedTextField(blank=True, default="")
    through = models.PositiveIntegerField(help_text="the summary stands for the items up to this position,")
    kept_first = models.PositiveIntegerField(default=0, db_default=0, help_text="but for those from this one")
    kept_last = models.PositiveIntegerField(default=0, db_default=0, help_text="to this one; 0: there are none")
    shortened_through = models.PositiveIntegerField(
        default=0, db_default=0, help_text="of items up to this position the model is given no more than"
    )
    result_tokens = models.PositiveIntegerField(default=0, db_default=0, help_text="of a tool's result; 0: all")
    text_tokens = models.PositiveIntegerField(default=0, db_default=0, help_text="of anything else; 0: all")
    pinned = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="positions up to both of these, of which the model is given all; they only become more",
    )
    tokens_before = models.PositiveIntegerField(default=0, db_default=0)
    tokens_after = models.PositiveIntegerField(default=0, db_default=0)
    undone = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[CompactionManager] = CompactionManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="one_compaction_per_number"),
        ]

    def __str__(self) -> str:
        return f"compaction {self.number}"

    @property
    def reach(self) -> int:
        """As of a draft."""
        return max(self.through, self.shortened_through)
