"""Another try: other words, another answer, the rest of one that was cut short; and which of them is seen.

A verb that makes a run accepts it in one transaction, as `Run.objects.start` does. While another run is in progress it
waits its turn like a message: no path changes under an answer that is being written. A verb that takes the place where
an answer is being written out of view, or away, stops that answer first; what it had said is kept with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from chat_app import protocol
from chat_app.exceptions import MessageGone, NothingToContinue, NothingToRegenerate, NotWords, RunActive
from chat_app.log.commit_hooks import commit_hooks
from chat_app.log.record import add_events, lock_session, verb_transaction
from chatjuicer.accounts.models import Act, AuditEntry
from sessions_app.exceptions import SessionInactive
from sessions_app.models import Addition, ChatSession, Message, MessageDraft
from sessions_app.models.message import NO_PARENT
from sessions_app.models.model_context import SUMMARY_TOOL
from sessions_app.models.tree import Node, PathChange, Tree, add_version, remove, take_out

from .ending import CUT_REASONS
from .inputs import digest_of, user_message
from .place import (
    OUTPUTS,
    end_of_answers,
    items_of,
    note_change,
    show_path,
    take_place,
    waiting_words,
)
from .run import Run, Started
from .status import LIVE, RunStatus

MAY_GO_ON = (*CUT_REASONS, "interrupted", "error", "max_turns")
"""Of a run whose answer may go on, the reason why it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a run is asked for; fields as of `Run.objects.start`."""

    model: str = ""
    reasoning_effort: str = ""
    client_id: str = ""
    on_busy: protocol.OnBusy = "queue"


def regenerate(session_pk: UUID, message_id: UUID, wishes: Wishes, owner: str = "") -> Started:
    """Another answer to the same words; `message_id` is an answer, or the words. Raises MessageGone,
    NothingToRegenerate, and what `Run.objects.start` raises."""
    with verb_transaction():
        session, asked = lock_session(session_pk), _hash("regenerate", message_id, wishes)
        if repeated := _repeated(session, wishes, asked):
            return repeated
        message = _message(session, message_id)
        if message.role == Message.Role.TOOL_CALL and message.tool_name == SUMMARY_TOOL:
            raise NothingToRegenerate()
        tree, first_runs = Tree(session), _first_runs(session)
        node = tree.by_key[message_id]
        is_answer = node.role in OUTPUTS
        below = _before_answer(tree, node, first_runs) if is_answer else _after_words(tree, node, first_runs)
        run = _new_run(session, wishes, asked, below=below, first_position=session.last_position, input_count=0)
        run.first_run = first_runs.get(node.run_id, node.run_id)
        return _accept(session, run, [], wishes, owner)


def edit(
    session_pk: UUID,
    message_id: UUID,
    content: str,
    attachments: list[dict[str, Any]] | None,
    wishes: Wishes,
    owner: str = "",
) -> Started:
    """Other words in the place of a person's message, and an answer to them. Without `attachments` those of the older
    words stay. Raises MessageGone, NotWords, InvalidAttachment, and what `Run.objects.start` raises."""
    with verb_transaction():
        session, asked = lock_session(session_pk), _hash("edit", message_id, wishes, content, attachments)
        if repeated := _repeated(session, wishes, asked):
            return repeated
        message = _message(session, message_id)
        if message.role != Message.Role.USER:
            raise NotWords()
        parent = Tree(session).by_key[message_id].parent
        run = _new_run(session, wishes, asked, below=parent or NO_PARENT, first_position=0, input_count=1)
        if attachments is None:
            kept = {"attachments": message.metadata["attachments"]} if "attachments" in message.metadata else {}
            draft = MessageDraft(role="user", content=content, run_id=run.pk, metadata=kept)
        else:
            draft = user_message(session, run.pk, protocol.UserInput(content, attachments))
        draft = replace(draft, pinned=message.pinned)
        version = add_version(session, draft, parent)
        run.first_position = version.position
        return _accept(session, run, [version], wishes, owner)


def go_on(session_pk: UUID, wishes: Wishes, owner: str = "") -> Started:
    """The last answer, which was cut short, goes on in its own row. While it does, this gives the run that does it.
    Raises NothingToContinue, and what `Run.objects.start` raises."""
    with verb_transaction():
        session, asked = lock_session(session_pk), _hash("continue", None, wishes)
        if repeated := _repeated(session, wishes, asked):
            return repeated
        leaf = session.messages.filter(visible=True).order_by("-position").first()
        if leaf is None:
            raise NothingToContinue()
        if going := Run.objects.filter(session=session, continues=leaf.pk).live().first():
            return Started(going, session, [], again=True)
        if not _is_cut(leaf):
            raise NothingToContinue()
        place = leaf.position - 1  # so that the answer counts as the run's own
        run = _new_run(session, wishes, asked, continues=leaf.pk, first_position=place, input_count=0)
        run.first_run = _first_runs(session).get(leaf.run_id, leaf.run_id)
        return _accept(session, run, [], wishes, owner)


def select(session_pk: UUID, message_id: UUID, patient: bool = False) -> ChatSession:
    """Makes the path through the message, and on to the leaf below it that was seen last, the visible one. What waits
    in the queue comes along. Raises MessageGone, and RunActive where an answer is being written and the caller is
    `patient`."""
    with verb_transaction():
        session = lock_session(session_pk)
        if not _message(session, message_id).visible:
            active = Run.objects.filter(session=session).active()
            if patient and active.exists():
                raise RunActive()
            _stop(session, active)
            _tell(session, show_path(session, Tree(session).leaf_below(message_id)))
        return session


def delete(session_pk: UUID, message_id: UUID) -> ChatSession:
    """Takes the message and all that follows it in its branch out of both layers; of what is live, what would answer
    there is stopped. Words that wait in the queue are followed by nothing. Raises MessageGone."""
    with verb_transaction():
        session = lock_session(session_pk)
        message = _message(session, message_id)
        if _waits(session, message):
            _, silent = waiting_words(session)
            _tell(session, take_out(session, message_id, items_of, silent))
            _note_deletion(session, message_id, 1)
            return session
        gone = [node.pk for node in Tree(session).below(message_id)]
        waiting, _ = waiting_words(session)
        if session.messages.filter(pk__in=waiting.keys() & gone, visible=False).exists():  # which nobody sees there
            note_change(session, show_path(session, end_of_answers(session)))
            gone = [node.pk for node in Tree(session).below(message_id)]
        said_there = Q(pk__in=session.messages.filter(pk__in=gone).exclude(run_id=None).values("run_id"))
        there = said_there | Q(below__in=gone) | Q(continues__in=gone)
        _stop(session, Run.objects.filter(there, session=session).live())
        _, silent = waiting_words(session)
        _tell(session, remove(session, message_id, items_of, silent))
        _note_deletion(session, message_id, len(gone))
        return session


def _note_deletion(session: ChatSession, message_id: UUID, count: int) -> None:
    AuditEntry.objects.note(
        Act.MESSAGE_DELETED, f"message:{message_id}", session=str(session.pk), owner=str(session.owner_id), count=count
    )


def _message(session: ChatSession, message_id: UUID) -> Message:
    message = session.messages.filter(pk=message_id).first()
    if message is None:
        raise MessageGone()
    return message


def _waits(session: ChatSession, message: Message) -> bool:
    """Whether its run has not begun. A run none of whose words is left is stopped."""
    if message.run_id is None or message.role != Message.Role.USER:
        return False
    queued = Run.objects.filter(session=session, status=RunStatus.QUEUED, below=None, input_count__gt=0)
    run = queued.filter(pk=message.run_id).first()
    if run is not None and not run.inputs().exclude(pk=message.pk).exists():
        _stop(session, queued.filter(pk=run.pk))
    return run is not None


def _tell(session: ChatSession, change: PathChange | None) -> None:
    note_change(session, change)
    transaction.on_commit(commit_hooks.run_queued)


def _stop(session: ChatSession, runs: QuerySet[Run]) -> None:
    """The last one first, so that none begins meanwhile. `session` has what the database says after that."""
    found = list(runs.order_by("-first_position", "-created_at").defer("state"))
    for run in found:
        run.end(RunStatus.INTERRUPTED, "interrupted")
    if found:
        session.refresh_from_db()


# -- what is asked for, and whether it was asked for before


def _hash(verb: str, message_id: UUID | None, wishes: Wishes, *said: Any) -> str:
    return digest_of([verb, message_id, said, wishes.model, wishes.reasoning_effort, wishes.on_busy])


def _repeated(session: ChatSession, wishes: Wishes, asked: str) -> Started | None:
    """Raises IdempotencyMismatch, and SessionInactive."""
    if wishes.client_id and (repeated := Run.objects.started_before(session, wishes.client_id, asked, [])):
        return repeated
    if not session.is_active:
        raise SessionInactive()
    return None


def _new_run(session: ChatSession, wishes: Wishes, asked: str, **fields: Any) -> Run:
    return Run(
        session=session,
        model=wishes.model or session.model,
        reasoning_effort=wishes.reasoning_effort or session.reasoning_effort,
        client_id=wishes.client_id,
        command_hash=asked if wishes.client_id else "",
        **fields,
    )


def _accept(session: ChatSession, run: Run, words: Sequence[Message], wishes: Wishes, owner: str) -> Started:
    live = Run.objects.in_order(session)
    at_once = bool(owner) and not live
    Run.objects.require_free_queue(session, live, wishes.on_busy, at_once)
    if live and wishes.on_busy == "interrupt":
        session = Run.objects.stop_active(live)
    started = Started(run, session, [message.pk for message in words])
    if at_once:
        take_place(run, session, words)
    addition = Addition(session)
    if at_once:
        started.mark_claimed()
        started.context = run.begin(addition, owner, words)
        run.first_seq = session.last_seq + 1
        add_events(addition, [protocol.StreamStart()], run.pk)
    else:
        Run.objects.enqueue(addition)
    addition.writes.insert([run])
    addition.write()
    return started


# -- the place of an answer


def _first_runs(session: ChatSession) -> dict[UUID | None, UUID | None]:
    """{run: the run whose words it answers}, of those that answer another's."""
    rows = Run.objects.filter(session=session, first_run__isnull=False)
    return dict(rows.values_list("pk", "first_run"))


