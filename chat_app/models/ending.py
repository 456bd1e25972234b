"""What is kept of a run that ends: its text so far in both layers, and results for tool calls that were cut off."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from chat_app import protocol
from chat_app.log.event import Event
from chat_app.log.folded import payload_of
from sessions_app.models import ChatSession, MessageDraft
from sessions_app.models.statements import elapsed_ms

from .status import RunStatus

STOPPED_NOTE = "The user stopped the previous answer before it was finished."
UNHEARD_NOTE = "The user stopped the answer to this before it was begun."
CUT_NOTE = "The previous answer was cut off by a technical fault before it was finished."
INTERRUPTED_RESULT = "The call was interrupted before it returned."
CLAIM_FAILED = protocol.Error("internal", "Something went wrong on the server.", retryable=True)
PROCESS_LOST = protocol.Error("process_lost", "The server process that was answering is gone.", retryable=True)


class EndingRun(Protocol):
    """What is asked of the run; the model itself would be a circular import."""

    pk: UUID
    model: str
    started_at: datetime | None
    first_seq: int | None
    first_position: int


def keep_text(run: EndingRun, session: ChatSession, status: RunStatus, error: protocol.Error | None) -> UUID | None:
    """Complete the message that was being written with its text in the log. The id of the run's last message, which is
    an empty failed one if the run failed before it wrote any; None if it wrote none otherwise."""
    message_id = _complete_pending(run, session, status)
    if status == RunStatus.INTERRUPTED and run.started_at:
        session.add_context([{"role": "system", "content": STOPPED_NOTE}], run_id=run.pk)
    elif status == RunStatus.FAILED and message_id is not None:
        session.add_context([{"role": "system", "content": CUT_NOTE}], run_id=run.pk)
    if message_id is not None:
        return message_id
    if status == RunStatus.FAILED:
        return _add_failed_message(run, session, error)
    answers = session.messages.filter(run_id=run.pk, role="assistant", position__gt=run.first_position)
    last = answers.order_by("-position").first()
    return last.pk if last else None


def _complete_pending(run: EndingRun, session: ChatSession, status: RunStatus) -> UUID | None:
    pending = session.messages.filter(status="pending", role="assistant", run_id=run.pk).first()
    if pending is None:
        return None
    text = text_so_far(session.pk, pending.pk, run.first_seq or 0)
    pending.complete(
        text,
        status=status.value,  # "completed", "interrupted" or "failed": the same words for runs and messages
        partial=status != RunStatus.COMPLETED,
        is_error=status == RunStatus.FAILED,
        response_time_ms=elapsed_ms(run.started_at) if run.started_at else None,
    )
    session.add_context([{"role": "assistant", "content": text}], run_id=run.pk)
    return pending.pk


def _add_failed_message(run: EndingRun, session: ChatSession, error: protocol.Error | None) -> UUID:
    code, message = (error.code, error.message) if error else ("internal", "")
    draft = MessageDraft(
        role="assistant", status="failed", is_error=True, run_id=run.pk, model=run.model,
        metadata={"error": {"code": code, "message": message}},
    )  # fmt: skip
    return session.add_messages([draft])[0].pk


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
