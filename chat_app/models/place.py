"""Where in the tree of messages a run answers: the path that it needs comes into view when it begins.

What waits in the queue is not in a branch yet. It stands at the end of the visible path, and comes along when another
path comes into view. Only while another answer to older words is being given does it stand back, so that nothing comes
between the words and their versions of an answer; it comes back into view when its turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from chat_app import protocol
from chat_app.log.record import record
from chat_app.log.session_events import message_created
from sessions_app.models import AccountEvent, ChatSession, Message
from sessions_app.models.tree import PathChange, Tree, end_of_other_branch, show

from .ending import text_so_far
from .inputs import context_item
from .run_row import RunRow
from .status import RunStatus

CONTINUE_NOTE = (
    "Go on with your last answer from exactly where it ends. Do not repeat any of it, and do not comment on the break."
)
OUTPUTS = ("assistant", "tool_call")


def take_place(run: RunRow, session: ChatSession, words: Sequence[Message]) -> None:
    """Brings the run's place into view; nothing happens where its words stand at the end of the visible path."""
    if words and words[-1].visible and run.below is None:
        return
    if run.continues:
        _go_on(run, session, run.continues)
        return
    own = [message.pk for message in words]
    if not words:
        note_change(session, show_path(session, run.below, bring_along=False))
    elif run.below:  # other words in the place of older ones
        tree = Tree(session)
        for message in words:
            message.sibling_count = len(tree.versions(message.pk))
        change = show_path(session, tree.leaf_below(own[-1]), own=own)
        note_change(session, change, [message_created(message) for message in words])
    elif change := show_path(session, end_of_answers(session), own=own):
        for message in words:
            message.position = change.moved[message.pk]
        run.first_position = words[0].position
        note_change(session, change)


def place_aside(session: ChatSession, live: Sequence[RunRow]) -> UUID | None:
    """The message that new words follow out of view, where they would come between another answer, which has yet to
    say its first word, and what it answers; else None."""
    active = next((run for run in live if run.started_at and run.below and not run.input_count), None)
    if active is None or session.messages.filter(run_id=active.pk, role__in=OUTPUTS).exists():
        return None
    return end_of_other_branch(session, active.below)


def _go_on(run: RunRow, session: ChatSession, message_id: UUID) -> None:
    message = session.messages.get(pk=message_id)
    if not message.visible:
        note_change(session, show_path(session, Tree(session).leaf_below(message_id)))
    if message.role == Message.Role.ASSISTANT:
        message.reopen(run.pk)
    note = {"role": "system", "content": CONTINUE_NOTE}
    session.add_context([note], run_id=run.pk, message_ids=[message_id])


def continued_of(run: RunRow, session: ChatSession) -> tuple[UUID, str, str] | None:
    """The answer in which the run goes on, its text and its reasoning so far."""
    if not run.continues:
        return None
    message = session.messages.filter(pk=run.continues, status=Message.Status.PENDING).first()
    return (message.pk, message.content, message.reasoning) if message else None


def said_before(run: RunRow, session: ChatSession) -> protocol.Delta | None:
    """Of what the run has begun since its latest `stream_start`, the text that was said before that: the answer in
    which it goes on had it already, and no delta of the run holds it."""
    if not run.continues:
        return None
    message = session.messages.filter(run.answer, pk=run.continues, role=Message.Role.ASSISTANT).first()
    if message is None:
        return None
    text = message.content
    if message.status != Message.Status.PENDING:
        text = text.removesuffix(text_so_far(session.pk, message.pk, run.first_seq or 0))
    return protocol.Delta(text, message.pk) if text else None


def words_of(run: RunRow, session: ChatSession) -> str:
    """What a run without words of its own answers."""
    if run.input_count:
        return ""
    own = Q(run_id=run.first_run, role=Message.Role.USER) if run.first_run else Q(pk=run.below)
    return session.messages.filter(own).order_by("position").values_list("content", flat=True).first() or ""


def give_back_place(run: RunRow, session: ChatSession) -> None:
    """Another answer was stopped before its first word: the one before it comes back into view."""
    said = session.messages.filter(run_id=run.pk, role__in=OUTPUTS)
    if run.below is None or run.started_at is None or said.exists():
        return
    session.context_items.filter(run_id=run.pk).delete()
    note_change(session, show_path(session, Tree(session).leaf_below(run.below)))


def show_path(
    session: ChatSession, leaf: UUID | None, *, bring_along: bool = True, own: Sequence[UUID] = ()
) -> PathChange | None:
    """Makes the path to `leaf` the visible one. Words that wait come along: a run's `own` before the others."""
    waiting, silent = waiting_words(session)
    coming = [*own, *(key for key in waiting if key not in own)] if bring_along else []
    change = show(session, leaf, items_of, coming, {*silent, *own})
    if change is not None:
        for key, position in change.moved.items():
            if run_id := waiting.get(key):
                session.runs.filter(pk=run_id).update(first_position=position)
    return change


def waiting_words(session: ChatSession) -> tuple[dict[UUID, UUID | None], set[UUID]]:
    """Messages at the end of the queue's path, in order, each with the run that it is the first one of; and all of
    which the model has not been told yet, those in other places included."""
    waiting: dict[UUID, UUID | None] = {}
    silent: set[UUID] = set()
    untold = session.runs.filter(Q(status=RunStatus.QUEUED) | Q(unheard=True), input_count__gt=0)
    for run in untold.order_by("first_position", "created_at").defer("state"):
        keys = list(run.inputs().values_list("pk", flat=True))
        silent.update(keys)
        if run.status == RunStatus.QUEUED and run.below is None:
            waiting.update({key: None if number else run.pk for number, key in enumerate(keys)})
    return waiting, silent


def end_of_answers(session: ChatSession) -> UUID | None:
    """The last visible message before those that wait."""
    waiting, _ = waiting_words(session)
    rows = session.messages.filter(visible=True).order_by("-position").values_list("pk", flat=True)
    return next((key for key in rows.iterator(20) if key not in waiting), None)


def note_change(session: ChatSession, change: PathChange | None, others: Sequence[protocol.Event] = ()) -> None:
    """Tells all windows what to load, and the account's devices what the list shows now."""
    if change is not None:
        changed = protocol.PathChanged(change.leaf_id, change.from_position, session.message_count)
        record(session, [*others, changed])
        AccountEvent.objects.note(session, AccountEvent.Type.UPDATED)


def items_of(message: Message) -> list[dict[str, Any]]:
    """What the model is given of a message whose own items are gone."""
    if message.role == Message.Role.USER:
        return [context_item(message)]
    return [{"role": message.role, "content": message.content}]
