"""What is kept of a run that ends: its text so far in both layers, results for tool calls that were cut off,
and the words of one that never began."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from chat_app import protocol
from chat_app.log.event import Event
from chat_app.log.folded import payload_of
from sessions_app.models import ChatSession, MessageDraft, MessageError
from sessions_app.models.statements import elapsed_ms

from .inputs import context_item
from .run_row import RunRow
from .statements import AtEnd, R
from .status import RunStatus

STOPPED_NOTE = "The user stopped the previous answer before it was finished."
UNHEARD_NOTE = "The user stopped the answer to this before it was begun."
CUT_NOTE = "The previous answer was cut off by a technical fault before it was finished."
INTERRUPTED_RESULT = "The call was interrupted before it returned."
PROCESS_LOST = protocol.Error("process_lost", "The server process that was answering is gone.", retryable=True)
CUT_REASONS = ("length", "budget")  # a run that ends so is completed, and its answer is not


def keep_said(
    seen: AtEnd[R], status: RunStatus, finish_reason: protocol.FinishReason, error: protocol.Error | None
) -> tuple[UUID | None, list[protocol.Event]]:
    """What was said stays, in both layers: the id of the run's last message, and the frames of tool calls that were cut
    short."""
    message_id, frames = seen.last_answer, list[protocol.Event]()
    if seen.has_pending or status != RunStatus.COMPLETED:
        message_id = keep_text(seen.run, seen.session, status, error)
        frames = close_tool_calls(seen.run.pk, seen.session)
    if message_id is not None and finish_reason in CUT_REASONS:
        seen.session.messages.filter(pk=message_id).update(partial=True)
    return message_id, frames


def keep_text(run: RunRow, session: ChatSession, status: RunStatus, error: protocol.Error | None) -> UUID | None:
    """Complete the message that was being written with its text in the log. The id of the run's last message, which is
    an empty failed one if the run failed before it wrote any; None if it wrote none otherwise."""
    message_id = _complete_pending(run, session, status, error)
    if status == RunStatus.INTERRUPTED and run.started_at:
        _note(run, session, STOPPED_NOTE, message_id)
    elif status == RunStatus.FAILED and message_id is not None:
        _note(run, session, CUT_NOTE, message_id)
    if message_id is not None:
        return message_id
    if status == RunStatus.FAILED:
        return _add_failed_message(run, session, error)
    answers = session.messages.filter(run_id=run.pk, role="assistant", position__gt=run.first_position)
    last = answers.order_by("-position").first()
    return last.pk if last else None


def _note(run: RunRow, session: ChatSession, note: str, message_id: UUID | None) -> None:
    """For the model, beside what the run said last; else beside the words that it was to answer."""
    if message_id is None:
        said = session.messages.filter(run_id=run.pk).order_by("-position")
        message_id = said.values_list("pk", flat=True).first() or session.leaf_id
    session.add_context([{"role": "system", "content": note}], run_id=run.pk, message_ids=[message_id])


def _complete_pending(
    run: RunRow, session: ChatSession, status: RunStatus, error: protocol.Error | None
) -> UUID | None:
    pending = session.messages.filter(status="pending", role="assistant", run_id=run.pk).first()
    if pending is None:
        return None
    text = text_so_far(session.pk, pending.pk, run.first_seq or 0)
    pending.complete(
        pending.content + text,  # of an answer that went on, after what it had
        status=status.value,  # "completed", "interrupted" or "failed": the same words for runs and messages
        partial=status != RunStatus.COMPLETED,
        is_error=status == RunStatus.FAILED,
        response_time_ms=elapsed_ms(run.started_at) if run.started_at else None,
        error=_why(error) if status == RunStatus.FAILED else None,
    )
    if text:
        session.add_context([{"role": "assistant", "content": text}], run_id=run.pk, message_ids=[pending.pk])
    return pending.pk


def _add_failed_message(run: RunRow, session: ChatSession, error: protocol.Error | None) -> UUID:
    draft = MessageDraft(
        role="assistant",
        status="failed",
        is_error=True,
        run_id=run.pk,
        model=run.model,
        reasoning=_last_thought(run, session),
        error=_why(error),
    )
    return session.add_messages([draft])[0].pk


def _why(error: protocol.Error | None) -> MessageError:
    error = error or protocol.INTERNAL
    return MessageError(error.code, error.message)


def _last_thought(run: RunRow, session: ChatSession) -> str:
    """What the log has of the model's reasoning since the run's last word or tool call: no message has it yet."""
    events = Event.objects.filter(session=session, run_id=run.pk, seq__gte=run.first_seq or 0)
    said = events.filter(type__in=("delta", "tool_call", "stream_start")).aggregate(last=Max("seq"))["last"] or 0
    thoughts = events.filter(type="reasoning_delta", seq__gt=said).order_by("seq")
    return "".join(map(protocol.delta_content, thoughts.values_list("payload", flat=True)))


def close_tool_calls(run_id: UUID, session: ChatSession) -> list[protocol.Event]:
    """Mark the run's tool calls that have no result as interrupted; a `completed` frame for each of them."""
    frames: list[protocol.Event] = []
    for call in session.messages.filter(status="pending", role="tool_call", run_id=run_id).order_by("position"):
        call.finish_tool(INTERRUPTED_RESULT, False, status="interrupted")
        frames.append(
            protocol.ToolCall.of(
                call.tool_call_id,
                call.tool_name,
                call.tool_arguments,
                "completed",
                result=INTERRUPTED_RESULT,
                success=False,
                interrupted=True,
            )
        )
    return frames


def let_hear(session: ChatSession) -> None:
    """Give the model the words of runs that were stopped before they began, in their place: once the runs before them
    have ended."""
    first_live = session.runs.live().aggregate(first=Min("first_position"))["first"]
    unheard = session.runs.filter(unheard=True).order_by("first_position")
    if first_live is not None:
        unheard = unheard.filter(first_position__lt=first_live)
    for run in unheard.defer("state"):
        note = {"role": "system", "content": UNHEARD_NOTE}
        if words := list(run.inputs()):  # which a person may have deleted
            ids = [message.pk for message in (*words, words[-1])]
            items = [*(context_item(message) for message in words), note]
            session.add_context(items, run_id=run.pk, message_ids=ids)
            if not words[-1].visible:
                session.context_items.filter(message_id__in=ids).update(visible=False)
        session.runs.filter(pk=run.pk).update(unheard=False)


def text_so_far(session_pk: UUID, message_id: UUID, since_seq: int) -> str:
    """The text of a message that is still being written: its deltas in the log, from `since_seq` on."""
    deltas = Event.objects.filter(session_id=session_pk, seq__gte=since_seq, type="delta").order_by("seq")
    ending = f'"message_id":"{message_id}"}}'
    rows = deltas.values_list("seq", "payload", "folded_from").iterator(chunk_size=2000)
    payloads = (payload_of(*row) for row in rows)
    return "".join(protocol.delta_content(payload) for payload in payloads if payload.endswith(ending))


def wire_usage(usage: dict[str, Any] | None) -> dict[str, int] | None:
    """The token counts that `stream_end` carries."""
    keys = ("input_tokens", "output_tokens", "total_tokens")
    return {key: int(usage.get(key) or 0) for key in keys} if usage else None
