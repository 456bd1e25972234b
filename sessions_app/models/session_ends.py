"""How a conversation ends: cleared, put into the trash and taken out of it, or deleted with all that hangs on it."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from chatjuicer.accounts.models import Act, AuditEntry, User
from sessions_app import signals

from .account_log import AccountEvent, charge, together
from .origins import another, known_by, noted
from .packed import PackedHistory
from .search_entry import SearchEntry
from .session_row import SessionRow
from .sessions import DELETING, NATIVE, TRASH, ChatSessionManager, TrashManager, new_name
from .share import Share
from .tally import SessionTally

if TYPE_CHECKING:
    from .session import ChatSession

DELETE_BATCH = 5_000
"""Rows that one transaction deletes: on SQLite every other writer waits meanwhile."""


class SessionEnds(SessionRow):
    """The part of a ChatSession that is about its end."""

    objects = ChatSessionManager()
    trash = TrashManager()
    with_deleting = models.Manager["ChatSession"]()

    class Meta(SessionRow.Meta):
        abstract = True

    def clear(self) -> None:
        """Empties both layers and the counters; events go on being numbered from where they are. Raises DoesNotExist
        if gone."""
        with transaction.atomic(savepoint=False), together():
            self._lock()
            self._take_back_share()
            AuditEntry.objects.note(Act.SESSION_CLEARED, self, owner=str(self.owner_id))
            if not self._is_large:
                self._empty()
                return
            signals.session_ending.send(type(self), session=self, reason="cleared")
            self._row.update(clearing=True)
        self.finish_clearing()

    def _take_back_share(self) -> None:
        """The shared page holds a copy of the history, and what is cleared is gone for everybody."""
        for share in Share.objects.filter(session_id=self.pk).only("pk").select_for_update():
            share.take_back()

    def finish_clearing(self) -> None:
        """Deletes a large history in several transactions, so that the last one is short. Nothing happens if another
        process has done so: what has been said since stays."""
        self._delete_in_batches(self._histories, clearing=True)
        with transaction.atomic(savepoint=False), together():
            if self._hold(clearing=True):
                self._empty()

    def _empty(self) -> None:
        PackedHistory.objects.drop(cast("ChatSession", self))
        signals.session_ending.send(type(self), session=self, reason="cleared")
        self._refund()
        self._row.update(
            clearing=False,
            said_bytes=0,
            message_count=0,
            total_tokens=0,
            context_tokens=0,
            last_position=0,
            leaf_id=None,
            is_tree=False,
            path_changes=0,
            answered_position=0,
            read_position=0,
            last_context_position=0,
            last_message_preview="",
            updated_at=timezone.now(),
        )
        for rows in self._histories:
            rows.delete()
        self.refresh_from_db()
        signals.session_cleared.send(type(self), session=self)

    @property
    def _histories(self) -> list["models.QuerySet[Any]"]:
        session = cast("ChatSession", self)
        found = session.search_entries.filter(kind=SearchEntry.Kind.MESSAGE)
        return [session.messages.all(), session.context_items.all(), session.compactions.all(), found]

    def discard(self) -> None:
        """Puts it into the trash; without a trash, and in other namespaces, from which nothing can be restored, as
        `remove`. Raises DoesNotExist if gone."""
        if not settings.TRASH_DAYS or self.namespace != NATIVE:
            self.remove()
            return
        with transaction.atomic(savepoint=False), together():
            self._lock()
            signals.session_ending.send(type(self), session=self, reason="deleted")
            self._row.update(namespace=f"{TRASH}{self.pk.hex}", deleted_at=timezone.now(), active_slot=None)
            self._note_removed()

    def restore(self) -> None:
        """Takes it out of the trash, under its name, or a new one where that is taken. Raises DoesNotExist if it is not
        there."""
        row, now = type(self).trash.filter(pk=self.pk), timezone.now()
        back: dict[str, Any] = {"namespace": NATIVE, "deleted_at": None, "updated_at": now}
        with transaction.atomic(savepoint=False), together():
            # Whoever imports the same at the same time waits here, or is waited for.
            User.objects.hold(self.owner_id)
            if type(self).objects.filter(known_by(noted(self)), owner=self.owner_id).exists():
                back["origin"] = another(self)
            try:
                with transaction.atomic():
                    restored = row.update(**back)
            except IntegrityError:
                restored = row.update(**back, public_id=new_name())
            if not restored:
                raise type(self).DoesNotExist
            self.refresh_from_db()
            signals.session_restored.send(type(self), session=self)
            signals.session_updated.send(type(self), session=self)
            SessionTally.objects.change(self.owner_id, NATIVE, +1)

    def remove(self) -> None:
        """Deletes the session, in the trash or not, and all that hangs on it. Raises DoesNotExist if gone."""
        if self.deleted_at:
            self._remove_from_trash()
            return
        with transaction.atomic(savepoint=False), together():
            self._lock()
            signals.session_ending.send(type(self), session=self, reason="deleted")
            if not self._is_large:
                self._delete()
                self._note_removed(for_good=True)
                return
            # Its name is free at once.
            self._row.update(namespace=DELETING, public_id=f"deleting:{uuid.uuid4().hex}", active_slot=None)
            self._note_removed(for_good=True)
        self.finish_removing()

    def _remove_from_trash(self) -> None:
        """Its runs ended, and its name became free, when it was put there."""
        doomed = {"namespace": DELETING, "public_id": f"deleting:{uuid.uuid4().hex}", "deleted_at": None}
        with transaction.atomic(savepoint=False):
            if not type(self).trash.filter(pk=self.pk).update(**doomed):
                raise type(self).DoesNotExist
            signals.session_purged.send(type(self), session_pk=self.pk, owner_id=self.owner_id)
        self.finish_removing()

    def finish_removing(self) -> None:
        """Deletes what is left of a session that is marked DELETING; nothing happens if nothing is."""
        self._delete_in_batches([self._hanging(relation) for relation in self._meta.related_objects])
        with transaction.atomic(savepoint=False):
            if self._hold():
                self._delete()

    def _delete(self) -> None:
        """The row and what hangs on it; the instance keeps its key."""
        self._refund()
        type(self).with_deleting.filter(pk=self.pk).delete()

    def _refund(self) -> None:
        """What was said in it counts no more against its owner's quota."""
        said_bytes = type(self).with_deleting.filter(pk=self.pk).values_list("said_bytes", flat=True).first()
        charge(self.owner_id, -(said_bytes or 0))

    def _note_removed(self, *, for_good: bool = False) -> None:
        SessionTally.objects.change(self.owner_id, self.namespace, -1)
        AccountEvent.objects.note(cast("ChatSession", self), AccountEvent.Type.DELETED)
        gone = {"session_pk": self.pk, "public_id": self.public_id, "owner_id": self.owner_id}
        signals.session_deleted.send(type(self), **gone, for_good=for_good)

    @property
    def _is_large(self) -> bool:
        return self.message_count + self.last_context_position + self.last_seq - self.forgotten_seq > DELETE_BATCH

    def _delete_in_batches(self, histories: Iterable["models.QuerySet[Any]"], **values: bool) -> None:
        """Each batch holds the session's row, so that two processes that delete the same session take turns. Stops when
        the row has not these values any more."""
        for rows in histories:
            batch = rows.model._default_manager.filter(pk__in=rows.values("pk")[:DELETE_BATCH])
            more = True
            while more:
                with transaction.atomic(savepoint=False):
                    more = self._hold(**values) and bool(batch.only("pk").delete()[0])  # a row need not be read

    def _hold(self, **values: bool) -> bool:
        """As `_lock`, also for a session that is being deleted; False if it is gone, or has not these values."""
        row = type(self).with_deleting.filter(pk=self.pk, **values).select_for_update()
        return bool(row.values_list("pk").first())

    def _hanging(self, relation: "models.ForeignObjectRel") -> "models.QuerySet[Any]":
        return relation.related_model._default_manager.filter(**{relation.field.name: self})

    def _lock(self) -> None:
        """Holds writers of this session back until the transaction ends."""
        if not self._row.select_for_update().values_list("pk").first():
            raise type(self).DoesNotExist

    @property
    def _row(self) -> "models.QuerySet[ChatSession]":
        return type(self).objects.filter(pk=self.pk)
