"""Everything that may be done to a conversation while it goes on. How it ends: session_ends.py."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from sessions_app import catalogue, signals
from sessions_app.allowed import require_allowed
from sessions_app.exceptions import SessionInactive
from sessions_app.search.shelves import OFF

from .account_log import together
from .addition import Addition
from .compaction import Compaction, CompactionDraft
from .draft import MessageDraft
from .message import Message
from .packed import PackedHistory
from .search_entry import SearchEntry
from .session_ends import SessionEnds
from .usual import changes_with_agent, with_flags


class ChatSession(SessionEnds):
    """A conversation of one owner."""

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
        """Whether the model is always given all of the message. A pinned message of which a summary has taken the place
        is given again at once; an unpinned one stays until the context is next compacted."""
        with transaction.atomic(savepoint=False):
            self._lock()
            self.messages.filter(pk=message.pk).update(pinned=pinned)
            message.pinned = pinned
            if pinned:
                items = self.context_items.filter(message_id=message.pk)
                Compaction.objects.give_again(self, [item.position for item in items if item.is_said])

    def undo_compaction(self) -> Compaction | None:
        """Takes the latest compaction back: the model is given again what it replaced. None where there is none."""
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
        """Locks the row and reads its counters again, so that no number is given out twice."""
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

    def unpack(self) -> None:
        """Write packed rows back, if there are any. Raises DoesNotExist if the session is gone."""
        PackedHistory.objects.unpack(self)

    # Settings

    def configure(self, **changes: Any) -> None:
        """What a person sets: title, pinned, archived, model, reasoning_effort, mcp_config, disabled_tools, agent_name,
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
        """Tells clients of a change that they see in the session but that is not in its row, such as the name of its
        project; nothing happens if it is gone."""
        with transaction.atomic(savepoint=False), together(), suppress(ChatSession.DoesNotExist):
            self.refresh_from_db()
            signals.session_updated.send(type(self), session=self)

    def backdate(self, *, created_at: datetime, updated_at: datetime) -> None:
        """For a session that is imported with its messages: the times that it had there. It counts as read."""
        newest = self.messages.order_by("-position").values_list("created_at", flat=True).first()
        self._row.update(
            created_at=created_at,
            updated_at=updated_at,
            last_used_at=newest or created_at,
            read_position=F("last_position"),
        )

    def spoken_to(self, signed_in: bool) -> str:
        """The dialect of plain sockets of clients that have signed in, or of those that need not."""
        to_signed_in, differs, to_others = self.dialect.partition("/")
        return to_others if differs and not signed_in else to_signed_in

    def speak(self, dialect: str, signed_in: bool) -> None:
        """Sets that of sockets that are opened from now on; no statement where it is that one already. Of two clients
        of which only one signs in, as of the desktop's two generations, each keeps its own."""
        to_signed_in, to_others = (dialect if signed_in is one else self.spoken_to(one) for one in (True, False))
        dialects = to_signed_in if to_signed_in == to_others else f"{to_signed_in}/{to_others}"
        if self.dialect != dialects:
            self._row.update(dialect=dialects)
            self.dialect = dialects

    def deactivate(self) -> None:
        """Makes it take no more messages; nothing happens if it takes none already, or is gone."""
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
        """Notes that all its texts are in the index, under the scheme of that name."""
        with transaction.atomic(savepoint=False):
            if name != OFF and self._hold():
                SearchEntry.objects.put_title(self)
            type(self).with_deleting.filter(pk=self.pk).update(search_scheme=name)
