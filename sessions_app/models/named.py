"""What a person names and keeps for use in any session: their own, and what administrators have made for all."""

from __future__ import annotations

import re
import uuid
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from chatjuicer.accounts.audited import note_change
from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.api.exceptions import NameTaken
from sessions_app.exceptions import TooMany

MAX_NAME_CHARS = 64

T = TypeVar("T", bound="Named")


def is_for_all(named: Named) -> bool:
    return named.owner_id is None


class NamedManager(models.Manager[T]):
    def visible_to(self, user_pk: UUID) -> QuerySet[T]:
        """The user's own and those for all, by name, the own ones first."""
        mine = self.filter(Q(owner=user_pk) | Q(owner=None))
        return mine.order_by(F("owner").asc(nulls_last=True), "name")

    def called(self, user_pk: UUID, name: str) -> T | None:
        """The user's own of that name, or else the one for all."""
        return self.visible_to(user_pk).filter(name=name).first()

    def keep(self, owner: User, **fields: Any) -> T:
        """A new one of the owner's. Raises NameTaken, TooMany."""
        with transaction.atomic():
            User.objects.hold(owner.pk)
            own = self.filter(owner=owner)
            if own.count() >= self.model.MOST:
                raise TooMany(
                    f"You have {self.model.MOST} {self.model._meta.verbose_name_plural}, the most there can be."
                )
            self.model.require_free(owner.pk, fields["name"])
            return self.create(owner=owner, **fields)

    def keep_for_all(self, **fields: Any) -> T:
        """A new one for all. Raises NameTaken."""
        self.model.require_free(None, fields["name"])
        try:
            with transaction.atomic():
                return self.create(owner=None, **fields)
        except IntegrityError:  # of two at a time; no row of an owner holds one of them up
            raise NameTaken() from None


class Named(models.Model):
    MOST: ClassVar[int]
    """One owner's at most."""
    DELETED: ClassVar[Act]
    """What the audit log calls it where an owner's is deleted; of one for all, a setting is."""
    NAME: ClassVar[re.Pattern[str]]
    NAME_IS: ClassVar[str]
    """The same in words."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="%(class)ss",
        db_index=False,
        help_text="whose it is; empty: for all",
    )
    name = models.CharField(max_length=MAX_NAME_CHARS)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_%(class)s_per_name"),
            models.UniqueConstraint(fields=["name"], condition=Q(owner=None), name="one_%(class)s_for_all_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Of what comes from the admin. Raises ValidationError."""
        if not self.NAME.fullmatch(self.name):
            raise ValidationError({"name": self.NAME_IS})

    @classmethod
    def require_free(cls, owner_pk: UUID | None, name: str) -> None:
        """Raises NameTaken."""
        if cls._default_manager.filter(owner=owner_pk, name=name).exists():
            raise NameTaken()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            about, owner_id = f"{self._meta.model_name}:{self.pk}", self.owner_id
            gone = super().delete(*args, **kwargs)
            if owner_id:
                AuditEntry.objects.note(self.DELETED, about, owner=str(owner_id))
        return gone

    def change(self, **changes: Any) -> None:
        """What a person sets. Raises NameTaken, and DoesNotExist if it is gone."""
        with transaction.atomic():
            if changes.get("name", self.name) != self.name:
                if self.owner_id:
                    User.objects.hold(self.owner_id)
                self.require_free(self.owner_id, changes["name"])
            row = type(self)._default_manager.filter(pk=self.pk)
            held = row.values(*changes).first() if is_for_all(self) else None
            row.update(**changes, updated_at=timezone.now())
            self.refresh_from_db()
            if held and (changed := [name for name, value in changes.items() if held[name] != value]):
                note_change(Act.SETTING_CHANGED, self, changed=changed)
