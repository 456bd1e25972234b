"""Everything that may be done to a conversation."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from sessions_app import catalogue, signals
from sessions_app.allowed import require_allowed
from sessions_app.exceptions import SessionInactive
from sessions_app.search.shelves import OFF

from .account_log import AccountEvent, charge, together
from .addition import Addition
from .compaction import Compaction, CompactionDraft
from .draft import MessageDraft
from .message import Message
from .packed import PackedHistory
from .search_entry import SearchEntry
from .session_row import SessionRow
from .sessions import DELETING, NATIVE, TRASH, ChatSessionManager, TrashManager, new_name
from .share import Share
from .tally import SessionTally
from .usual import changes_with_agent, with_flags

DELETE_BATCH = 5_000
"""Rows that one transaction deletes: on SQLite every other writer waits meanwhile."""


class ChatSession(SessionRow):
    """A conversation of one owner."""

    objects = ChatSessionManager()
    trash = TrashManager()
    with_deleting: "models.Manager[ChatSession]" = models.Manager()

    # Messages and context

    def add_messages(self, drafts: Sequence[MessageDraft]) -> list[Message]:
        """The drafts as messages at the end of the history. Sends no signal; raises DoesNotExist if gone."""
        if not drafts:
            return []
        with transaction.atomic(savepoint=False):
            addition = self._addition()
            messages = addition.messages(drafts)
            addition.write()
        return messages

    def add_context(
        self, items: Iterable[dict[str, Any]], run_id: UUID | None = None, message_ids: Iterable[UUID | None] = ()
    ) -> None:
        """Appends the items, verbatim, to what the model is given; raises DoesNotExist if gone.

        `message_ids`, one for each item: the messages that they stand for, with which they come into view and go.
        """
        if not (items := list(items)):
            return
        with transaction.atomic(savepoint=False):
            addition = self._addition()
            addition.context(items, run_id, list(message_ids))
            addition.write()

    def post(
        self,
        role: str,
        content: str,
        metadata: dict[str, Any] | None = None,
        context: str | list[dict[str, Any]] | None = None,
        **fields: Any,
    ) -> Message:
        """A message for the history and for the model, that no run answers; `fields` as of a MessageDraft.

        The model is given `context` in the place of `content`, if there is any. Raises SessionInactive, and
        DoesNotExist if the session is gone.
        """
        draft = MessageDraft(role=role, content=content, metadata=metadata or {}, **fields)
        if self.packed:
            self.unpack()
        with transaction.atomic(), together():
            (message,) = self.add_messages([draft])
            if not self.is_active:
                raise SessionInactive()
            self.add_context([{"role": role, "content": context or message.content}], message_ids=[message.pk])
            signals.message_added.send(type(self), session=self, message=message)
        return message

    def settle(self, state: str, usage: Mapping[str, int]) -> None:
        """After a run; see Addition.settle. Raises DoesNotExist if gone."""
        with transaction.atomic(savepoint=False):
            addition = self._addition()
            addition.settle(state, usage)
            addition.write()

    def compact(self, draft: CompactionDraft) -> Compaction | None:
        """Puts the draft in force; None, and nothing changes, if the context is not any more what it was made of."""
        with transaction.atomic(savepoint=False):
            if not self._row.select_for_update().filter(packed=False).values_list("pk").first():
                return None
            compaction = Compaction.objects.put(self, draft)
            if compaction is not None:
                self._row.update(context_tokens=draft.tokens_after, updated_at=timezone.now())
        return compaction

    def pin(self, message: Message, pinned: bool) -> None:
        """Says that the model is always given all of the message, or not any more. Where something stands in its place
        it is given again at once; what is not pinned any more stays until room is made next."""
        with transaction.atomic(savepoint=False):
            self._lock()
            self.messages.filter(pk=message.pk).update(pinned=pinned)
            message.pinned = pinned
            if pinned:
                items = self.context_items.filter(message_id=message.pk)
                Compaction.objects.give_again(self, [item.position for item in items if item.is_said])

    def undo_compaction(self) -> Compaction | None:
        """Takes the latest compaction back, so that the model is given again what it stands for; None where there is
        none."""
        with transaction.atomic(savepoint=False):
            self._lock()
            compaction = Compaction.objects.in_force(self.pk)
            if compaction is None:
                return None
            self.compactions.filter(pk=compaction.pk).update(undone=True)
            self._row.update(context_tokens=compaction.tokens_before, updated_at=timezone.now())
            self.refresh_from_db()
            signals.session_updated.send(type(self), session=self)
        return compaction

    def _addition(self) -> Addition:
        """With the numbers of the row, which is locked now, so that it gives out each of them once."""
        numbers = ("last_position", "last_context_position", "message_count", "last_seq", "total_tokens")
        names = (*numbers, "said_bytes", "leaf_id", "is_active")
        row = self._row.select_for_update().values_list(*names, "packed").first()
        if row is None:
            raise ChatSession.DoesNotExist
        for name, value in zip((*names, "packed"), row, strict=True):
            setattr(self, name, value)
        if self.packed:
            self.unpack()
        return Addition(self)

    @property
    def _row(self) -> "models.QuerySet[ChatSession]":
        return ChatSession.objects.filter(pk=self.pk)

    def unpack(self) -> None:
        """Write packed rows back, if there are any. Raises DoesNotExist if the session is gone."""
        PackedHistory.objects.unpack(self)

    # Settings

    def configure(self, **changes: Any) -> None:
        """What a person sets: title, pinned, archived, model, reasoning_effort, mcp_config, agent_name,
        metadata, is_active, project. With another agent come the model and effort that it sets, where nobody chose
        others. Raises ModelNotAllowed, and DoesNotExist if the session, or the project, is gone.
        """
        require_allowed(self.owner_id, changes.get("model"))
        changes = with_flags(changes)
        if "agent_name" in changes:
            changes = changes_with_agent(self, changes["agent_name"]) | changes
        if "title" in changes:
            changes["is_named"] = bool(changes["title"])
        if "model" in changes:
            changes |= catalogue.context_window(changes["model"])._asdict()
        if self.packed:  # before the transaction, as it takes a while
            self.unpack()
        now = timezone.now()
        if "pinned" in changes:
            stays = When(pinned=changes["pinned"], then=F("pin_changed_at"))
            changes["pin_changed_at"] = Case(stays, default=Value(now), output_field=models.DateTimeField())
        with transaction.atomic(savepoint=False), together():
            if project := changes.get("project"):
                project.hold()
            self._row.update(**changes, updated_at=now)
            self.refresh_from_db()
            if "title" in changes:
                SearchEntry.objects.put_title(self)
            signals.session_updated.send(type(self), session=self)

    def announce(self) -> None:
        """What is shown of it has changed elsewhere, as a project's name does; nothing happens if it is gone."""
        with transaction.atomic(savepoint=False), suppress(ChatSession.DoesNotExist):
            self.refresh_from_db()
            signals.session_updated.send(type(self), session=self)

    def backdate(self, *, created_at: datetime, updated_at: datetime) -> None:
        """Of a session that comes from elsewhere, with its messages: the times that it had there. It counts as read."""
        newest = self.messages.order_by("-position").values_list("created_at", flat=True).first()
        self._row.update(
            created_at=created_at,
            updated_at=updated_at,
            last_used_at=newest or created_at,
            read_position=F("last_position"),
        )

    def speak(self, dialect: str) -> None:
        """In these words to plain sockets that are opened from now on; costs nothing where it does already."""
        if self.dialect != dialect:
            self._row.update(dialect=dialect)
            self.dialect = dialect

    def deactivate(self) -> None:
        """Takes no more messages; nothing happens if it takes none already, or is gone."""
        with transaction.atomic(savepoint=False):
            if self._row.filter(is_active=True).update(is_active=False):
                self.refresh_from_db()
                signals.session_updated.send(type(self), session=self)

    def suggest_title(self, title: str) -> bool:
        """A generated title; False if a person has named the session already, or it is gone."""
        with transaction.atomic(savepoint=False):
            unnamed = self._row.filter(is_named=False)
            if not unnamed.update(title=title[:255], updated_at=timezone.now()):
                return False
            self.refresh_from_db()
            SearchEntry.objects.put_title(self)
            signals.session_updated.send(type(self), session=self)
        return True

    # Search

    def index_some(self, below: int | None, limit: int) -> list[Message]:
        """Puts the last messages below that position into the index, at most `limit`; those, in order."""
        with transaction.atomic(savepoint=False):
            if not self._hold():  # what is deleted or cleared meanwhile must not come back
                return []
            packed = PackedHistory.objects.filter(session=self).first()
            if packed:
                messages = packed.newest(Message, limit, below, versions=True)
            else:
                rows = self.messages.all() if below is None else self.messages.filter(position__lt=below)
                messages = list(rows.order_by("-position")[:limit])[::-1]
            SearchEntry.objects.put_messages(self, messages)
        return messages

    def finish_indexing(self, name: str) -> None:
        """All that it has is in the index, under the scheme of that name."""
        with transaction.atomic(savepoint=False):
            if name != OFF and self._hold():
                SearchEntry.objects.put_title(self)
            type(self).with_deleting.filter(pk=self.pk).update(search_scheme=name)

    # Ends

    def clear(self) -> None:
        """Empties both layers and the counters; the numbers of events go on. Raises DoesNotExist if gone."""
        with transaction.atomic(savepoint=False), together():
            self._lock()
            self._take_back_share()
            if not self._is_large:
                self._empty()
                return
            signals.session_ending.send(type(self), session=self, reason="cleared")
            self._row.update(clearing=True)
        self.finish_clearing()

    def _take_back_share(self) -> None:
        """What is cleared is gone for everybody; a page holds a copy of it."""
        if Share.objects.filter(session=self).delete()[0]:
            signals.share_taken_back.send(type(self), session=self)

    def finish_clearing(self) -> None:
        """Takes a large history away in several transactions, so that the last one is short. Nothing happens if
        somebody else has done so: what has been said since stays."""
        self._delete_in_batches(self._histories, clearing=True)
        with transaction.atomic(savepoint=False), together():
            if self._hold(clearing=True):
                self._empty()

    def _empty(self) -> None:
        PackedHistory.objects.drop(self)
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
        found = self.search_entries.filter(kind=SearchEntry.Kind.MESSAGE)
        return [self.messages.all(), self.context_items.all(), self.compactions.all(), found]

    def discard(self) -> None:
        """Into the trash, where there is one for it; else as `remove`. Raises DoesNotExist if gone.

        To other namespaces no door restores anything: what is deleted there is gone.
        """
        if not settings.TRASH_DAYS or self.namespace != NATIVE:
            self.remove()
            return
        with transaction.atomic(savepoint=False), together():
            self._lock()
            signals.session_ending.send(type(self), session=self, reason="deleted")
            self._row.update(namespace=f"{TRASH}{self.pk.hex}", deleted_at=timezone.now(), active_slot=None)
            self._note_removed()

    def restore(self) -> None:
        """Out of the trash, under its name, or a new one where that is taken. Raises DoesNotExist if not there."""
        row, now = type(self).trash.filter(pk=self.pk), timezone.now()
        back: dict[str, Any] = {"namespace": NATIVE, "deleted_at": None, "updated_at": now}
        with transaction.atomic(savepoint=False), together():
            try:
                with transaction.atomic():
                    restored = row.update(**back)
            except IntegrityError:
                restored = row.update(**back, public_id=new_name())
            if not restored:
                raise ChatSession.DoesNotExist
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
                self._note_removed()
                return
            # Its name is free at once.
            self._row.update(namespace=DELETING, public_id=f"deleting:{uuid.uuid4().hex}", active_slot=None)
            self._note_removed()
        self.finish_removing()

    def _remove_from_trash(self) -> None:
        """Its runs have ended and its name is free since it came there."""
        doomed = {"namespace": DELETING, "public_id": f"deleting:{uuid.uuid4().hex}", "deleted_at": None}
        if not type(self).trash.filter(pk=self.pk).update(**doomed):
            raise ChatSession.DoesNotExist
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
        """What was said in it takes no room of its owner's any more."""
        said_bytes = type(self).with_deleting.filter(pk=self.pk).values_list("said_bytes", flat=True).first()
        charge(self.owner_id, -(said_bytes or 0))

    def _note_removed(self) -> None:
        SessionTally.objects.change(self.owner_id, self.namespace, -1)
        AccountEvent.objects.note(self, AccountEvent.Type.DELETED)
        signals.session_deleted.send(type(self), session_pk=self.pk, public_id=self.public_id, owner_id=self.owner_id)

    @property
    def _is_large(self) -> bool:
        return self.message_count + self.last_context_position + self.last_seq - self.forgotten_seq > DELETE_BATCH

    def _delete_in_batches(self, histories: Iterable["models.QuerySet[Any]"], **marks: bool) -> None:
        """Each batch holds the session's row, so that two processes that delete the same one do so in turns; and only
        while the row has these marks."""
        for rows in histories:
            batch = rows.model._default_manager.filter(pk__in=rows.values("pk")[:DELETE_BATCH])
            more = True
            while more:
                with transaction.atomic(savepoint=False):
                    more = self._hold(**marks) and bool(batch.only("pk").delete()[0])  # a row need not be read

    def _hold(self, **marks: bool) -> bool:
        """Like `_lock`, and of a session that is being deleted, too; False if it is gone, or has not these marks."""
        row = ChatSession.with_deleting.filter(pk=self.pk, **marks).select_for_update()
        return bool(row.values_list("pk").first())

    def _hanging(self, relation: "models.ForeignObjectRel") -> "models.QuerySet[Any]":
        return relation.related_model._default_manager.filter(**{relation.field.name: self})

    def _lock(self) -> None:
        """Holds writers of this session back until the transaction ends."""
        if not self._row.select_for_update().values_list("pk").first():
            raise ChatSession.DoesNotExist