def _before_answer(tree: Tree, node: Node, first_runs: dict[UUID | None, UUID | None]) -> UUID:
    """The message below which the answer begins that the node is a part of."""
    answered = first_runs.get(node.run_id, node.run_id)
    while node.parent is not None:
        before = tree.by_key[node.parent]
        if before.role not in OUTPUTS or first_runs.get(before.run_id, before.run_id) != answered:
            return before.pk
        node = before
    raise NothingToRegenerate()


def _after_words(tree: Tree, node: Node, first_runs: dict[UUID | None, UUID | None]) -> UUID:
    """The message below which the words are answered: of several that are answered once, the last; and what came
    before the answer began stays before it."""
    if node.role != Message.Role.USER:
        raise NothingToRegenerate()
    path = tree.path_to(tree.leaf_below(node.pk))
    following = path[[each.pk for each in path].index(node.pk) + 1 :]
    if node.run_id is None:
        return node.pk
    last = node
    for each in following:
        if each.role in OUTPUTS and first_runs.get(each.run_id, each.run_id) == node.run_id and each.parent:
            return each.parent
        if each.role == Message.Role.USER and each.run_id == node.run_id:
            last = each
    return last.pk


def _is_cut(message: Message) -> bool:
    """Whether it is an answer, or the last call of one, that ended before it was whole."""
    if message.role not in OUTPUTS or (message.role == Message.Role.ASSISTANT and not message.content):
        return False
    run = Run.objects.filter(pk=message.run_id).defer("state").first() if message.run_id else None
    if run is None:
        return message.partial and message.role == Message.Role.ASSISTANT
    return run.status not in LIVE and run.finish_reason in MAY_GO_ON
