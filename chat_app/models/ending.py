"""What stays of a run that ends, as the log has it: its words in both layers, its tool calls, its usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from chat_app import protocol
from chat_app.log.event import Event
from chat_app.log.folded import payload_of
from sessions_app.models import ChatSession, MessageDraft

from .status import RunStatus

if TYPE_CHECKING:
    from .run import Run

STOPPED_NOTE = "The user stopped the previous answer before it was finished."
CUT_NOTE = "The previous answer was cut off by a technical fault before it was finished."
INTERRUPTED_RESULT = "The call was interrupted before it returned."


def keep_what_was_said(run: Run, session: ChatSession, status: RunStatus, error: protocol.Error | None) -> UUID | None:
    """Finish the message that was being written with the text that the log has of it; the last message's id."""
    pending = session.messages.filter(status="pending", role="assistant", run_id=run.pk).first()
    cut = "interrupted" if status == RunStatus.INTERRUPTED else "failed"
    if pending is not None:
        text = text_so_far(session.pk, pending.pk, run.first_seq or 0)
        pending.complete(
            text,
            status="completed" if status == RunStatus.COMPLETED else cut,
            partial=status != RunStatus.COMPLETED,
            is_error=status == RunStatus.FAILED,
            response_time_ms=elapsed_ms(run),
        )
        session.add_context([{"role": "assistant", "content": text}], run_id=run.pk)
    if status == RunStatus.INTERRUPTED and run.started_at:
        session.add_context([{"role": "system", "content": STOPPED_NOTE}], run_id=run.pk)
    elif status == RunStatus.FAILED and pending is not None:
        session.add_context([{"role": "system", "content": CUT_NOTE}], run_id=run.pk)
    if pending is not None:
        return pending.pk
    if status == RunStatus.FAILED:
        code = error.code if error else "internal"
        draft = MessageDraft(
            role="assistant", status="failed", is_error=True, run_id=run.pk, model=run.model,
            metadata={"error": {"code": code, "message": error.message if error else ""}},
        )  # fmt: skip
        return session.add_messages([draft])[0].pk
    said = session.messages.filter(run_id=run.pk, role="assistant", position__gt=run.first_position)
    last = said.order_by("-position").first()
    return last.pk if last else None


def cut_tools(run: Run, session: ChatSession) -> list[protocol.Event]:
    """A `completed` frame for each tool call that will not complete by itrun."""
    frames: list[protocol.Event] = []
    for call in session.messages.filter(status="pending", role="tool_call", run_id=run.pk).order_by("position"):
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


def elapsed_ms(run: Run) -> int | None:
    return int((timezone.now() - run.started_at).total_seconds() * 1000) if run.started_at else None


def text_so_far(session_pk: UUID, message_id: UUID, since_seq: int) -> str:
    """What the log has of an answer that is still being written."""
    deltas = Event.objects.filter(session_id=session_pk, seq__gte=since_seq, type="delta").order_by("seq")
    ending = f'"message_id":"{message_id}"}}'
    rows = deltas.values_list("seq", "payload", "folded_from").iterator(chunk_size=2000)
    payloads = (payload_of(*row) for row in rows)
    return "".join(protocol.delta_content(payload) for payload in payloads if payload.endswith(ending))


def wire_usage(usage: dict[str, Any] | None) -> dict[str, int] | None:
    keys = ("input_tokens", "output_tokens", "total_tokens")
    return {key: int(usage.get(key) or 0) for key in keys} if usage else None
