"""What one transaction adds to a session, written together: the rows, and one UPDATE of the session's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from chatjuicer.encryption import storable
from sessions_app.preview import preview_of

from .account_log import AccountEvent, charge
from .compaction import Compaction, CompactionDraft
from .context import ContextItem
from .draft import MessageDraft
from .message import SPOKEN, Message, bytes_completed, bytes_said
from .search_entry import REPLACING, SearchEntry
from .statements import Sql, Writes, as_param, columns_of, countable, field_of, loaded, rows_of

if TYPE_CHECKING:
    from .session import ChatSession


class Addition:
    """The session is locked, or holds what its row says in this transaction: the numbers are given out here.

    Nothing else of the transaction may change the session's row before `write`.
    """

    def __init__(self, session: ChatSession, writes: Writes | None = None) -> None:
        self.session = session
        self.writes = Writes() if writes is None else writes
        self.now = timezone.now()
        self._changes: dict[str, Any] = {}
        self._completed: UUID | None = None
        self._said_bytes = 0

    def change(self, **values: Any) -> None:
        """Values of the session's own fields."""
        for name, value in values.items():
            setattr(self.session, name, value)
        self._changes |= values

    def messages(self, drafts: Iterable[MessageDraft], aside: UUID | None = None) -> list[Message]:
        """The drafts as messages at the end of the visible path; or out of view, after the message `aside`, which may
        be NO_PARENT."""
        drafts = list(drafts)
        if not drafts:
            return []
        session = self.session
        messages = [Message.from_draft(draft) for draft in drafts]
        parent_id = session.leaf_id if aside is None else aside
        for position, (message, draft) in enumerate(zip(messages, drafts, strict=True), session.last_position + 1):
            message.session = session
            message.position = position
            message.created_at = draft.created_at or self.now
            message.parent_id, parent_id, message.visible = parent_id, message.pk, aside is None
        self._said_bytes += sum(map(bytes_said, messages))
        self.writes.insert(messages)
        self.writes.insert(SearchEntry.objects.of_messages(session, messages), ending=REPLACING)
        last_position = session.last_position + len(messages)
        self.change(last_position=last_position, last_used_at=self.now, updated_at=self.now)
        if aside is None:
            self._shown(messages)
        else:
            self.change(is_tree=True)
        return messages

    def say_draft(self, texts: Iterable[str]) -> None:
        """What the person says is a draft no more, though whoever sent it could not tell so."""
        draft = self.session.draft.strip()
        if draft and any(text.strip() == draft for text in texts):
            self.change(draft="")

    def _shown(self, messages: Sequence[Message]) -> None:
        self.change(message_count=self.session.message_count + len(messages), leaf_id=messages[-1].pk)
        if answers := [message.position for message in messages if message.role == Message.Role.ASSISTANT]:
            self.change(answered_position=answers[-1])
        spoken = (preview_of(message.content) for message in reversed(messages) if message.role in SPOKEN)
        if preview := next(filter(None, spoken), None):
            self.change(last_message_preview=preview)
            self._completed = None

    def amend(self, changes: Mapping[UUID, Mapping[str, Any]]) -> None:
        """Messages that an earlier transaction has begun, by their ids; nothing happens to those that are finished."""
        if not changes:
            return
        places = ",".join(["%s"] * len(changes))
        for row in rows_of(PENDING.format(places=places), [as_param(Message, pk) for pk in changes]):
            message = loaded(Message, row, *SAID)
            of_message = changes[message.pk]
            self._said_bytes += bytes_completed(of_message, *map(bool, row[-2:]))
            self.writes.update(Message, "id=%s", [as_param(Message, message.pk)], **of_message)
            if "status" in of_message:
                self._index(message, of_message)
            if preview := preview_of(of_message.get("content", "")):
                self.change(last_message_preview=preview, updated_at=self.now)
                self._completed = message.pk

    def _index(self, message: Message, ending: Mapping[str, Any]) -> None:
        """Adds the messages to the index of the search."""
        message.content = storable(ending.get("content", ""))
        message.tool_result = storable(ending.get("tool_result", ""))
        self.writes.insert(SearchEntry.objects.of_messages(self.session, [message]), ending=REPLACING)

    def context(
        self, items: Sequence[dict[str, Any]], run_id: UUID | None = None, message_ids: Sequence[UUID | None] = ()
    ) -> None:
        """Appends the items, verbatim, to what the model is given; `message_ids` as of ChatSession.add_context."""
        if not items:
            return
        session = self.session
        rows = [
            ContextItem.holding(item, session=session, run_id=run_id, position=position, created_at=self.now)
            for position, item in enumerate(items, session.last_context_position + 1)
        ]
        for row, message_id in zip(rows, message_ids, strict=False):
            row.message_id = message_id
        self.writes.insert(rows)
        self.change(last_context_position=session.last_context_position + len(items))

    def compact(self, draft: CompactionDraft) -> None:
        """As `ChatSession.compact`, with all else that the transaction adds."""
        if Compaction.objects.put(self.session, draft) is not None:
            self.change(context_tokens=draft.tokens_after, updated_at=self.now)

    def number(self, count: int) -> int:
        """The first of so many numbers for events."""
        first = self.session.last_seq + 1
        self.change(last_seq=self.session.last_seq + count)
        return first

    def settle(self, state: str, usage: Mapping[str, int]) -> None:
        """After a run: the state it leaves, what it used, and how much the model was given at its end. Of a run that
        used nothing, nothing is counted."""
        self.change(state=state)
        if total := max(usage.get("total_tokens") or 0, 0):
            self.change(
                total_tokens=self.session.total_tokens + total,
                context_tokens=countable(usage.get("context_tokens") or 0),
                updated_at=self.now,
            )

    def gather(self) -> None:
        """The session's UPDATE joins the other writes; nothing can be added after it."""
        changes, self._changes = self._changes, {}
        if said_bytes := self._said_bytes:
            self._said_bytes = 0
            changes["said_bytes"] = Sql('"said_bytes" + %s', [said_bytes])
            if "said_bytes" in self.session.__dict__:  # the journal reads no more of a session than it needs
                self.session.said_bytes += said_bytes
            charge(self.session.owner_id, said_bytes)
        if "draft" in changes:
            AccountEvent.objects.note(self.session, AccountEvent.Type.DRAFT)
        if "state" in changes:
            AccountEvent.objects.note(self.session, AccountEvent.Type.STATE)
        if changes:
            if self._completed is not None:
                changes["last_message_preview"] = self._preview_unless_later(changes["last_message_preview"])
            model = type(self.session)
            self.writes.update(model, "id=%s", [as_param(model, self.session.pk)], **changes)

    def _preview_unless_later(self, preview: str) -> Sql:
        """What is said after an answer was begun, and before it is complete, stays the session's latest."""
        field = field_of(type(self.session), "last_message_preview")
        return Sql(LATEST_PREVIEW, [as_param(Message, self._completed), field.get_db_prep_save(preview, connection)])

    def write(self) -> None:
        self.gather()
        self.writes.make()


# What is not read of a message to change it; it may be long.
SAID = ("content", "tool_arguments", "tool_result", "reasoning", "error_message", "metadata")
PENDING = f"""
SELECT {columns_of(Message, "message", *SAID)}, tool_arguments <> '', reasoning <> ''
FROM "{Message._meta.db_table}" message WHERE id IN ({{places}}) AND status = 'pending'
"""  # noqa: S608
LATEST_PREVIEW = f"""
CASE WHEN EXISTS (
  SELECT 1 FROM "{Message._meta.db_table}" completed JOIN "{Message._meta.db_table}" later
  ON later.session_id = completed.session_id AND later.position > completed.position
  WHERE completed.id = %s AND later.role IN ('user', 'assistant') AND later.content <> '' AND later.visible)
THEN last_message_preview ELSE %s END
"""  # noqa: S608
