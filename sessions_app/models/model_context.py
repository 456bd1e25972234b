"""What the model is given, when another path of messages comes into view.

Each context item belongs to a message and is given to the model while that message is on the visible path, unless a
compaction stands for it (compaction.py), which is in force while the last item that it stands for is on that path.
Summaries of older versions are items themselves: each belongs to the last message that it covers, and stands for all
items up to there. Items that are not given are kept, so that a path that comes back is given as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F

from .context import ContextItem
from .message import Message
from .session import ChatSession
from .statements import update_returning

CHUNK = 500
SUMMARY_TOOL = "summarize_conversation"
"""The tool call by which a summary stands in the history; of it the model is given nothing."""


@dataclass(slots=True)
class Row:
    """A context item without what it says."""

    pk: int
    position: int
    message_id: UUID | None
    visible: bool
    summary: bool


def follow(
    session: ChatSession,
    path: Sequence[UUID],
    items_of: Callable[[Message], list[dict[str, Any]]],
    silent: Iterable[UUID] = (),
) -> None:
    """Gives the model what belongs to the messages of `path`, in the caller's transaction; of `silent` ones nothing."""
    rows = linked_rows(session)
    place = {key: number for number, key in enumerate(path)}
    summary = _summary_in_force(rows, place)
    given = [row for row in rows if row is summary or _is_given(row, summary, place)]
    wanted = {row.pk for row in given}
    _set_visible(session, [row.pk for row in rows if row.visible and row.pk not in wanted], False)
    _set_visible(session, [row.pk for row in given if not row.visible], True)
    covered = place[summary.message_id] if summary and summary.message_id else -1
    complete = {row.message_id for row in rows if not row.summary}.union(silent)
    bare = [key for key in path[covered + 1 :] if key not in complete]
    if bare:
        _fill(session, given, place, bare, items_of)


def _summary_in_force(rows: list[Row], place: dict[UUID, int]) -> Row | None:
    found = [row for row in rows if row.summary and row.message_id in place]
    return max(found, key=lambda row: (place[row.message_id], row.position), default=None)  # type: ignore[index]


def _is_given(row: Row, summary: Row | None, place: dict[UUID, int]) -> bool:
    if row.summary or row.message_id not in place:
        return False
    if summary is None or summary.message_id is None:
        return True
    ahead = place[row.message_id] - place[summary.message_id]
    return ahead > 0 or (ahead == 0 and row.position > summary.position)


def _set_visible(session: ChatSession, keys: Sequence[int], visible: bool) -> None:
    for start in range(0, len(keys), CHUNK):
        session.context_items.filter(pk__in=keys[start : start + CHUNK]).update(visible=visible)


def _fill(
    session: ChatSession,
    given: list[Row],
    place: dict[UUID, int],
    bare: Sequence[UUID],
    items_of: Callable[[Message], list[dict[str, Any]]],
) -> None:
    """Items for messages that have none, such as those that a summary of an older version has taken the place of. What
    comes after the first of them moves behind it."""
    messages = {message.pk: message for message in session.messages.filter(pk__in=list(bare))}
    made = [(key, items) for key in bare if (items := _items(messages[key], items_of))]
    if not made:
        return
    after = place[made[0][0]]
    later = [row for row in given if row.message_id is not None and place[row.message_id] > after]
    entries: list[tuple[int, Row | tuple[UUID, dict[str, Any]]]]
    entries = [(place[row.message_id], row) for row in later if row.message_id is not None]
    entries += [(place[key], (key, item)) for key, items in made for item in items]
    for _, entry in sorted(entries, key=lambda each: each[0]):
        if isinstance(entry, Row):
            session.context_items.filter(pk=entry.pk).update(position=_next_position(session))
        else:
            key, item = entry
            session.add_context([item], run_id=messages[key].run_id, message_ids=[key])


def _next_position(session: ChatSession) -> int:
    row = ChatSession.objects.filter(pk=session.pk)
    ((position,),) = update_returning(
        row, ("last_context_position",), last_context_position=F("last_context_position") + 1
    )
    session.last_context_position = position
    return int(position)


def _items(message: Message, items_of: Callable[[Message], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """None of what is still being written, nor of what was never said."""
    if message.status == Message.Status.PENDING:
        return []
    if message.role != Message.Role.TOOL_CALL:
        return items_of(message) if message.content or message.role == Message.Role.USER else []
    if message.tool_name == SUMMARY_TOOL or not message.tool_call_id:
        return []
    call = {"call_id": message.tool_call_id, "name": message.tool_name, "arguments": message.tool_arguments or "{}"}
    output = {"call_id": message.tool_call_id, "output": message.tool_result}
    return [{"type": "function_call", **call}, {"type": "function_call_output", **output}]


def forget(session: ChatSession, gone: Collection[UUID]) -> None:
    """Deletes the items of these messages, and the summaries in which their words may stand."""
    rows = [row for row in linked_rows(session) if row.message_id in gone]
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        session.compactions.filter(through__in=[row.position for row in some]).delete()
        session.context_items.filter(pk__in=[row.pk for row in some]).delete()


def linked_rows(session: ChatSession) -> list[Row]:
    """All items in order, each with its message. Those that name none, or one that never came to be, belong to that of
    the item before them."""
    columns = ("pk", "position", "message_id", "visible", "summary")
    rows = [Row(*row) for row in session.context_items.order_by("position").values_list(*columns)]
    messages = list(session.messages.order_by("position").values_list("pk", "role", "run_id", "tool_call_id"))
    if any(row.message_id is None for row in rows):
        _link(session, rows, messages)
    known = {message[0] for message in messages}
    last = messages[0][0] if messages else None
    for row in rows:
        if row.message_id not in known:
            row.message_id = last
        elif not row.summary:
            last = row.message_id
    return rows


def _link(session: ChatSession, rows: list[Row], messages: list[tuple[UUID, str, UUID | None, str]]) -> None:
    """Finds the messages of items of older versions, which name none, and stores them."""
    calls = {call_id: key for key, role, _, call_id in messages if role == Message.Role.TOOL_CALL}
    unused: defaultdict[tuple[str, UUID | None], list[UUID]] = defaultdict(list)
    for key, role, run_id, _ in reversed(messages):
        unused[role, run_id].append(key)
    stored = session.context_items.filter(message_id=None)
    items = {item.pk: item for item in stored}
    last: UUID | None = None
    for row in rows:
        item = items.get(row.pk)
        if item is not None:
            value = item.value
            if call_id := value.get("call_id"):
                row.message_id = calls.get(call_id)
            elif same := unused.get((str(value.get("role")), item.run_id)):
                row.message_id = same.pop()
            item.message_id = row.message_id = row.message_id or last
        last = row.message_id or last
    _find_summary(rows, items, messages)
    ContextItem.objects.bulk_update(items.values(), ["message_id", "summary"], batch_size=CHUNK)


def _find_summary(
    rows: list[Row], items: dict[int, ContextItem], messages: list[tuple[UUID, str, UUID | None, str]]
) -> None:
    """A first item that stands for no message is the summary of all before the next one's."""
    item = items.get(rows[0].pk)
    if item is None or item.message_id is not None or item.value.get("role") != Message.Role.SYSTEM:
        return
    order = [message[0] for message in messages]
    following = next((row.message_id for row in rows[1:] if row.message_id), None)
    end = order.index(following) if following in order else len(order)
    if end:
        rows[0].summary = item.summary = True
        rows[0].message_id = item.message_id = order[end - 1]
