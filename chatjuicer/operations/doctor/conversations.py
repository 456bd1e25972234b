"""Messages, the context of the model, and the log."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Max, Min, OuterRef, Q, Sum
from django.db.models.functions import Coalesce

from chat_app.log.record import lock_session
from chat_app.models import Event, Run
from chat_app.models.ending import INTERRUPTED_RESULT, PROCESS_LOST, text_so_far
from chatjuicer.encryption import MARK
from sessions_app.models import ChatSession, ContextItem, Message, MessageError

from .check import UNPACKED, Check, Found


def pending_messages() -> list[UUID]:
    live = Run.objects.filter(pk=OuterRef("run_id")).live()
    return list(Message.objects.filter(~Exists(live), status=Message.Status.PENDING).values_list("pk", flat=True))


def pending_message(pk: UUID) -> Found | None:
    message = Message.objects.filter(pk=pk).first()
    if message is None:
        return None
    session = lock_session(message.session_id)
    message.refresh_from_db()
    written = message.run_id is not None and Run.objects.live().filter(pk=message.run_id).exists()
    if written or message.status != Message.Status.PENDING:
        return None
    what = f"message {message.position} of {session.public_id}: pending, and no run writes it"
    return Found(what, partial(finish, session, message))


def finish(session: ChatSession, message: Message) -> None:
    if message.role == Message.Role.TOOL_CALL:
        message.finish_tool(INTERRUPTED_RESULT, False, status="interrupted")
        return
    run = Run.objects.filter(pk=message.run_id).only("first_seq").first() if message.content else None
    text = text_so_far(session.pk, message.pk, (run and run.first_seq) or 0)
    error = MessageError(PROCESS_LOST.code, PROCESS_LOST.message)
    message.complete(message.content + text, status="failed", partial=True, is_error=True, error=error)
    if text:
        session.add_context([{"role": "assistant", "content": text}], message.run_id, [message.pk])


def unpaired_contexts() -> Iterator[UUID]:
    perhaps = Q(item__contains='"function_call') | Q(item__startswith=MARK)  # encrypted items must be read
    of_tools = ContextItem.objects.filter(perhaps).order_by("session_id", "position")
    rows = of_tools.values_list("session_id", "item").iterator(500)
    for session_pk, group in groupby(rows, key=itemgetter(0)):
        items = [ContextItem(item=item).value for _, item in group]
        if calls_of(items).keys() != outputs_of(items).keys():
            yield session_pk


def unpaired_context(session_pk: UUID) -> Found | None:
    """An interrupted call has no output, and is given one whenever the model is asked: that is no fault."""
    session = lock_session(session_pk)
    if Run.objects.filter(session=session).live().exists():
        return None
    rows = list(session.context_items.filter(visible=True).order_by("position"))
    items = [row.value for row in rows]
    calls, outputs = calls_of(items), outputs_of(items)
    shown = session.messages.filter(role=Message.Role.TOOL_CALL, tool_call_id__in=calls.keys() - outputs.keys())
    results = {m.tool_call_id: m for m in shown}
    missing = [
        (output_of(call_id, m), m.pk if m else None)
        for call_id, m in ((call_id, results.get(call_id)) for call_id in calls.keys() - outputs.keys())
        if m is None or m.status != Message.Status.INTERRUPTED
    ]
    stray = [rows[index].pk for call_id, index in outputs.items() if call_id not in calls]
    if not missing and not stray:
        return None

    def mend() -> None:
        session.context_items.filter(pk__in=stray).delete()
        session.add_context([item for item, _ in missing], message_ids=[message_id for _, message_id in missing])

    what = f"context of {session.public_id}: {len(missing)} calls without output, {len(stray)} outputs without call"
    return Found(what, mend)


def output_of(call_id: str, message: Message | None) -> dict[str, Any]:
    output = message.tool_result if message else INTERRUPTED_RESULT
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def calls_of(items: list[dict[str, Any]]) -> dict[str, int]:
    return {str(item.get("call_id")): n for n, item in enumerate(items) if item.get("type") == "function_call"}


def outputs_of(items: list[dict[str, Any]]) -> dict[str, int]:
    return {str(item.get("call_id")): n for n, item in enumerate(items) if item.get("type") == "function_call_output"}


def broken_logs() -> list[UUID]:
    first = Coalesce("events__folded_from", "events__seq")
    numbers = Coalesce(Sum(F("events__seq") - first + 1), 0)
    sessions = UNPACKED.values("pk").annotate(n=numbers, low=Min(first), high=Max("events__seq"))
    whole = Q(n=F("last_seq") - F("forgotten_seq")) & (
        Q(n=0) | Q(low=F("forgotten_seq") + 1, high=F("last_seq"))
    )  # fmt: skip
    return list(sessions.exclude(whole).values_list("pk", flat=True))


def broken_log(session_pk: UUID) -> Found | None:
    session = lock_session(session_pk)
    events = Event.objects.filter(session=session)
    last = max(session.last_seq, events.aggregate(high=Max("seq"))["high"] or 0)
    low = expected = last
    first = Coalesce("folded_from", "seq")
    for first_seq, seq in events.order_by("-seq").values_list(first, "seq").iterator(1000):
        if seq != expected:
            break
        low = expected = first_seq - 1
    forgotten = max(low, session.forgotten_seq)
    there = events.aggregate(numbers=Coalesce(Sum(F("seq") - first + 1), 0))["numbers"]
    if (last, forgotten, last - forgotten) == (session.last_seq, session.forgotten_seq, there):
        return None
    what = f"log of {session.public_id}: last_seq {session.last_seq}, whole from {forgotten + 1} to {last}"
    return Found(what, partial(Event.objects.forget, session, forgotten, last))


CHECKS = [
    Check("pending-message", pending_messages, pending_message),
    Check("unpaired-context", unpaired_contexts, unpaired_context),
    Check("seq-gap", broken_logs, broken_log),
]
